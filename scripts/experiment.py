"""One run: what is run, on which game and model, and how it is recorded."""

from collections.abc import Mapping
import dataclasses
import os
from typing import Any

from absl import flags
import pyspiel

from mftrpo_openspiel import checkpoints
from mftrpo_openspiel import event_files
from mftrpo_openspiel import models
from mftrpo_openspiel import recording
from mftrpo_openspiel import run_config
from mftrpo_openspiel import run_directory
from mftrpo_openspiel import runs
from mftrpo_openspiel import validation
from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import factory as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import game_parameters
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

DEFAULT_REGULARIZATION = 0.05

# Which flags each algorithm takes, by the names of its own parameters.
OPTIONS = {
  "mf_trpo": {
    "regularization": "regularization",
    "num_policy_updates": "num_policy_updates",
    "num_population_steps": "num_population_steps",
    "population_update_rate": "population_update_rate",
    "warm_start": "warm_start",
    "max_step_count": "max_step_count",
    "annealing": "annealing",
  },
  "fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
    "regularization": "regularization",
  },
  "mirror_descent": {"lr": "learning_rate", "regularization": "regularization"},
  "fixed_point": {
    "temperature": "temperature",
    "regularization": "regularization",
  },
  "prior_descent": {
    "temperature": "temperature",
    "num_prior_iterations": "num_prior_iterations",
  },
  "boltzmann_policy_iteration": {"temperature": "temperature"},
  "openspiel_fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
  },
  "openspiel_mirror_descent": {"lr": "learning_rate"},
  "openspiel_mirror_descent_frozen_table": {"lr": "learning_rate"},
}


class _RateParser(flags.FloatParser):
  """Takes numbers and "auto"."""

  syntactic_help = "a number or auto"

  def parse(self, argument):
    return argument if argument == "auto" else super().parse(argument)


def _define_rate(
  name: str, default: float | None, text: str, flag_values: flags.FlagValues
) -> None:
  flags.DEFINE(_RateParser(), name, default, text, flag_values=flag_values)


# Flags with their default and what --help says.
_FLAGS = {
  flags.DEFINE_integer: {
    "num_iterations": (1000, "Number of iterations."),
    "num_policy_updates": (
      None,
      "L, policy updates in an iteration of mf_trpo (default 10, or 1 with"
      " --warm_start).",
    ),
    "num_population_steps": (
      None,
      "M, population steps in an iteration of mf_trpo; not given: the limit of"
      " many.",
    ),
    "max_step_count": (
      None,
      "Bound on the step counter of mf_trpo with --warm_start (default 0);"
      " about 10 where it does not settle.",
    ),
    "num_prior_iterations": (
      None,
      "Iterations of prior_descent with one prior; not given: all of them.",
    ),
    "record_every": (
      None,
      "Records at every so many iterations; not given: log-spaced.",
    ),
    "num_records": (
      10,
      "Records per factor of ten iterations, where log-spaced.",
    ),
  },
  flags.DEFINE_float: {
    "regularization": (
      None,
      "eta, weight of the entropy bonus; for mf_trpo (default 0.05),"
      " mirror_descent, fictitious_play and fixed_point (default 0). Also that"
      " of the regularized exploitability (default 0.05).",
    ),
    "learning_rate": (
      None,
      "For mirror_descent (default 0.01) and fictitious_play (default 1 /"
      " (iteration + 1)).",
    ),
    "temperature": (
      None,
      "Of softmax responses, for fictitious_play and fixed_point (default: best"
      " ones), prior_descent and boltzmann_policy_iteration (default 1).",
    ),
    "checkpoint_seconds": (
      30.0,
      "Least time between two checkpoints; longer where writing them would take"
      " more than 2 % of the time.",
    ),
  },
  _define_rate: {
    "population_update_rate": (
      None,
      "beta of mf_trpo (default 0.01), or auto: one that finds itself.",
    ),
  },
  flags.DEFINE_bool: {
    "warm_start": (None, "Whether mf_trpo goes on from its previous policy."),
    "annealing": (
      None,
      "Whether regularization and population_update_rate of mf_trpo go to 0: it"
      " then ends without the bias of the regularization.",
    ),
    "log_distribution": (
      False,
      "Whether the mean field is kept at each record.",
    ),
    "tensorboard": (
      False,
      "Whether a TensorBoard event file is written too; needs tensorboardX.",
    ),
  },
}


