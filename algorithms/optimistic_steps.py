"""Optimistic mirror steps with a step size that needs no tuning.

A step goes along the action values that are to be expected next, those of now
and as much again as they changed last (Popov (1980), "A Modification of the
Arrow-Hurwicz Method for Search of Saddle Points"; with step sizes that change,
Malitsky and Tam (2020), arXiv:1808.04162):

    y_{k+1} = y_k + c_k Q_k + c_{k-1} (Q_k - Q_{k-1}).

A plain step (c Q_k) moves out of a rotation, and settles only where its size is
of the order of the share of pull in it. This one settles in monotone problems
if c is below some half of 1 / L, L the Lipschitz constant of Q.

L is measured on the way (as in Malitsky (2020), "Golden Ratio Algorithms for
Variational Inequalities"), by the last step: with the change dQ of the action
values, that of the logits dy and that of the policy dpi,

    L^2 ~ sum_s mu(s) Var_{a ~ pi}(dQ(s, a)) / sum_s mu(s) sum_a dpi dy.

The denominator is the sum of the two relative entropies between the policies,
a square of their distance. Near a pure policy L is small, as actions that are
not played do not matter, and grows as soon as they do. So c is also held so
small that no log-probability gains more than `MAX_RISE` in a step (but for the
optimistic part), and policies leave a corner slowly enough for L to be noticed.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax

# c L is not above this. In linear problems steps settle up to 1 / sqrt(3).
STABILITY = 0.4
# c grows by no more than this factor in a step.
GROWTH = 1.2
# Bound on what the logit of the best action gains on the mean of its state.
MAX_RISE = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class OptimisticStep:
  """The last optimistic step, from which the next one follows.

  Attributes:
    logits: (N, A), before the step.
    action_values: (N, A); 0 where an action is not legal.
    step_size: c; 0 where there was no step yet.
  """

  logits: np.ndarray
  action_values: np.ndarray
  step_size: float = 0.0

  def next(
    self,
    logits: np.ndarray,
    policy: np.ndarray,
    mean_field: np.ndarray,
    action_values: np.ndarray,
    discounts: np.ndarray,
    first_step_size: float,
  ) -> "tuple[OptimisticStep, np.ndarray]":
    """Returns the next step, and the action values that it goes along.

    Args:
      logits: (N, A), before the step.
      policy: (N, A), of the logits.
      mean_field: (N,), mu.
      action_values: (N, A); -inf where an action is not legal.
      discounts: (N,), see `MeanFieldModel`.
      first_step_size: c, where there was no step yet.
    """
    is_legal = np.isfinite(action_values)
    values = np.where(is_legal, action_values, 0.0)
    if not self.step_size:
      return OptimisticStep(logits, values, first_step_size), action_values
    # Values at time t carry gamma^t, which steps of logits do not.
    weights, scale = mean_field * discounts, mirror_steps.inverse(discounts)
    values_change = values - self.action_values
    logits_change = np.subtract(
      logits, self.logits, out=np.zeros_like(values), where=is_legal
    )
    policy_change = policy - softmax.softmax(self.logits)
    moved = weights @ rows.total(policy_change * logits_change)
    excess = _excess(policy, scale[:, None] * values_change)
    changed = weights @ rows.total(policy * excess**2)
    size = GROWTH * self.step_size
    if moved > 0 and changed > 0:
      size = min(size, STABILITY * np.sqrt(moved / changed))
    # Of the actions that are played; there is one in each state.
    rise = _excess(policy, scale[:, None] * values)[policy > 0].max()
    if rise > 0:
      size = min(size, MAX_RISE / rise)
    size = float(size)
    expected = values + values_change * (self.step_size / size)
    return (
      OptimisticStep(logits, values, size),
      np.where(is_legal, expected, -np.inf),
    )


def _excess(policy: np.ndarray, values: np.ndarray) -> np.ndarray:
  """Returns by how much (N, A) values exceed their means under the policy."""
  return values - rows.total(policy * values)[:, None]
