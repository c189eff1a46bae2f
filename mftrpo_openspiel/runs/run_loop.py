"""The loop of a run: performs iterations and stores their results.

`run` performs the iterations and passes the results to a `Sink`, which stores
them in a run directory or in memory.
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import time
from typing import Any
from typing import Protocol

import numpy as np

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import whole_state
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.utils import interrupts


class Sink(Protocol):
  """Stores the results of a run."""

  def take(self, finished: iteration_loop.FinishedIteration) -> None:
    """Receives an iteration, with its record if there is one."""

  def finish(
    self, last: iteration_loop.Checkpoint, solution: solutions.Solution
  ) -> None:
    """Receives the last finished iteration and the solution."""


class MemorySink:
  """Keeps the results of a run in memory.

  Attributes:
    records: The records in the order of their iterations.
    mean_fields: (N,) arrays by iterations, if they are kept.
    policies: (N, A) arrays by iterations, if they are kept.
    solution: The solution at the end; None before.
  """

  def __init__(self, keep_mean_fields: bool, keep_policies: bool = False):
    self.records: list[iteration_loop.Record] = []
    self.mean_fields: dict[int, np.ndarray] = {}
    self.policies: dict[int, np.ndarray] = {}
    self.solution: solutions.Solution | None = None
    self._keep_mean_fields = keep_mean_fields
    self._keep_policies = keep_policies

  def take(self, finished: iteration_loop.FinishedIteration) -> None:
    """Keeps the record, if there is one."""
    if finished.record is not None:
      self.records.append(finished.record)
      if self._keep_mean_fields and finished.mean_field is not None:
        self.mean_fields[finished.iteration] = finished.mean_field
      if self._keep_policies and finished.policy is not None:
        self.policies[finished.iteration] = finished.policy

  def finish(
    self, last: iteration_loop.Checkpoint, solution: solutions.Solution
  ) -> None:
    """Keeps the solution."""
    del last  # A run in memory cannot be resumed.
    self.solution = solution


@dataclasses.dataclass
class Costs:
  """The time that a run spent, in seconds.

  Attributes:
    solving: Time of the iterations.
    evaluating: Time of exploitabilities and other contents of the records.
    writing: Time of writing files.
  """

  solving: float = 0.0
  evaluating: float = 0.0
  writing: float = 0.0


class Interrupted(KeyboardInterrupt):
  """Raised on Ctrl-C, after the results so far have been written.

  Attributes:
    iteration: The last finished iteration.
  """

  def __init__(self, iteration: int):
    super().__init__(iteration)
    self.iteration = iteration


def run(
  algorithm: algorithm_lib.MeanFieldAlgorithm,
  model_name: str,
  num_iterations: int,
  regularization: float,
  record_at: Collection[int],
  sink: Sink,
  start: iteration_loop.Checkpoint | None = None,
  stop_below: float | None = None,
  max_environment_steps: int | None = None,
  report: iteration_loop.Report | None = None,
) -> Costs:
  """Runs an algorithm to the end; returns the time spent.

  Args:
    algorithm: The algorithm, in the state of `start` if that is given.
    model_name: Name of the algorithm's model, for the solution.
    num_iterations: Number of iterations, counted from the beginning.
    regularization: eta of the regularized exploitability.
    record_at: Iterations after which there are records, 0 for the beginning.
      The last one is `num_iterations`; a run without this record is unfinished.
    sink: Receives the results.
    start: Checkpoint from which the run is resumed; None for the beginning.
    stop_below: The run ends after the first record whose exploitability is
      below this value.
    max_environment_steps: The run ends after the first iteration by which this
      number of steps has been simulated.
    report: Called after each iteration, and at the beginning.

  Raises:
    Interrupted: On Ctrl-C after the beginning, once `sink` has received the
      last finished iteration and its solution.
    ValueError: If a file cannot be written.
  """
  costs = Costs()
  last = start
  interrupts.settle()

  def timed(write: Callable[..., None], *arguments: Any) -> None:
    begin = time.perf_counter()
    write(*arguments)
    costs.writing += time.perf_counter() - begin

  def finish(last: iteration_loop.Checkpoint) -> None:
    solution = solutions.Solution(
      observation_strings=algorithm.model.observation_strings,
      legal_actions_mask=algorithm.model.legal_actions_mask,
      policy=algorithm.policy,
      mean_field=algorithm.mean_field,
      game=str(algorithm.model.game),
      model=model_name,
      iteration=last.iteration,
    )
    timed(sink.finish, last, solution)

  try:
    for finished in iteration_loop.iterations(
      algorithm,
      num_iterations,
      regularization,
      record_at,
      seconds=start.seconds if start else 0.0,
      is_resumed=start is not None,
      stop_below=stop_below,
      max_environment_steps=max_environment_steps,
    ):
      timed(sink.take, finished)
      # Not earlier, because all records up to a checkpoint must be stored.
      last = finished
      costs.evaluating += finished.evaluation_seconds
      if report is not None:
        report(finished)
      interrupts.raise_lost()
    assert last is not None
    finish(last)
  except KeyboardInterrupt:
    interrupts.settle()
    if last is None:
      raise
    # The interrupt may have come during an iteration.
    whole_state.restore(algorithm, last.state)
    finish(last)
    raise Interrupted(last.iteration) from None
  costs.solving = last.seconds - (start.seconds if start else 0.0)
  return costs
