"""Experiments: the definition of a run, and the function that performs it."""

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

# Prefixes, in the values of an experiment, of the names of game parameters, and
# of options of the algorithm that are given by their own names.
PARAMETER = "game_parameters."
OPTION = "algorithm_options."
# Name of the flag for models that count environment steps.
BUDGET = "max_environment_steps"
# Name, in these values, of the field `regularization`; there, "regularization"
# is an option of the algorithm.
EVALUATION_REGULARIZATION = "evaluation_regularization"


@dataclasses.dataclass(frozen=True)
class Experiment:
  """The definition of a run: everything that is needed to repeat it.

  Attributes:
    game_name: OpenSpiel game, or None if the setting belongs to one game of
      this package.
    setting: Name of a set of game parameters, or None.
    game_parameters: Values by name that override those of the game and setting.
    model: One of `from_game.MODELS`. None for the model that the algorithm
      needs, such as "openspiel" for OpenSpiel's own algorithms, or else the
      one of `from_game.default_model`.
    algorithm: One of `registry.ALGORITHMS`, or "package.module:Class".
    options: Options of the algorithm, by the names of its parameters.
    num_iterations: Number of iterations, at least 1.
    regularization: eta of the regularized exploitability.
    record_every: Number of iterations between records; None for log-spaced
      records.
    num_records: Number of log-spaced records per factor of ten in iterations.
    log_distribution: Whether the mean field is stored at each record.
    log_policy: Whether the policy is stored at each record.
    checkpoint_seconds: Minimum time between two checkpoints, in seconds.
    tensorboard: Whether a TensorBoard event file is written too.
    imports: Modules that register games and algorithms. They are imported
      first.
    stop_below: The run ends once a recorded exploitability, phi_0, is below
      this value; None to end after `num_iterations`.
    model_options: Options of the model, by the names of `from_game.options_of`.
    max_environment_steps: The run ends after the iteration by which its model
      has simulated this number of steps; None to end after `num_iterations`.
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
      if isinstance(value, float):  # The algorithm checks other types.
        validation.check_real(name, value)

  def load_plugins(self) -> None:
    """Imports the modules that register games, and the algorithm's module.

    Raises:
      ValueError: If an import fails, or there is no such algorithm.
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
    # This experiment may have been created in another process.
    self.load_plugins()
    game = game_factory.create_game(self.game_name, self.setting)
    if self.game_parameters:
      game = game_parameters.changed(game, self.game_parameters)
    return game

  def model_name(self, game: pyspiel.Game) -> str:
    """Returns the name of the model, by default that of the game."""
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
  """Returns the game of a run, even if its algorithm no longer exists.

  Args:
    config: The contents of config.json.

  Raises:
    ValueError: If the game does not exist, or a module that registers it
      cannot be imported.
  """
  names = ("game_name", "setting", "game_parameters", "imports")
  fields = {name: config["experiment"][name] for name in names}
  return Experiment(**fields).create_game()


def create_experiment(values: Mapping[str, Any]) -> Experiment:
  """Returns the experiment with the given values of flags.

  Args:
    values: Values by the names of flags, for fields of the experiment and for
      options of the algorithm and of the model. "regularization" is the option
      of the algorithm. The field of that name is "evaluation_regularization";
      its default is the option if that is given and positive. Game parameters
      are texts named game_parameters.NAME, and options of the algorithm by
      their own names are texts named algorithm_options.NAME.

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
    flag: Name of its flag.
    *algorithms: The requested algorithms.
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
  """Returns the flags that only some models take."""
  return {
    BUDGET,
    *(
      option.flag
      for options in from_game.OPTIONS.values()
      for option in options.values()
    ),
  }


def flags_of_model(name: str | None) -> set[str]:
  """Returns the `model_flags` of a model; None is the default model."""
  if name is None:
    return set()
  flags = {option.flag for option in from_game.options_of(name).values()}
  return flags | {BUDGET} if name in from_game.COUNTING_MODELS else flags


def untaken_model_option(flag: str, *models: str | None) -> str:
  """Returns the message for an option that none of `models` takes.

  Args:
    flag: Name of its flag.
    *models: The requested models; None for the default model.
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
  """Returns the values with a prefix, by their names without it."""
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
    logdir: The run directory; None to store nothing on disk.
    resume: Whether a run in `logdir` is resumed. A finished run is not changed
      and returned with `costs` None. If there is no run, it is started.
    report: Called after each iteration; `record` is None for most of them.

  Raises:
    ValueError: If the experiment cannot be run, or not in this folder.
    run_loop.Interrupted: On Ctrl-C, once the run has started.
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
          validation.check_policy(
            algorithm.policy, algorithm.model.legal_actions_mask
          )
        except ValueError as error:
          raise ValueError(
            f"{logdir}/checkpoint.npz does not fit the game and the algorithm,"
            " which may have changed since the run was started; start a new"
            f" run in another folder ({str(error).rstrip('.')})."
          ) from None
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
  """Raises a ValueError if a run to be resumed has already used its budget.

  It cannot end where it is, because it has no record of its last iteration.
  """
  spent, budget = model.num_environment_steps, experiment.max_environment_steps
  if iteration_loop.are_spent(spent, budget):
    raise ValueError(
      f"max_environment_steps must be more than {spent}, the number that the"
      f" run in {logdir} has already simulated, to resume it, got {budget}."
    )
