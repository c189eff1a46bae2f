"""Optimistic mirror steps with a step size that needs no tuning.

A step uses a prediction of the next action values, the current ones plus their
last change (Popov (1980), "A Modification of the Arrow-Hurwicz Method for
Search of Saddle Points"; with variable step sizes, Malitsky and Tam (2020),
arXiv:1808.04162):

    y_{k+1} = y_k + c_k Q_k + c_{k-1} (Q_k - Q_{k-1}).

A plain step (c Q_k) spirals outwards in a rotation, and converges only if its
size is small relative to the contraction of the game. An optimistic step
converges in monotone problems if c is below about half of 1 / L, where L is the
Lipschitz constant of Q.

L is estimated from the last step (as in Malitsky (2020), "Golden Ratio
Algorithms for Variational Inequalities"): with the changes dQ of the action
values, dy of the logits and dpi of the policy,

    L^2 ~ sum_s mu(s) Var_{a ~ pi}(dQ(s, a)) / sum_s mu(s) sum_a dpi dy.

The denominator is the sum of the two relative entropies between the policies, a
squared distance. Near a pure policy L is small, because actions that are not
played do not matter, and it grows once they are played. Therefore c is also
bounded so that no log-probability increases by more than `MAX_RISE` in a step
(without the optimistic part), and policies leave a corner slowly enough for the
estimate of L to follow.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax

# Upper bound on c L. In linear problems steps converge up to 1 / sqrt(3).
STABILITY = 0.4
# Largest factor by which c grows in a step.
GROWTH = 1.2
# Bound on the increase of the best logit relative to the mean of its state.
MAX_RISE = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class OptimisticStep:
  """The last optimistic step, from which the next one follows.

  Attributes:
    logits: (N, A), before the step.
    action_values: (N, A); 0 where an action is not legal.
    step_size: c; 0 before the first step.
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
    """Returns the next step, and the predicted action values that it uses.

    Args:
      logits: (N, A), before the step.
      policy: (N, A), the softmax of the logits.
      mean_field: (N,), mu.
      action_values: (N, A); -inf where an action is not legal.
      discounts: (N,), see `MeanFieldModel`.
      first_step_size: c of the first step.
    """
    is_legal = np.isfinite(action_values)
    values = np.where(is_legal, action_values, 0.0)
    if not self.step_size:
      return OptimisticStep(logits, values, first_step_size), action_values
    # Values at time t include gamma^t, steps of logits do not.
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
    # Over the actions that are played; each state has at least one.
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
  """Returns (N, A) values minus their means under the policy."""
  return values - rows.total(policy * values)[:, None]
