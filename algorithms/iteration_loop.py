"""The loop in which algorithms are run, and its records.

`iterations` is the only such loop. It is used by the method `run` of an
algorithm, which keeps the records in memory, and by `runs.run_loop`, which
writes them to a run directory.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import time
from typing import Any
from typing import Protocol

import numpy as np

from mftrpo_openspiel.algorithms import whole_state
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# Limits of a run. All records are in memory; their limit takes about 1 GB.
MAX_ITERATIONS = 10**12
MAX_RECORDS = 10**6
MAX_RECORDS_PER_DECADE = 10**4
# Default number of records per factor of ten iterations.
DEFAULT_NUM_RECORDS = 10


@dataclasses.dataclass(frozen=True)
class Record:
  """Measurements of an algorithm after some iterations.

  Attributes:
    iteration: Number of iterations performed.
    seconds: Time spent in them, without evaluation.
    exploitability: phi_0 of the policy, unregularized.
    regularized_exploitability: phi_eta of the policy.
    mean_field_change: sum_s |mu_k(s) - mu_{k-1}(s)| over the last iteration k;
      0 at the beginning.
    policy_change: sum_a |pi_k(a|s) - pi_{k-1}(a|s)| over the last iteration,
      averaged over the states s by their masses mu_k(s); 0 at the beginning.
    entropy: Of the policy in nats, averaged in the same way.
    environment_steps: Number of simulated steps so far; None if the model does
      not simulate.
  """

  iteration: int
  seconds: float
  exploitability: float
  regularized_exploitability: float
  mean_field_change: float
  policy_change: float
  entropy: float
  environment_steps: int | None = None


STEPS = "environment_steps"
NUMBERS = tuple(x.name for x in dataclasses.fields(Record) if x.name != STEPS)


def field_names(records: Iterable[Record]) -> tuple[str, ...]:
  """Returns the fields of records; environment steps only if one has them."""
  has_steps = any(record.environment_steps is not None for record in records)
  return (*NUMBERS, STEPS) if has_steps else NUMBERS


def columns(records: Sequence[Record]) -> dict[str, np.ndarray]:
  """Returns the fields of n records by name, each an (n,) array."""
  return {
    name: np.array([getattr(record, name) for record in records])
    for name in field_names(records)
  }


def summary(records: Sequence[Record], regularization: float) -> str:
  """Returns exploitability at the first and the last record, in words."""
  if not records:
    return "nothing measured"
  first, last = records[0], records[-1]
  text = f"iterations {first.iteration} to {last.iteration}"
  if last.environment_steps is not None:
    text += f" ({last.environment_steps:,} environment steps)"
  text += f", phi_0 {first.exploitability:.3g} -> {last.exploitability:.3g}"
  if regularization:
    text += (
      f", phi_{regularization:g} {first.regularized_exploitability:.3g} ->"
      f" {last.regularized_exploitability:.3g}"
    )
  return text


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
  """An algorithm after some iterations: everything needed to resume it.

  Attributes:
    iteration: Number of iterations performed.
    seconds: Time spent in them, without evaluation.
    state: State of the algorithm and its model, arrays by name.
  """

  iteration: int
  seconds: float
  state: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedIteration(Checkpoint):
  """An algorithm after an iteration, or at the beginning.

  Attributes:
    record: Of this iteration, if one was due.
    mean_field: (N,), the algorithm's, if a record was due.
    policy: (N, A), the algorithm's, if a record was due.
    evaluation_seconds: What the record took.
    environment_steps: Number of simulated steps so far; None if the model does
      not simulate.
  """

  record: Record | None = None
  mean_field: np.ndarray | None = None
  policy: np.ndarray | None = None
  evaluation_seconds: float = 0.0
  environment_steps: int | None = None


Report = Callable[[FinishedIteration], None]


class Iterative(whole_state.Algorithm, Protocol):
  """The interface of an algorithm that the loop needs.

  See `algorithm.MeanFieldAlgorithm`.
  """

  @property
  def policy(self) -> np.ndarray:
    """(N, A), the current policy."""

  @property
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field that belongs to it."""

  @property
  def num_iterations(self) -> int:
    """Number of iterations performed."""

  def iteration(self) -> None:
    """Performs one iteration."""


