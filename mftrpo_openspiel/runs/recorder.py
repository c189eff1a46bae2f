"""Running an algorithm into a run directory, or into memory."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import time
from typing import Protocol

import numpy as np

from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.runs import solutions

Report = Callable[[run_loop.Step], None]


class Algorithm(run_loop.Algorithm, Protocol):
  """What can be gone on with: the algorithms of this package."""

  def state(self) -> dict[str, np.ndarray]:
    """Returns all that later iterations depend on."""

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was."""


class Interrupted(KeyboardInterrupt):
  """Ctrl-C, after what there was by then has been written.

  Attributes:
    iteration: The last one that was finished.
  """

  def __init__(self, iteration: int):
    super().__init__(iteration)
    self.iteration = iteration


class Memory:
  """Stands in for a run directory where nothing is kept on disk.

  Attributes:
    records: In the order of their iterations.
    mean_fields: (N,) arrays by iterations, if they are kept.
    solution: At the end.
  """

  def __init__(self):
    self.records: list[run_loop.Record] = []
    self.mean_fields: dict[int, np.ndarray] = {}
    self.solution: solutions.Solution | None = None

  def record(
    self, record: run_loop.Record, mean_field: np.ndarray | None = None
  ) -> None:
    """Adds a record, and the mean field if it is kept."""
    self.records.append(record)
    if mean_field is not None:
      self.mean_fields[record.iteration] = mean_field

  def checkpoint_is_due(self) -> bool:
    """Never."""
    return False

  def save_checkpoint(self, checkpoint: checkpoints.Checkpoint) -> None:
    """Does nothing: a program that ended cannot be gone on with."""

  def save_solution(self, solution: solutions.Solution) -> None:
    """Keeps the solution."""
    self.solution = solution


class Recorder:
  """Runs an algorithm and writes what comes of it.

  Attributes:
    costs: Of what was performed so far.
  """

  def __init__(
    self,
    algorithm: Algorithm,
    model: str,
    directory: run_directory.RunDirectory | Memory,
    log_distribution: bool = False,
    report: Report | None = None,
  ):
    """Initializes the recorder.

    Args:
      algorithm: What to run; in the state of the checkpoint, if there is one.
      model: Name of the algorithm's model, for the solution.
      directory: Where to write; begun.
      log_distribution: Whether the mean field is kept at each record.
      report: Called after each iteration.
    """
    self._algorithm = algorithm
    self._model = model
    self._directory = directory
    self._log_distribution = log_distribution
    self._report = report
    self._last: checkpoints.Checkpoint | None = None
    self.costs = run_loop.Costs()

  def run(
    self,
    num_iterations: int,
    regularization: float,
    record_at: Iterable[int],
    checkpoint: checkpoints.Checkpoint | None = None,
  ) -> None:
    """Runs to the end; leaves a checkpoint and a solution.

    Args:
      num_iterations: How long, counted from the beginning.
      regularization: eta of the regularized exploitability.
      record_at: After how many iterations there are records; the last of them
        is `num_iterations`, by which a run that was cut is told.
      checkpoint: Where to go on; None for the beginning.

    Raises:
      Interrupted: On Ctrl-C, with a checkpoint and a solution of the last
        finished iteration.
      ValueError: If something cannot be written.
    """
    done = None
    if checkpoint is not None:
      done = run_loop.Step(checkpoint.iteration, checkpoint.seconds)
      self._last = checkpoint
    steps = run_loop.steps(
      self._algorithm, num_iterations, regularization, record_at, done
    )
    try:
      for step in steps:
        self._take(step)
      self._finish()
    except KeyboardInterrupt:
      if self._last is None:
        raise
      # It may have come in the midst of an iteration.
      self._algorithm.restore(self._last.state)
      self._finish()
      raise Interrupted(self._last.iteration) from None
    self.costs.solving = self._last.seconds - (done.seconds if done else 0.0)

  def _take(self, step: run_loop.Step) -> None:
    start = time.perf_counter()
    if step.record is not None:
      mean_field = self._algorithm.mean_field
      self._directory.record(
        step.record, mean_field if self._log_distribution else None
      )
    # Only now: a checkpoint promises that the record is in the folder.
    self._last = checkpoints.Checkpoint(
      step.iteration, step.seconds, self._algorithm.state()
    )
    if self._directory.checkpoint_is_due():
      self._directory.save_checkpoint(self._last)
    self.costs.writing += time.perf_counter() - start
    self.costs.evaluating += step.evaluation_seconds
    if self._report is not None:
      self._report(step)

  def _finish(self) -> None:
    start = time.perf_counter()
    self._directory.save_checkpoint(self._last)
    self._directory.save_solution(
      solution_of(self._algorithm, self._model, self._last.iteration)
    )
    self.costs.writing += time.perf_counter() - start


def solution_of(
  algorithm: run_loop.Algorithm, model: str, iteration: int
) -> solutions.Solution:
  """Returns what an algorithm has found after some iterations.

  Args:
    algorithm: After them.
    model: Name of its model.
    iteration: How many there were.
  """
  return solutions.Solution(
    observation_strings=algorithm.model.observation_strings,
    legal_actions_mask=algorithm.model.legal_actions_mask,
    policy=algorithm.policy,
    mean_field=algorithm.mean_field,
    game=str(algorithm.model.game),
    model=model,
    iteration=iteration,
  )
