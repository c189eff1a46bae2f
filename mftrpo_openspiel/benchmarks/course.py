"""How far a method gets in its time: what the benchmarks measure it by."""

from collections.abc import Callable
import dataclasses
from typing import Protocol

from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.utils import progress


class Algorithm(Protocol):
  """What can be followed: our algorithms and OpenSpiel's."""

  def iteration(self) -> None:
    """Performs one iteration."""


@dataclasses.dataclass(frozen=True)
class Course:
  """Measurements on the way, the first one before any iteration.

  Attributes:
    iterations: Performed before each measurement.
    seconds: Spent in them; measuring is not included.
    values: What was measured.
  """

  iterations: list[int] = dataclasses.field(default_factory=list)
  seconds: list[float] = dataclasses.field(default_factory=list)
  values: list[float] = dataclasses.field(default_factory=list)

  def at_seconds(self, seconds: float) -> float | None:
    """Returns the last value of up to so many seconds."""
    done = [v for s, v in zip(self.seconds, self.values) if s <= seconds]
    return done[-1] if len(done) > 1 else None

  def at_iteration(self, iteration: int) -> float | None:
    """Returns the value after an iteration that was measured."""
    return dict(zip(self.iterations, self.values)).get(iteration)

  def seconds_to(self, level: float) -> float | None:
    """Returns the seconds at the first value at or below `level`, if any."""
    return next(
      (s for s, v in zip(self.seconds, self.values) if v <= level), None
    )


def follow(
  algorithm: Algorithm,
  measure: Callable[[], float],
  seconds: float,
  max_iterations: int = 10**9,
  target: float = 0.0,
  title: str = "",
) -> Course:
  """Runs an algorithm, measured after 25 iterations in each factor of ten.

  Args:
    algorithm: Before its first iteration.
    measure: Returns what counts of it as it is.
    seconds: Wall time of the iterations; the one that is running is ended.
    max_iterations: After which it is stopped too.
    target: Measured at or below this it is stopped too.
    title: For the progress bar.
  """
  clock = comparison.Clock()
  course = Course()

  def record():
    course.iterations.append(clock.count)
    course.seconds.append(clock.seconds)
    course.values.append(measure())

  measure_at = set(run_loop.log_spaced_iterations(max_iterations))
  record()
  with progress.progress_bar(
    total=round(seconds), unit="s", leave=False, desc=title, disable=None
  ) as bar:
    while (
      clock.seconds < seconds
      and clock.count < max_iterations
      and course.values[-1] > target
    ):
      clock.time(algorithm.iteration)
      bar.update(int(clock.seconds) - bar.n)
      if clock.count in measure_at:
        record()
  if course.iterations[-1] != clock.count:
    record()
  return course
