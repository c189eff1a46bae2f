"""The step size and the restarts of annealed MF-TRPO; see annealed_mf_trpo.py.

The method is a heavy-ball method. Its step size c grows until the gain, what a
player could gain by one better step, exceeds `OVERSHOOT` times its minimum
since the last restart. Then c is halved and the momentum restarts. After
`MAX_FAILED_RESTARTS` restarts in a row without progress the method is given up.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step_size
from mftrpo_openspiel.utils import rows

# Bound on the change of the difference of two logits of a state in the first
# iteration (at time 0, where values at later times are discounted).
FIRST_CHANGE = 0.1
# A gain of more than this many times the smallest one is an overshoot.
OVERSHOOT = 2.0
# A restart has failed if the gain is not below this times the smallest gain at
# any earlier restart.
FALL = 0.5
MAX_FAILED_RESTARTS = 2
# A restart within this number of iterations after another one is not counted as
# another failure.
REBOUND = 3
# The method is also given up once c has fallen to this share of its largest
# value: friction is then too low for c, and restarts become rarer and rarer.
LEAST_SHARE = 0.1
# Policies after a restart are stored once the gain is below this times that
# after the first restart.
PROGRESS = 1e-3
# Below this, relative to the largest value, a gain is rounding.
ROUNDING = 1e-15


def first_step_size(action_values: np.ndarray) -> float:
  """Returns the first c, with which differences of logits are FIRST_CHANGE.

  Args:
    action_values: (N, A), of the uniform policy in the states that it reaches;
      -inf where an action is not legal. Not all equal.
  """
  is_legal = np.isfinite(action_values)
  lowest = np.where(is_legal, action_values, np.inf).min(axis=1)
  return float(FIRST_CHANGE / (action_values.max(axis=1) - lowest).max())


def gain(
  policy: np.ndarray, mean_field: np.ndarray, action_values: np.ndarray
) -> float:
  """Returns sum_s mu(s) max_a (Q(s, a) - V(s)), or 0 if that is rounding.

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
    best_logits: (N, A), logits of the policy with the smallest gain after a
      restart, once there is progress; before that, of the first policy.
    best_gain: This gain, or PROGRESS times the gain after the first restart;
      inf before the first restart.
    step_size: c; 0 before the first iteration.
    largest_step_size: The largest c so far.
    num_overshoots: Number of times that c was halved.
    num_since_restart: Number of iterations since the last restart.
    least_gain: Smallest gain since the last restart.
    restart_gain: Smallest gain at any restart.
    num_failed_restarts: Number of consecutive restarts without progress.
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
    """Whether the method cycles instead of converging."""
    return self.num_failed_restarts >= MAX_FAILED_RESTARTS

  def begun(self, gain: float, step_size: float) -> "HeavyBall":
    """Returns the record of the first iteration, with the first c > 0."""
    return dataclasses.replace(self, step_size=step_size, least_gain=gain)

  def next(self, gain: float, logits: np.ndarray) -> "HeavyBall":
    """Returns the record of the next iteration.

    Args:
      gain: See `gain`; > 0.
      logits: (N, A), before the step.
    """
    ball, just_restarted = self, self.num_since_restart == 0
    if just_restarted:  # The mean field is the one of the policy.
      if self.best_gain == np.inf:
        ball = dataclasses.replace(self, best_gain=PROGRESS * gain)
      elif gain < self.best_gain:
        ball = dataclasses.replace(self, best_gain=gain, best_logits=logits)
    # The gain right after a restart is ignored, as the mean field has jumped.
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