@dataclasses.dataclass(frozen=True)
class Experiment:
  """All that is needed to repeat a run.

  Attributes:
    game_name: OpenSpiel game, or None where the setting is one of ours.
    setting: Of the game, or None.
    game_parameters: On top of these, by name.
    model: One of `models.MODELS`; None for "openspiel" with OpenSpiel's own
      algorithms, "stationary" where the game is one over a mean-field MDP, and
      "compiled" elsewhere.
    algorithm: One of `algorithms.factory.ALGORITHMS`.
    options: Of the algorithm, by the names of its parameters.
    num_iterations: How long.
    regularization: eta of the regularized exploitability.
    record_every: A record at every so many iterations; None for log-spaced.
    num_records: Records per factor of ten iterations where log-spaced.
    log_distribution: Whether the mean field is kept at each record.
    checkpoint_seconds: Least time between two checkpoints.
    tensorboard: Whether a TensorBoard event file is written too.
  """

  game_name: str | None = None
  setting: str | None = None
  game_parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  model: str | None = None
  algorithm: str = "mf_trpo"
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  num_iterations: int = 1000
  regularization: float = DEFAULT_REGULARIZATION
  record_every: int | None = None
  num_records: int = 10
  log_distribution: bool = False
  checkpoint_seconds: float = 30.0
  tensorboard: bool = False

  def __post_init__(self):
    validation.check_choice(
      "algorithm", self.algorithm, algorithm_factory.ALGORITHMS
    )
    validation.check_int(
      "num_iterations", self.num_iterations, 1, runs.MAX_ITERATIONS
    )
    validation.check_int(
      "num_records", self.num_records, 1, runs.MAX_RECORDS_PER_DECADE
    )
    if self.record_every is not None:
      runs.check_spacing("record_every", self.record_every, self.num_iterations)
    for name in ("regularization", "checkpoint_seconds"):
      validation.check_real(name, getattr(self, name), 0)
    for name, value in self.options.items():
      if isinstance(value, float):  # The algorithm checks the rest.
        validation.check_real(name, value)

  def record_at(self) -> list[int]:
    """Returns the iterations at which there are records."""
    if self.record_every is not None:
      return runs.evenly_spaced_iterations(
        self.num_iterations, self.record_every
      )
    return runs.log_spaced_iterations(self.num_iterations, self.num_records)

  def create_game(self) -> pyspiel.Game:
    """Returns the game.

    Raises:
      ValueError: If there is no such game, setting or parameter.
    """
    game = game_factory.create_game(self.game_name, self.setting)
    if self.game_parameters:
      game = game_parameters.changed(game, self.game_parameters)
    return game

  def model_name(self, game: pyspiel.Game) -> str:
    """Returns the name of the model, the default one for the game if None."""
    if self.model is not None:
      return self.model
    if self.algorithm.startswith("openspiel"):
      return "openspiel"
    return "stationary" if hasattr(game, "mean_field_mdp") else "compiled"

  def create_algorithm(
    self, game: pyspiel.Game
  ) -> algorithm_lib.MeanFieldAlgorithm:
    """Returns the algorithm, before its first iteration.

    Raises:
      ValueError: If it does not run on the model, or an option is refused.
    """
    model = models.create_model(self.model_name(game), game)
    return algorithm_factory.create_algorithm(
      self.algorithm, model, **self.options
    )


def perform(
  experiment: Experiment,
  logdir: str | os.PathLike | None,
  resume: bool = False,
  report: recording.Report | None = None,
) -> run_directory.RunResult:
  """Runs an experiment.

  Args:
    experiment: What to run.
    logdir: The run directory; None to keep nothing on disk.
    resume: Whether a run in `logdir` is gone on with, and if it is finished,
      left as it is and returned with `costs` None. Where there is none yet it
      is begun.
    report: Called after each iteration (`step.record` is None at most of them).

  Raises:
    ValueError: If the experiment cannot be run, or not in this folder.
    recording.Interrupted: On Ctrl-C, once the run has begun.
  """
  if experiment.tensorboard:
    event_files.check_available()
  game = experiment.create_game()
  model = experiment.model_name(game)
  experiment = dataclasses.replace(experiment, model=model)
  config = run_config.make(dataclasses.asdict(experiment), str(game), model)
  if logdir is None:
    if experiment.tensorboard:
      raise ValueError("tensorboard must not be set without logdir.")
    memory = recording.Memory()
    algorithm = experiment.create_algorithm(game)
    costs = _run(experiment, algorithm, memory, None, report)
    return run_directory.RunResult(
      config,
      memory.records,
      memory.solution,
      memory.mean_fields,
      costs,
      algorithm.model.accuracy(),
    )
  if resume and run_directory.is_finished(logdir, config):
    return run_directory.read(logdir)
  algorithm = experiment.create_algorithm(game)
  with run_directory.RunDirectory(logdir) as directory:
    num_states = len(algorithm.model.legal_actions_mask)
    checkpoint, records = directory.found(
      config, experiment.record_at(), resume, num_states
    )
    if checkpoint is not None:
      try:
        algorithm.restore(checkpoint.state)
      except ValueError as error:
        raise ValueError(f"{logdir}/checkpoint.npz: {error}") from None
    directory.begin(config, records)
    costs = _run(experiment, algorithm, directory, checkpoint, report)
  return dataclasses.replace(
    run_directory.read(logdir),
    costs=costs,
    accuracy=algorithm.model.accuracy(),
  )


