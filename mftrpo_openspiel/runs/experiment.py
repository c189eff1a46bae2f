"""One run: what is run, on which game and model, and how it is recorded."""

from collections.abc import Mapping
import dataclasses
import os
from typing import Any

import pyspiel

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import event_files
from mftrpo_openspiel.runs import recorder as recorder_lib
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.utils import validation

DEFAULT_REGULARIZATION = 0.05


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
      "num_iterations", self.num_iterations, 1, run_loop.MAX_ITERATIONS
    )
    validation.check_int(
      "num_records", self.num_records, 1, run_loop.MAX_RECORDS_PER_DECADE
    )
    if self.record_every is not None:
      run_loop.check_spacing(
        "record_every", self.record_every, self.num_iterations
      )
    for name in ("regularization", "checkpoint_seconds"):
      validation.check_real(name, getattr(self, name), 0)
    for name, value in self.options.items():
      if isinstance(value, float):  # The algorithm checks the rest.
        validation.check_real(name, value)

  def record_at(self) -> list[int]:
    """Returns the iterations at which there are records."""
    if self.record_every is not None:
      return run_loop.evenly_spaced_iterations(
        self.num_iterations, self.record_every
      )
    return run_loop.log_spaced_iterations(self.num_iterations, self.num_records)

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
    model = from_game.create_model(self.model_name(game), game)
    return algorithm_factory.create_algorithm(
      self.algorithm, model, **self.options
    )


def run_experiment(
  experiment: Experiment,
  logdir: str | os.PathLike | None,
  resume: bool = False,
  report: recorder_lib.Report | None = None,
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
    memory = recorder_lib.Memory()
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
    return run_directory.load_run(logdir)
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
    run_directory.load_run(logdir),
    costs=costs,
    accuracy=algorithm.model.accuracy(),
  )


def _run(
  experiment: Experiment,
  algorithm: algorithm_lib.MeanFieldAlgorithm,
  directory: run_directory.RunDirectory | recorder_lib.Memory,
  checkpoint: checkpoints.Checkpoint | None,
  report: recorder_lib.Report | None,
) -> run_loop.Costs:
  """Runs an algorithm from a checkpoint; see `recording.Recorder`."""
  recorder = recorder_lib.Recorder(
    algorithm, experiment.model, directory, experiment.log_distribution, report
  )
  recorder.run(
    experiment.num_iterations,
    experiment.regularization,
    experiment.record_at(),
    checkpoint,
  )
  return recorder.costs
