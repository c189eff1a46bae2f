"""The population update rate beta of MF-TRPO: constant, scheduled or automatic.

The automatic rate starts from that of the paper. It grows while the mean field
continues in the direction of its previous move, and is halved when a move turns
back (see adaptive_step_size.py).

A mean field that cycles never turns back. Therefore the size of the moves is
monitored as well, over periods in which the rates sum up to `PERIOD`. If the
largest move of a period is not clearly smaller than that of the period before,
the rate is halved, and does not grow above this value again.
"""

from collections.abc import Callable
import dataclasses
import functools

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step_size
from mftrpo_openspiel.utils import validation

AUTO = "auto"
# Rate of the paper, and first automatic rate.
DEFAULT_RATE = 0.01
# Moves smaller than this, relative to the mean field, are rounding.
LEAST_MOVE = 1e-12
# Sum of the rates of a period. The mean field at its start then has a small
# weight.
PERIOD = 10.0
# The largest move of a period should be below this times that of the one
# before.
FALL = 0.9

Schedule = Callable[[int], float]


class ScheduledRate:
  """A rate that depends only on the iteration number."""

  def __init__(self, schedule: Schedule):
    """Initializes the rate by a function from 1, 2, ... to (0, 1]."""
    self._schedule = schedule

  def next(
    self, iteration: int, move: np.ndarray, mean_field: np.ndarray
  ) -> "tuple[float, ScheduledRate]":
    """Returns beta of an iteration, and the rate object of the next one.

    Args:
      iteration: Its number, 1, 2, ...
      move: (N,), the change of the mean field with rate 1.
      mean_field: (N,), before the move.

    Raises:
      ValueError: If the schedule returns a value out of range.
    """
    return _check_number(self._schedule(iteration)), self


@dataclasses.dataclass(frozen=True, eq=False)
class AutomaticRate:
  """The automatic rate and its history; see the module.

  Attributes:
    last_move: (N,), zeros before the first move.
    rate: beta of the last move.
    bound: Upper bound on the rate.
    num_overshoots: Number of moves that turned back.
    time: Sum of the rates in the current period.
    peak: Largest move in the current period, relative to the mean field.
    last_peak: Largest move of the previous period.
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
  """Raises a ValueError unless `create` accepts the rate."""
  if rate != AUTO and not callable(rate):
    _check_number(rate)


def create(
  rate: float | Schedule | str, num_states: int
) -> PopulationUpdateRate:
  """Returns the rate object for an option of MF-TRPO.

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
