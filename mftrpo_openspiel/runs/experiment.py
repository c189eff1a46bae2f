"""What is run, on which game and model, how it is recorded; and its run."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import os
from typing import Any

import pyspiel

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.algorithms import whole_state
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import event_files
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.utils import plugins
from mftrpo_openspiel.utils import validation

# Before the name of a game parameter among the values of an experiment, and of
# an option of the algorithm that is given by its own name.
PARAMETER = "game_parameters."
OPTION = "algorithm_options."
# The name of a flag that models take which count environment steps.
BUDGET = "max_environment_steps"
# The name among them of the field `regularization`: there, "regularization" is
# the option of an algorithm.
EVALUATION_REGULARIZATION = "evaluation_regularization"


@dataclasses.dataclass(frozen=True)
class Experiment:
  """All that is needed to repeat a run.

  Attributes:
    game_name: OpenSpiel game, or None where the setting is one of ours.
    setting: Named parameters of the game, or None.
    game_parameters: Values by name that are others than those.
    model: One of `from_game.MODELS`; None for the one that the algorithm needs,
      "openspiel" with OpenSpiel's own, if it needs one; else that of
      `from_game.default_model`.
    algorithm: One of `registry.ALGORITHMS`, or where it stands, as
      "package.module:Class".
    options: Of the algorithm, by the names of its parameters.
    num_iterations: Of the algorithm, at least 1.
    regularization: eta of the regularized exploitability.
    record_every: A record at every so many iterations; None for log-spaced.
    num_records: Records per factor of ten iterations where log-spaced.
    log_distribution: Whether the mean field is kept at each record.
    log_policy: Whether the policy is kept at each record.
    checkpoint_seconds: Least time between two checkpoints.
    tensorboard: Whether a TensorBoard event file is written too.
    imports: Modules that are imported before anything is looked up: they
      register games and algorithms.
    stop_below: The run is finished once a recorded exploitability, phi_0, is
      less; None for never before `num_iterations`.
    model_options: Of the model, by the names of `from_game.options_of`.
    max_environment_steps: The run is finished after the iteration by which its
      model has simulated so many steps; None for never before
      `num_iterations`.
  """

  game_name: str | None = None
  setting: str | None = None
  game_parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  model: str | None = None
  algorithm: str = "annealed_mf_trpo"
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  num_iterations: int = 1000
  regularization: float = 0.05
  record_every: int | None = None
  num_records: int = 10
  log_distribution: bool = False
  log_policy: bool = False
  checkpoint_seconds: float = 30.0
  tensorboard: bool = False
  imports: Sequence[str] = dataclasses.field(default_factory=list)
  stop_below: float | None = None
  model_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  max_environment_steps: int | None = None

  def __post_init__(self):
    self.load_plugins()
    validation.check_int(
      "num_iterations", self.num_iterations, 1, iteration_loop.MAX_ITERATIONS
    )
    iteration_loop.check_records(
      self.num_iterations, self.num_records, self.record_every
    )
    for name in ("regularization", "checkpoint_seconds"):
      validation.check_real(name, getattr(self, name), 0)
    if self.stop_below is not None:
      validation.check_real("stop_below", self.stop_below, 0, low_open=True)
    if self.max_environment_steps is not None:
      validation.check_int(BUDGET, self.max_environment_steps, 1)
    validation.check_type("model_options", self.model_options, Mapping)
    for name, value in self.options.items():
      if isinstance(value, float):  # The algorithm checks the rest.
        validation.check_real(name, value)

  def load_plugins(self) -> None:
    """Imports the modules that register games, and that of the algorithm.

    Raises:
      ValueError: If that fails, or there is no such algorithm.
    """
    validation.check_type("imports", self.imports, list, tuple)
    plugins.import_modules(self.imports)
    registry.find(self.algorithm)

  def record_at(self) -> list[int]:
    """Returns the iterations at which there are records."""
    return iteration_loop.iterations_to_record(
      self.num_iterations, self.num_records, self.record_every
    )

  def create_game(self) -> pyspiel.Game:
    """Returns the game.

    Raises:
      ValueError: If there is no such game, setting or parameter.
    """
    # Another process may have made this experiment.
    self.load_plugins()
    game = game_factory.create_game(self.game_name, self.setting)
    if self.game_parameters:
      game = game_parameters.changed(game, self.game_parameters)
    return game

  def model_name(self, game: pyspiel.Game) -> str:
    """Returns the name of the model, the default one for the game if None."""
    if self.model is not None:
      return self.model
    needed = registry.find(self.algorithm).model
    if needed is not None:
      return needed
    return from_game.default_model(game)

  def create_algorithm(
    self, game: pyspiel.Game
  ) -> algorithm_lib.MeanFieldAlgorithm:
    """Returns the algorithm, before its first iteration.

    Raises:
      ValueError: If it does not run on the model, or an option is refused.
    """
    model = from_game.create_model(
      self.model_name(game), game, **self.model_options
    )
    iteration_loop.check_budget(model, self.max_environment_steps)
    return registry.create_algorithm(self.algorithm, model, **self.options)


def recorded_game(config: Mapping[str, Any]) -> pyspiel.Game:
  """Returns the game of a run, also where its algorithm is known no more.

  Args:
    config: As in config.json.

  Raises:
    ValueError: If there is no such game (any more), or a module that registers
      it cannot be imported.
  """
  names = ("game_name", "setting", "game_parameters", "imports")
  fields = {name: config["experiment"][name] for name in names}
  return Experiment(**fields).create_game()


def create_experiment(values: Mapping[str, Any]) -> Experiment:
  """Returns the experiment with values that are named as in programs.

  Args:
    values: Of fields, and of options of the algorithm and of the model by the
      names of their flags; "regularization" is the option, and the field of
      that name is "evaluation_regularization". If that is not given, it is the
      option where that is given and positive. And texts of game parameters, as
      game_parameters.NAME, and of options of the algorithm by their own names,
      as algorithm_options.NAME.

  Raises:
    ValueError: If a value is refused.
  """
  if "record_every" in values and "num_records" in values:
    raise ValueError("num_records must not be given with record_every.")
  names = run_config.FIELDS.keys() - {"regularization", "model_options"}
  experiment = Experiment(
    **{name: x for name, x in values.items() if name in names}
  )
  options = {
    name: values[option.flag]
    for name, option in registry.options_of(experiment.algorithm).items()
    if option.flag in values
  }
  model_options = {
    name: values[option.flag]
    for name, option in from_game.options_of(experiment.model or "").items()
    if option.flag in values
  }
  option_texts = _starting(OPTION, values)
  for name in option_texts.keys() & options.keys():
    raise ValueError(
      f"{registry.OPTIONS[name].flag} must be given once, got it by a flag of"
      f" its own and as {OPTION}{name}."
    )
  options |= registry.parse_options(experiment.algorithm, option_texts)
  texts = _starting(PARAMETER, values)
  parameters = (
    game_parameters.parse(texts, experiment.create_game()) if texts else {}
  )
  if EVALUATION_REGULARIZATION in values:
    regularization = validation.check_real(
      EVALUATION_REGULARIZATION, values[EVALUATION_REGULARIZATION], 0
    )
  else:
    regularization = options.get("regularization") or experiment.regularization
  return dataclasses.replace(
    experiment,
    game_parameters=parameters,
    model_options=model_options,
    options=options,
    regularization=regularization,
  )


def untaken_option(flag: str, *algorithms: str) -> str:
  """Returns the message for an option that none of `algorithms` takes.

  Args:
    flag: Its name in programs.
    *algorithms: What was asked for.
  """
  takers = [
    name
    for name in registry.ALGORITHMS
    if flag in {option.flag for option in registry.options_of(name).values()}
  ]
  advice = (
    f"; --{EVALUATION_REGULARIZATION} sets the eta of phi_eta"
    if flag == "regularization"
    else ""
  )
  return (
    f"--{flag} is for --algorithm={', '.join(takers)}, not for"
    f" {', '.join(algorithms)}{advice}."
  )


def model_flags() -> set[str]:
  """Returns the flags that some models take, and others do not."""
  return {
    BUDGET,
    *(
      option.flag
      for options in from_game.OPTIONS.values()
      for option in options.values()
    ),
  }


def flags_of_model(name: str | None) -> set[str]:
  """Returns those of `model_flags` that a model takes; None is the default."""
  if name is None:
    return set()
  flags = {option.flag for option in from_game.options_of(name).values()}
  return flags | {BUDGET} if name in from_game.COUNTING_MODELS else flags


def untaken_model_option(flag: str, *models: str | None) -> str:
  """Returns the message for an option that none of `models` takes.

  Args:
    flag: Its name in programs.
    *models: What was asked for; None for the default model.
  """
  takers = [name for name in from_game.MODELS if flag in flags_of_model(name)]
  asked = [model or "the default model" for model in models]
  advice = (
    "; the seed of a game is one of its parameters, --game_parameters=seed=N,"
    " or game_parameters.seed in a grid"
    if flag == "seed"
    else ""
  )
  return (
    f"--{flag} is for --model={', '.join(takers)}, not for"
    f" {', '.join(asked)}{advice}."
  )


def _starting(start: str, values: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the values whose names start so, by the rest of their names."""
  return {
    name.removeprefix(start): value
    for name, value in values.items()
    if name.startswith(start)
  }


