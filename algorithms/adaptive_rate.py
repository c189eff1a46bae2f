"""A population update rate that finds itself.

It starts from that of the paper. While moves of the mean field go on in the
direction of the last one, it grows; where one turns back, it is halved, see
adaptive_step.py.

A mean field that circles never turns back. So what counts is also whether the
moves get smaller: over periods of the same time, of which an iteration takes
the rate, the largest share of the mean field that wants to move is compared
with that of the period before. Where it has not fallen, the rate is halved and
does not grow above that again.
"""

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step

# Of the paper's settings.
FIRST_RATE = 0.01
# Moves of a smaller share of the mean field than this are rounding.
LEAST_MOVE = 1e-12
# Sum of the rates of a period: the mean field forgets its start.
PERIOD = 10.0
# What moves most in a period should be below this times that before.
FALL = 0.9


class AdaptiveRate:
  """The rate, and what it depends on."""

  # The attributes, arrays and numbers, that later rates depend on.
  STATE = (
    "rate",
    "bound",
    "num_overshoots",
    "last_move",
    "time",
    "peak",
    "last_peak",
  )

  def __init__(self, num_states: int):
    """Initializes the rate.

    Args:
      num_states: N.
    """
    self.rate = FIRST_RATE
    self.bound = 1.0
    self.num_overshoots = 0
    self.last_move = np.zeros(num_states)
    self.time = 0.0
    self.peak = 0.0
    self.last_peak = np.inf

  def adapt(self, move: np.ndarray, mass: float) -> float:
    """Returns the rate of the next move.

    Args:
      move: (N,), where the mean field would go with rate 1.
      mass: Of the mean field.
    """
    share = float(np.abs(move).sum() / mass)
    if share > LEAST_MOVE:
      rate, self.num_overshoots = adaptive_step.adapted(
        self.rate, self.num_overshoots, bool(move @ self.last_move < 0)
      )
      self.rate = min(rate, self.bound)
      self._watch(share)
    self.last_move = move
    return self.rate

  def _watch(self, share: float) -> None:
    """Bounds the rate where the moves of a period are as large as before."""
    self.time += self.rate
    self.peak = max(share, self.peak)
    if self.time < PERIOD:
      return
    if self.peak > FALL * self.last_peak:
      self.bound = self.rate = self.rate / 2
    self.last_peak = self.peak
    self.time = 0.0
    self.peak = 0.0
