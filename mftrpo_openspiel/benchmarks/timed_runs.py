"""Runs algorithms for a given time."""

from collections.abc import Callable
import dataclasses
import time
from typing import Any

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.utils import progress


class Stopwatch:
  """Adds up the time of calls."""

  def __init__(self, clock: Callable[[], float] | None = None):
    """Initializes the watch.

    Args:
      clock: Returns the time in seconds, such as `time.process_time`; None for
        wall time.
    """
    self.seconds = 0.0
    self.count = 0
    self._clock = time.perf_counter if clock is None else clock

  def time(self, call: Callable[..., Any], *arguments: Any) -> Any:
    """Returns the result of `call`, and adds its time."""
    start = self._clock()
    result = call(*arguments)
    self.seconds += self._clock() - start
    self.count += 1
    return result

  @property
  def mean(self) -> float:
    """Mean seconds per call."""
    return self.seconds / self.count


@dataclasses.dataclass(frozen=True)
class TimedRun:
  """Measurements of a run, the first one before any iteration.

  Attributes:
    iterations: Number of iterations before each measurement.
    seconds: Time of these iterations, without measurements.
    values: The measured values.
  """

  iterations: list[int] = dataclasses.field(default_factory=list)
  seconds: list[float] = dataclasses.field(default_factory=list)
  values: list[float] = dataclasses.field(default_factory=list)

  def at_seconds(self, seconds: float) -> float | None:
    """Returns the last value within `seconds`."""
    done = [v for s, v in zip(self.seconds, self.values) if s <= seconds]
    return done[-1] if len(done) > 1 else None

  def at_iteration(self, iteration: int) -> float | None:
    """Returns the value after an iteration, or None if it was not measured."""
    return dict(zip(self.iterations, self.values)).get(iteration)

  def seconds_to(self, level: float) -> float | None:
    """Returns the seconds at the first value at or below `level`, if any."""
    return next(
      (s for s, v in zip(self.seconds, self.values) if v <= level), None
    )


def run_timed(
  iteration: Callable[[], None],
  measure: Callable[[], float],
  seconds: float,
  max_iterations: int = 10**9,
  target: float = 0.0,
  title: str = "",
  clock: Callable[[], float] | None = None,
) -> TimedRun:
  """Runs an algorithm, with 25 measurements per factor of ten iterations.

  Args:
    iteration: Performs one iteration; must not have been called before.
    measure: Returns the current value.
    seconds: Total time of iterations; the last one is completed.
    max_iterations: Largest number of iterations.
    target: The run ends if a measured value is at most this.
    title: Title of the progress bar.
    clock: The clock; see `Stopwatch`.
  """
  stopwatch = Stopwatch(clock)
  run = TimedRun()

  def record():
    run.iterations.append(stopwatch.count)
    run.seconds.append(stopwatch.seconds)
    run.values.append(measure())

  measure_at = set(iteration_loop.log_spaced_iterations(max_iterations))
  record()
  with progress.progress_bar(
    round(seconds), unit="second", title=title, keep=False
  ) as bar:
    while (
      stopwatch.seconds < seconds
      and stopwatch.count < max_iterations
      and run.values[-1] > target
    ):
      stopwatch.time(iteration)
      bar.update(int(stopwatch.seconds) - bar.n)
      if stopwatch.count in measure_at:
        record()
  if run.iterations[-1] != stopwatch.count:
    record()
  return run