def iterations(
  algorithm: Iterative,
  num_iterations: int,
  regularization: float,
  record_at: Collection[int],
  *,
  seconds: float = 0.0,
  is_resumed: bool = False,
  stop_below: float | None = None,
  max_environment_steps: int | None = None,
) -> Iterator[FinishedIteration]:
  """Performs iterations and yields after each.

  Args:
    algorithm: The algorithm, in any state; its current state is the beginning.
    num_iterations: Total number of iterations of the algorithm at the end,
      including those before the beginning.
    regularization: eta of the regularized exploitability.
    record_at: Iterations of the algorithm after which there are records.
    seconds: Time spent in its iterations before the beginning.
    is_resumed: Whether the beginning was yielded earlier; if not, it is yielded
      first.
    stop_below: Stop after the first record whose `exploitability` is below
      this.
    max_environment_steps: Stop after the first iteration in which the number of
      simulated steps reaches this; this iteration always has a record.

  Raises:
    ValueError: If the algorithm does not count its iterations correctly.
  """
  record_at = set(record_at)
  first = algorithm.num_iterations
  for iteration in range(first + is_resumed, num_iterations + 1):
    is_due = iteration in record_at
    if is_due or max_environment_steps is not None:
      old_policy, old_mean_field = algorithm.policy, algorithm.mean_field
    if iteration > first:
      begin = time.perf_counter()
      algorithm.iteration()
      seconds += time.perf_counter() - begin
      if algorithm.num_iterations != iteration:
        raise ValueError(
          f"num_iterations of {type(algorithm).__name__} must be the number of"
          f" calls of iteration(), got {algorithm.num_iterations} after"
          f" {iteration}."
        )
    num_steps = algorithm.model.num_environment_steps
    is_last = are_spent(num_steps, max_environment_steps)
    measured: dict[str, Any] = {}
    if is_due or is_last:
      begin = time.perf_counter()
      policy, mean_field = algorithm.policy, algorithm.mean_field
      shares = mean_field / mean_field.sum()
      exploitability = algorithm.model.exploitability(policy)
      record = Record(
        iteration,
        seconds,
        exploitability,
        algorithm.model.exploitability(policy, regularization)
        if regularization
        else exploitability,
        float(np.abs(mean_field - old_mean_field).sum()),
        float(shares @ np.abs(policy - old_policy).sum(axis=1)),
        float(shares @ softmax.entropy(policy)),
        num_steps,
      )
      measured = {
        "record": record,
        "mean_field": mean_field,
        "policy": policy,
        "evaluation_seconds": time.perf_counter() - begin,
      }
    yield FinishedIteration(
      iteration,
      seconds,
      whole_state.of(algorithm),
      environment_steps=num_steps,
      **measured,
    )
    if is_last or (is_due and is_below(record, stop_below)):
      return


def is_below(record: Record | None, stop_below: float | None) -> bool:
  """Returns whether a run with this `stop_below` stops at the record."""
  if record is None or stop_below is None:
    return False
  return record.exploitability < stop_below


def are_spent(
  environment_steps: int | None, max_environment_steps: int | None
) -> bool:
  """Returns whether the budget of environment steps has been used up."""
  if environment_steps is None or max_environment_steps is None:
    return False
  return environment_steps >= max_environment_steps


def check_budget(
  model: model_lib.MeanFieldModel, max_environment_steps: int | None
) -> None:
  """Raises a ValueError if a budget of environment steps is invalid.

  Args:
    model: The model that would simulate them.
    max_environment_steps: The budget; None for none.
  """
  if max_environment_steps is None:
    return
  if model.num_environment_steps is None:
    raise ValueError(
      "max_environment_steps must not be given with a model that simulates"
      f" nothing, {type(model).__name__}, got {max_environment_steps!r}."
    )
  validation.check_int("max_environment_steps", max_environment_steps, 1)
  if max_environment_steps < (model.max_rollout_steps or 1):
    raise ValueError(
      f"max_environment_steps must be at least {model.max_rollout_steps}, the"
      f" steps of one trajectory, got {max_environment_steps}."
    )


def iterations_to_record(
  num_iterations: int,
  num_records: int = DEFAULT_NUM_RECORDS,
  record_every: int | None = None,
) -> list[int]:
  """Returns the iterations after which there are records.

  Args:
    num_iterations: Number of iterations of the run.
    num_records: Number of records per factor of ten iterations, if log-spaced.
    record_every: Number of iterations from one record to the next; None for
      log-spaced records.

  Raises:
    ValueError: As `check_records`.
  """
  check_records(num_iterations, num_records, record_every)
  if record_every is not None:
    return evenly_spaced_iterations(num_iterations, record_every)
  return log_spaced_iterations(num_iterations, num_records)


def check_records(
  num_iterations: int, num_records: int, record_every: int | None
) -> None:
  """Raises a ValueError for invalid arguments of `iterations_to_record`."""
  validation.check_int("num_records", num_records, 1, MAX_RECORDS_PER_DECADE)
  if record_every is not None:
    check_spacing("record_every", record_every, num_iterations)


def log_spaced_iterations(
  num_iterations: int, per_decade: int = 25
) -> list[int]:
  """Returns 0, `num_iterations`, and log-spaced iterations in between.

  Those in between are 10^(i / per_decade), rounded. They are the same for every
  `num_iterations`, so that a run can be continued.
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
  """Raises a ValueError if a record at `every` iterations is too frequent."""
  validation.check_int(name, every, 1)
  if num_iterations > every * MAX_RECORDS:
    raise ValueError(
      f"{name} must be at least {-(-num_iterations // MAX_RECORDS)} with"
      f" {num_iterations} iterations, for at most {MAX_RECORDS} records, got"
      f" {every}."
    )
