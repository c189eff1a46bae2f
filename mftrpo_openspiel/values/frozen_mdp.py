"""The Markov decision process under a fixed mean field, and its values.

The error of computed values V is bounded by their residual, whatever method
computed them. With the Bellman operators T^pi of a policy and T of optimal
values,

    |V^pi - V|_inf <= |T^pi V - V|_inf / (1 - gamma),
    |V* - V|_inf <= |T V - V|_inf / (1 - gamma).

The bounds here include the rounding error of the computed residual.
"""

from collections.abc import Callable
import dataclasses
import functools
import math

import numpy as np

from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

EPSILON = float(np.finfo(np.float64).eps)
# Absolute values below this are treated as zero.
LEAST_SIZE = 1e-290

# Returns (I - gamma P^pi)^-1 x for the (S,) x: the expected discounted sums of
# the rewards x.
DiscountedSum = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(eq=False)
class FrozenMDP:
  """A Markov decision process under one mean field.

  Attributes:
    kernel: P, over S states and A actions.
    rewards: r, (S, A).
    discount: gamma.
    regularization: eta >= 0, the weight of the entropy bonus.
  """

  kernel: transition_kernel.TransitionKernel
  rewards: np.ndarray
  discount: float
  regularization: float = 0.0

  @property
  def largest_bonus(self) -> float:
    """The largest entropy bonus in any state, eta log A."""
    return self.regularization * math.log(self.rewards.shape[1])

  @property
  def rounding(self) -> float:
    """Bound on the rounding error of a backup, relative to its largest term.

    A backup consists of a sum over the next states, one over the actions and a
    few more operations, each of which rounds.
    """
    num_terms = self.kernel.max_num_targets + 2 * self.rewards.shape[1] + 8
    return num_terms * EPSILON

  def backup(self, values: np.ndarray) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    action_values = self.kernel.expectations(values)
    action_values *= self.discount
    action_values += self.rewards
    return action_values

  def average(
    self, policy: np.ndarray, action_values: np.ndarray
  ) -> np.ndarray:
    """Returns sum_a pi Q + eta H(pi), (S,)."""
    average = rows.total(policy * action_values)
    if self.regularization:
      average += self.regularization * softmax.entropy(policy)
    return average

  def improvement(
    self, action_values: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns T V, (S,), and the (S, A) policy that attains it, from Q."""
    if self.regularization:
      return softmax.soft_improvement(action_values, self.regularization)
    return rows.maximum(action_values), tabular_policies.greedy_policy(
      action_values
    )

  def summand_sizes(self, values: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Returns the sum of the absolute values of the terms of T^pi V - V.

    The rounding error of T^pi V - V in a state is relative to the terms of that
    state. Actions of probability 0 have no terms.

    Returns:
      (S,): |V| + sum_a pi (|r| + gamma P |V|) plus the largest entropy bonus.
    """
    sizes = np.abs(values)
    action_sizes = self.kernel.expectations(sizes)
    action_sizes *= self.discount
    action_sizes += np.abs(self.rewards)
    return sizes + rows.total(policy * action_sizes) + self.largest_bonus

  def error_bound(self, residual: float, rounding: float) -> float:
    """Returns a bound on the error of values in any state.

    Args:
      residual: The largest computed |T V - V|.
      rounding: A bound on its rounding error.
    """
    # The rows of kernels and policies sum to one up to a tolerance.
    contraction = self.discount * (1 + validation.SUM_TOLERANCE) ** 2
    if contraction >= 1:
      return math.inf
    return float((residual + rounding) / (1 - contraction))


@dataclasses.dataclass(eq=False)
class PolicyValues:
  """The values of a policy; the arrays must not be modified.

  Attributes:
    mdp: The MDP.
    policy: pi, (S, A).
    values: V^pi, (S,).
    discounted_sum: The function that computed the values.
  """

  mdp: FrozenMDP
  policy: np.ndarray
  values: np.ndarray
  discounted_sum: DiscountedSum

  @functools.cached_property
  def action_values(self) -> np.ndarray:
    """Q = r + gamma P V, (S, A)."""
    return self.mdp.backup(self.values)

  @functools.cached_property
  def error_bound(self) -> float:
    """A bound on the error of the values in any state."""
    mdp = self.mdp
    residual = mdp.average(self.policy, self.action_values) - self.values
    sizes = mdp.summand_sizes(self.values, self.policy)
    return mdp.error_bound(np.abs(residual).max(), mdp.rounding * sizes.max())


@dataclasses.dataclass(eq=False)
class OptimalValues:
  """Optimal values, or an optimality gap; the arrays must not be modified.

  The gap V* - V^pi of a policy consists of the optimal values of the MDP whose
  rewards are the advantages r + gamma P V^pi - V^pi. So a small gap is not
  computed as a difference of two large numbers.

  Attributes:
    mdp: The MDP.
    values: V*, (S,).
    base: V^pi, if the rewards of `mdp` are the advantages of a policy; None if
      `mdp` has the rewards of the game.
  """

  mdp: FrozenMDP
  values: np.ndarray
  base: PolicyValues | None = None

  @functools.cached_property
  def action_values(self) -> np.ndarray:
    """Q* = r + gamma P V*, (S, A)."""
    return self.mdp.backup(self.values)

  @functools.cached_property
  def error_bound(self) -> float:
    """A bound on the error of the values in any state."""
    mdp, values = self.mdp, self.values
    improved, _ = mdp.improvement(self.action_values)
    # Bound on the terms of the action values. Rounding errors of an action do
    # not matter if its value is smaller than the largest one by more than that.
    action_sizes = np.abs(mdp.rewards) + 2 * np.abs(values).max()
    if self.base is not None:
      action_sizes += np.abs(self.base.mdp.rewards)
      action_sizes += 2 * np.abs(self.base.values).max()
    raised, _ = mdp.improvement(
      self.action_values + mdp.rounding * action_sizes
    )
    sizes = np.abs(improved) + np.abs(values) + mdp.largest_bonus
    bound = mdp.error_bound(
      np.abs(improved - values).max(),
      (raised - improved).max() + mdp.rounding * sizes.max(),
    )
    return bound if self.base is None else bound + self.base.error_bound
