"""The population update rate beta of MF-TRPO: constant, scheduled or automatic.

The automatic rate starts from that of the paper. While the mean field goes on
moving in the direction of its last move, the rate grows; where a move turns
back, it is halved (see adaptive_step_size.py).

A mean field that circles never turns back. So the size of the moves counts as
well: it is compared over periods in which the rates sum up to `PERIOD`. Where
the largest move of a period is not clearly smaller than that of the period
before, the rate is halved, and does not grow above that value again.
"""

from collections.abc import Callable
import dataclasses
import functools

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step_size
from mftrpo_openspiel.utils import validation

AUTO = "auto"
# That of the paper, and the first automatic one.
DEFAULT_RATE = 0.01
# Moves of a smaller share of the mean field than this are rounding.
LEAST_MOVE = 1e-12
# Sum of the rates of a period, in which the mean field forgets its start.
PERIOD = 10.0
# The largest move of a period should be below this times that before.
FALL = 0.9

Schedule = Callable[[int], float]


class ScheduledRate:
  """A rate that depends on the number of the iteration alone."""

  def __init__(self, schedule: Schedule):
    """Initializes it with a function from 1, 2, ... to rates in (0, 1]."""
    self._schedule = schedule

  def next(
    self, iteration: int, move: np.ndarray, mean_field: np.ndarray
  ) -> "tuple[float, ScheduledRate]":
    """Returns beta of an iteration, and what gives that of the next one.

    Args:
      iteration: Its number, 1, 2, ...
      move: (N,), where the mean field would go with rate 1.
      mean_field: (N,), before the move.

    Raises:
      ValueError: If the schedule gives something out of range.
    """
    return _check_number(self._schedule(iteration)), self


@dataclasses.dataclass(frozen=True, eq=False)
class AutomaticRate:
  """The automatic rate, and what it has seen; see above.

  Attributes:
    last_move: (N,), zeros before the first one.
    rate: beta of the last move.
    bound: It does not grow above this.
    num_overshoots: How often a move has turned back.
    time: Sum of the rates in this period.
    peak: The largest move in this period, as a share of the mean field.
    last_peak: That of the period before.
  """

  last_move: np.ndarray
  rate: float = DEFAULT_RATE
  bound: float = 1.0
  num_overshoots: int = 0
  time: float = 0.0
  peak: float = 0.0
  last_peak: float = np.inf

  def next(
    self, iteration: int, move: np.ndarray, mean_field: np.ndarray
  ) -> "tuple[float, AutomaticRate]":
    """Returns the same as `ScheduledRate.next`."""
    share = float(np.abs(move).sum() / mean_field.sum())
    if share <= LEAST_MOVE:
      return self.rate, dataclasses.replace(self, last_move=move)
    rate, num_overshoots = adaptive_step_size.next_step_size(
      self.rate, self.num_overshoots, bool(move @ self.last_move < 0)
    )
    rate, bound = min(rate, self.bound), self.bound
    time, peak = self.time + rate, max(share, self.peak)
    last_peak = self.last_peak
    if time >= PERIOD:
      if peak > FALL * last_peak:
        bound = rate = rate / 2
      time, peak, last_peak = 0.0, 0.0, peak
    return rate, AutomaticRate(
      move, rate, bound, num_overshoots, time, peak, last_peak
    )


PopulationUpdateRate = ScheduledRate | AutomaticRate


def check(rate: float | Schedule | str) -> None:
  """Raises a ValueError unless `create` takes the rate."""
  if rate != AUTO and not callable(rate):
    _check_number(rate)


def create(
  rate: float | Schedule | str, num_states: int
) -> PopulationUpdateRate:
  """Returns the rate that is asked for.

  Args:
    rate: beta in (0, 1]; or a function from the iteration number 1, 2, ... to
      it; or "auto".
    num_states: N.
  """
  if rate == AUTO:
    return AutomaticRate(np.zeros(num_states))
  if callable(rate):
    return ScheduledRate(rate)
  return ScheduledRate(functools.partial(_constant, _check_number(rate)))


def _constant(rate: float, iteration: int) -> float:
  del iteration
  return rate


def _check_number(rate: float | str) -> float:
  if isinstance(rate, str):
    raise ValueError(
      "population_update_rate must be a number in (0, 1], a function, or"
      f" {AUTO!r}, got {rate!r}."
    )
  return validation.check_real(
    "population_update_rate", rate, 0, 1, low_open=True
  )
