"""The step size and the restarts of annealed MF-TRPO; see annealed_mf_trpo.py.

The method is a heavy ball. Its step size c grows until the gain, what a player
could get by one better step, is more than `OVERSHOOT` times its least since the
last restart. Then c is halved and the ball restarts. After so many as
`MAX_FAILED_RESTARTS` in a row without progress it is given up.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step_size
from mftrpo_openspiel.utils import rows

# Bound on what two logits of a state move apart in the first iteration (where
# values at later times are discounted, at time 0).
FIRST_CHANGE = 0.1
# A gain of this many times the least one so far is a step too far.
OVERSHOOT = 2.0
# A restart has failed where the gain is not below this times that of all
# restarts before it.
FALL = 0.5
MAX_FAILED_RESTARTS = 2
# A restart within so many iterations after another one tells no more than that.
REBOUND = 3
# The method is given up as well where c has to fall to this share of its
# largest: friction is too low for it then, and restarts get rarer and rarer.
LEAST_SHARE = 0.1
# Policies after a restart are remembered once the gain is below this times that
# of the first one.
PROGRESS = 1e-3
# A gain, relative to the largest value, is rounding below this.
ROUNDING = 1e-15


def first_step_size(action_values: np.ndarray) -> float:
  """Returns the first c, with which logits move apart by FIRST_CHANGE.

  Args:
    action_values: (N, A), of the uniform policy in the states that it reaches;
      -inf where an action is not legal. Not all the same.
  """
  is_legal = np.isfinite(action_values)
  lowest = np.where(is_legal, action_values, np.inf).min(axis=1)
  return float(FIRST_CHANGE / (action_values.max(axis=1) - lowest).max())


def gain(
  policy: np.ndarray, mean_field: np.ndarray, action_values: np.ndarray
) -> float:
  """Returns sum_s mu(s) max_a (Q(s, a) - V(s)), or 0 where that is rounding.

  Args:
    policy: (N, A).
    mean_field: (N,), mu.
    action_values: (N, A), Q of the policy; -inf where an action is not legal.
  """
  values = np.where(np.isfinite(action_values), action_values, 0.0)
  best = rows.maximum(action_values)
  total = float(mean_field @ (best - rows.total(policy * values)))
  return total if total > ROUNDING * np.abs(values).max() else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class HeavyBall:
  """The step size, friction and restarts after some iterations.

  Attributes:
    best_logits: (N, A), the policy of the least gain after a restart, once
      there is progress; before that, the first policy.
    best_gain: That gain, or PROGRESS times the first one after a restart; inf
      before the first.
    step_size: c; 0 before the first iteration.
    largest_step_size: The largest c so far.
    num_overshoots: How often c was halved.
    num_since_restart: Iterations since the last restart.
    least_gain: The least one since the last restart.
    restart_gain: The least one at any restart.
    num_failed_restarts: Those in a row without progress.
  """

  best_logits: np.ndarray
  best_gain: float = np.inf
  step_size: float = 0.0
  largest_step_size: float = 0.0
  num_overshoots: int = 0
  num_since_restart: int = 0
  least_gain: float = np.inf
  restart_gain: float = np.inf
  num_failed_restarts: int = 0

  @property
  def is_given_up(self) -> bool:
    """Whether it has turned out to go round instead of coming to rest."""
    return self.num_failed_restarts >= MAX_FAILED_RESTARTS

  def begun(self, gain: float, step_size: float) -> "HeavyBall":
    """Returns what it is in the first iteration, with the first c > 0."""
    return dataclasses.replace(self, step_size=step_size, least_gain=gain)

  def next(self, gain: float, logits: np.ndarray) -> "HeavyBall":
    """Returns what it is in the next iteration.

    Args:
      gain: See `gain`; > 0.
      logits: (N, A), before the step.
    """
    ball, just_restarted = self, self.num_since_restart == 0
    if just_restarted:  # The mean field is that of the policy.
      if self.best_gain == np.inf:
        ball = dataclasses.replace(self, best_gain=PROGRESS * gain)
      elif gain < self.best_gain:
        ball = dataclasses.replace(self, best_gain=gain, best_logits=logits)
    # Right after a restart the gain does not count: the mean field has jumped.
    overshot = not just_restarted and gain > OVERSHOOT * self.least_gain
    step_size, num_overshoots = adaptive_step_size.next_step_size(
      self.step_size, self.num_overshoots, overshot
    )
    largest_step_size = max(step_size, self.largest_step_size)
    if overshot:
      num_failed = self.num_failed_restarts
      if gain < FALL * self.restart_gain:
        num_failed = 0
      elif self.num_since_restart > REBOUND:
        num_failed += 1
      if step_size < LEAST_SHARE * largest_step_size:
        num_failed = MAX_FAILED_RESTARTS
      ball = dataclasses.replace(
        ball,
        restart_gain=min(gain, self.restart_gain),
        num_failed_restarts=num_failed,
      )
    is_first_gain = overshot or just_restarted
    return dataclasses.replace(
      ball,
      step_size=step_size,
      largest_step_size=largest_step_size,
      num_overshoots=num_overshoots,
      num_since_restart=0 if overshot else self.num_since_restart + 1,
      least_gain=gain if is_first_gain else min(gain, self.least_gain),
    )