def run_experiment(
  experiment: Experiment,
  logdir: str | os.PathLike | None = None,
  resume: bool = False,
  report: iteration_loop.Report | None = None,
) -> run_directory.RunResult:
  """Runs an experiment.

  Args:
    experiment: What to run.
    logdir: The run directory; None to keep nothing on disk.
    resume: Whether a run in `logdir` is gone on with, and if it is finished,
      left as it is and returned with `costs` None. Where there is none yet it
      is begun.
    report: Called after each iteration; most have no `record`.

  Raises:
    ValueError: If the experiment cannot be run, or not in this folder.
    run_loop.Interrupted: On Ctrl-C, once the run has begun.
  """
  if experiment.tensorboard:
    if logdir is None:
      raise ValueError("tensorboard must not be set without logdir.")
    event_files.check_available()
  game = experiment.create_game()
  model_name = experiment.model_name(game)
  experiment = dataclasses.replace(experiment, model=model_name)
  exact = from_game.exact_kind(model_name, game, experiment.model_options)
  config = run_config.create_config(
    dataclasses.asdict(experiment), str(game), exact
  )
  if logdir and resume and run_directory.is_finished(logdir, config):
    return run_directory.load_run(logdir)
  algorithm = experiment.create_algorithm(game)
  record_at = experiment.record_at()
  run = functools.partial(
    run_loop.run,
    algorithm,
    exact,
    regularization=experiment.regularization,
    record_at=record_at,
    stop_below=experiment.stop_below,
    max_environment_steps=experiment.max_environment_steps,
    report=report,
  )
  num_iterations = experiment.num_iterations
  if logdir is None:
    memory = run_loop.MemorySink(
      experiment.log_distribution, experiment.log_policy
    )
    costs = run(num_iterations, sink=memory)
    result = run_directory.RunResult(
      config,
      memory.records,
      memory.solution,
      memory.mean_fields,
      policies=memory.policies,
    )
  else:
    with run_directory.locked(logdir) as folder:
      start, records = run_directory.read_progress(
        folder,
        config,
        record_at,
        resume,
        algorithm.model.legal_actions_mask,
      )
      if start is not None:
        try:
          whole_state.restore(algorithm, start.state)
        except ValueError as error:
          raise ValueError(f"{logdir}/checkpoint.npz: {error}") from None
        if run_directory.is_stopped(start.iteration, records, config):
          num_iterations = start.iteration
        else:
          _check_budget_left(algorithm.model, experiment, logdir)
      has_steps = algorithm.model.num_environment_steps is not None
      with run_directory.RunWriter(
        folder, config, records, has_steps
      ) as writer:
        costs = run(num_iterations, sink=writer, start=start)
    result = run_directory.load_run(logdir)
  accuracy = algorithm.model.accuracy()
  return dataclasses.replace(result, costs=costs, accuracy=accuracy)


def _check_budget_left(
  model: model_lib.MeanFieldModel,
  experiment: Experiment,
  logdir: str | os.PathLike,
) -> None:
  """Raises a ValueError if a run to be gone on with has spent its budget.

  It has no record of where it is, which the end of a run must have.
  """
  spent, budget = model.num_environment_steps, experiment.max_environment_steps
  if iteration_loop.are_spent(spent, budget):
    raise ValueError(
      f"max_environment_steps must be more than {spent} to go on with the run"
      f" in {logdir}, which has simulated so many, got {budget}."
    )
