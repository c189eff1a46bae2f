"""The loop of a run: iterations, records of them, and where those go.

`run` performs the iterations. What comes of them goes to a `Sink`, which is a
run directory or memory.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import dataclasses
import time
from typing import Any
from typing import Protocol

import numpy as np

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# What a run may have at most: iterations, and records, which are in memory all
# together and as many as 1 GB takes.
MAX_ITERATIONS = 10**12
MAX_RECORDS = 10**6
MAX_RECORDS_PER_DECADE = 10**4


@dataclasses.dataclass(frozen=True)
class Record:
  """How far an algorithm is after some iterations.

  Attributes:
    iteration: Number of iterations performed.
    seconds: Spent in them, evaluation not included.
    exploitability: phi_0 of the policy, unregularized.
    regularized_exploitability: phi_eta of the policy.
    mean_field_change: sum_s |mu_k(s) - mu_{k-1}(s)| over the last iteration k;
      0 at the beginning.
    policy_change: sum_a |pi_k(a|s) - pi_{k-1}(a|s)| over the last iteration,
      averaged over the states s by their masses mu_k(s); 0 at the beginning.
    entropy: Of the policy in nats, averaged in the same way.
  """

  iteration: int
  seconds: float
  exploitability: float
  regularized_exploitability: float
  mean_field_change: float
  policy_change: float
  entropy: float


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedIteration(checkpoints.Checkpoint):
  """A run after an iteration, or, with `iteration` 0, at its beginning.

  Attributes:
    record: Of this iteration, if one was due.
    mean_field: (N,), the algorithm's, if a record was due.
    evaluation_seconds: What the record took.
  """

  record: Record | None = None
  mean_field: np.ndarray | None = None
  evaluation_seconds: float = 0.0


Report = Callable[[FinishedIteration], None]


class Sink(Protocol):
  """What keeps the results of a run."""

  def take(self, finished: FinishedIteration) -> None:
    """Takes an iteration, with its record if there is one."""

  def finish(
    self, last: checkpoints.Checkpoint, solution: solutions.Solution
  ) -> None:
    """Takes the last finished iteration, and what was found by it."""


class MemorySink:
  """Keeps the results of a run in memory.

  Attributes:
    records: In the order of their iterations.
    mean_fields: (N,) arrays by iterations, if they are kept.
    solution: At the end.
  """

  def __init__(self, keep_mean_fields: bool):
    self.records: list[Record] = []
    self.mean_fields: dict[int, np.ndarray] = {}
    self.solution: solutions.Solution | None = None
    self._keep_mean_fields = keep_mean_fields

  def take(self, finished: FinishedIteration) -> None:
    """Keeps the record, if there is one."""
    if finished.record is not None:
      self.records.append(finished.record)
      if self._keep_mean_fields and finished.mean_field is not None:
        self.mean_fields[finished.iteration] = finished.mean_field

  def finish(
    self, last: checkpoints.Checkpoint, solution: solutions.Solution
  ) -> None:
    """Keeps the solution."""
    del last  # A run in memory cannot be resumed.
    self.solution = solution


@dataclasses.dataclass
class Costs:
  """Where the time of a run went, in seconds.

  Attributes:
    solving: Iterations.
    evaluating: Exploitabilities and the rest of the records.
    writing: Files.
  """

  solving: float = 0.0
  evaluating: float = 0.0
  writing: float = 0.0


class Interrupted(KeyboardInterrupt):
  """Ctrl-C, after what there was by then has been written.

  Attributes:
    iteration: The last one that was finished.
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
  start: checkpoints.Checkpoint | None = None,
  report: Report | None = None,
) -> Costs:
  """Runs an algorithm to the end; returns where the time went.

  Args:
    algorithm: In the state of `start`, if that is given.
    model_name: Name of the algorithm's model, for the solution.
    num_iterations: How long, counted from the beginning.
    regularization: eta of the regularized exploitability.
    record_at: After how many iterations there are records, 0 for the beginning;
      the last is `num_iterations`, by which a run that was cut is told.
    sink: Where the results go.
    start: Where to go on; None for the beginning.
    report: Called after each iteration, and at the beginning.

  Raises:
    Interrupted: On Ctrl-C after the beginning, once `sink` has the last
      finished iteration and its solution.
    ValueError: If something cannot be written.
  """
  costs = Costs()
  last = start

  def timed(write: Callable[..., None], *arguments: Any) -> None:
    begin = time.perf_counter()
    write(*arguments)
    costs.writing += time.perf_counter() - begin

  def finish(last: checkpoints.Checkpoint) -> None:
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
    for finished in iterations(
      algorithm, num_iterations, regularization, record_at, start
    ):
      timed(sink.take, finished)
      # Only now: a checkpoint promises that the records up to it are kept.
      last = finished
      costs.evaluating += finished.evaluation_seconds
      if report is not None:
        report(finished)
    assert last is not None
    finish(last)
  except KeyboardInterrupt:
    if last is None:
      raise
    # It may have come in the midst of an iteration.
    algorithm.restore(last.state)
    finish(last)
    raise Interrupted(last.iteration) from None
  costs.solving = last.seconds - (start.seconds if start else 0.0)
  return costs