def _run(
  experiment: Experiment,
  algorithm: algorithm_lib.MeanFieldAlgorithm,
  directory: run_directory.RunDirectory | recording.Memory,
  checkpoint: checkpoints.Checkpoint | None,
  report: recording.Report | None,
) -> runs.Costs:
  """Runs an algorithm from a checkpoint; see `recording.Recorder`."""
  recorder = recording.Recorder(
    algorithm, experiment.model, directory, experiment.log_distribution, report
  )
  recorder.run(
    experiment.num_iterations,
    experiment.regularization,
    experiment.record_at(),
    checkpoint,
  )
  return recorder.costs


def define_flags(flag_values: flags.FlagValues = FLAGS) -> None:
  """Defines the flags of an experiment."""
  programs.define_game_flags(flag_values)
  flags.DEFINE_list(
    "game_parameters",
    [],
    "Parameters of the game on top of --game_name or --setting, as in"
    " seed=3,crowd_aversion=0.4.",
    flag_values=flag_values,
  )
  flags.DEFINE_enum(
    "model",
    None,
    sorted(models.MODELS),
    "stationary: infinite horizon, for games over a mean-field MDP, and their"
    " default; compiled: finite horizon on arrays, the default of all others;"
    " openspiel: finite horizon by OpenSpiel's utilities, the default of its"
    " own algorithms.",
    flag_values=flag_values,
  )
  flags.DEFINE_enum(
    "algorithm",
    "mf_trpo",
    sorted(algorithm_factory.ALGORITHMS),
    "What learns.",
    flag_values=flag_values,
  )
  for define, table in _FLAGS.items():
    for name, (default, text) in table.items():
      define(name, default, text, flag_values=flag_values)


def from_flags(flag_values: flags.FlagValues = FLAGS) -> Experiment:
  """Returns the experiment that the flags ask for.

  Raises:
    ValueError: If a flag is given that the algorithm does not take, or that the
      others make pointless, or a game parameter is none of the game.
  """
  values = flag_values.flag_values_dict()
  if values["record_every"] is not None and flag_values["num_records"].present:
    raise ValueError("num_records must not be given with record_every.")
  fields = {
    field.name: values[field.name]
    for field in dataclasses.fields(Experiment)
    if field.name in values
  }
  if fields["regularization"] is None:
    fields["regularization"] = DEFAULT_REGULARIZATION
  fields["options"] = _options(values["algorithm"], flag_values)
  fields["game_parameters"] = {}
  experiment = Experiment(**fields)
  if not values["game_parameters"]:
    return experiment
  parameters = game_parameters.parse(
    values["game_parameters"], experiment.create_game()
  )
  return dataclasses.replace(experiment, game_parameters=parameters)


def _options(algorithm: str, flag_values: flags.FlagValues) -> dict[str, Any]:
  taken = OPTIONS[algorithm]
  all_flags = {flag for names in OPTIONS.values() for flag in names.values()}
  # Every run measures with --regularization.
  for flag in sorted(all_flags - {"regularization"} - set(taken.values())):
    if flag_values[flag].value is not None:
      raise ValueError(f"--{flag} is not an option of algorithm {algorithm!r}.")
  options = {
    option: flag_values[flag].value
    for option, flag in taken.items()
    if flag_values[flag].value is not None
  }
  if options.get("annealing"):  # Has no regularization of its own.
    options.pop("regularization", None)
  return options