def iterations(
  algorithm: algorithm_lib.MeanFieldAlgorithm,
  num_iterations: int,
  regularization: float,
  record_at: Collection[int],
  start: checkpoints.Checkpoint | None = None,
) -> Iterator[FinishedIteration]:
  """Performs iterations and yields after each; arguments as those of `run`.

  Without `start` the beginning is yielded too.
  """
  record_at = set(record_at)
  seconds = start.seconds if start else 0.0
  first = start.iteration + 1 if start else 0
  for iteration in range(first, num_iterations + 1):
    is_due = iteration in record_at
    if is_due:
      old_policy, old_mean_field = algorithm.policy, algorithm.mean_field
    if iteration > 0:
      begin = time.perf_counter()
      algorithm.iteration()
      seconds += time.perf_counter() - begin
    measured: tuple[Any, ...] = ()
    if is_due:
      begin = time.perf_counter()
      policy, mean_field = algorithm.policy, algorithm.mean_field
      shares = mean_field / mean_field.sum()
      record = Record(
        iteration,
        seconds,
        algorithm.model.exploitability(policy),
        algorithm.model.exploitability(policy, regularization),
        float(np.abs(mean_field - old_mean_field).sum()),
        float(shares @ np.abs(policy - old_policy).sum(axis=1)),
        float(shares @ softmax.entropy(policy)),
      )
      measured = record, mean_field, time.perf_counter() - begin
    yield FinishedIteration(iteration, seconds, algorithm.state(), *measured)


def log_spaced_iterations(
  num_iterations: int, per_decade: int = 25
) -> list[int]:
  """Returns 0, `num_iterations`, and iterations between, evenly spaced in log.

  Those between are 10^(i / per_decade), rounded: the same ones for every
  `num_iterations`, so that a run can be made longer.
  """
  validation.check_int("num_iterations", num_iterations, 0, MAX_ITERATIONS)
  validation.check_int("per_decade", per_decade, 1, MAX_RECORDS_PER_DECADE)
  decades = np.log10(max(num_iterations, 1))
  exponents = np.arange(int(decades * per_decade) + 1) / per_decade
  rounded = np.minimum(np.round(10**exponents).astype(int), num_iterations)
  return sorted({0, num_iterations, *rounded.tolist()})


def evenly_spaced_iterations(num_iterations: int, every: int) -> list[int]:
  """Returns every `every`-th iteration from 0, and `num_iterations`."""
  validation.check_int("num_iterations", num_iterations, 0, MAX_ITERATIONS)
  check_spacing("every", every, num_iterations)
  return sorted({*range(0, num_iterations, every), num_iterations})


def check_spacing(name: str, every: int, num_iterations: int) -> None:
  """Raises a ValueError if a record at `every` iterations is one too often."""
  validation.check_int(name, every, 1)
  if num_iterations > every * MAX_RECORDS:
    raise ValueError(
      f"{name} must be at least {-(-num_iterations // MAX_RECORDS)} with"
      f" {num_iterations} iterations, for at most {MAX_RECORDS} records, got"
      f" {every}."
    )
