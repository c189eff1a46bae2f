"""A Markov decision process under one mean field, and values in it.

How well values V are known follows from what they leave of their equation,
whatever computed them. For the values of a policy, and with the Bellman
operator T for optimal ones,

    |V^pi - V|_inf <= |T^pi V - V|_inf / (1 - gamma),
    |V* - V|_inf <= |T V - V|_inf / (1 - gamma).

What rounding may have done to the residual is part of the bounds here.
"""

import dataclasses
import functools
import math

import numpy as np
from scipy import sparse

from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

EPSILON = float(np.finfo(np.float64).eps)
# Terms below this are zero.
LEAST_TERM = 1e-290


@dataclasses.dataclass(eq=False)
class Problem:
  """A Markov decision process under one mean field.

  Attributes:
    kernel: (S * A, S), in the order of a raveled (S, A) array.
    mixer: Makes the chains of policies.
    rewards: (S, A).
    discount: gamma.
    regularization: eta >= 0, the weight of the entropy bonus; a number, or (S,)
      for one a state.
    order: "C", or "F" for row a * S + s of the kernel; arrays over states and
      actions are best in this order.
  """

  kernel: sparse.csr_array
  mixer: policy_kernel.PolicyKernel
  rewards: np.ndarray
  discount: float
  regularization: float | np.ndarray = 0.0
  order: str = "C"

  @property
  def is_regularized(self) -> bool:
    """Whether there may be an entropy bonus."""
    return isinstance(self.regularization, np.ndarray) or (
      self.regularization > 0
    )

  @property
  def rounding(self) -> float:
    """What a backup may lose, relative to the largest reward or value.

    It takes a sum over the next states, one over the actions and a few more
    operations, each of which rounds.
    """
    num_terms = self.mixer.most_transitions + 2 * self.rewards.shape[1] + 8
    return num_terms * EPSILON

  def with_rewards(self, rewards: np.ndarray) -> "Problem":
    """Returns the problem with other (S, A) rewards."""
    return Problem(
      self.kernel,
      self.mixer,
      rewards,
      self.discount,
      self.regularization,
      self.order,
    )

  def backup(self, values: np.ndarray) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    action_values = (self.kernel @ values).reshape(
      self.rewards.shape, order=self.order
    )
    action_values *= self.discount
    action_values += self.rewards
    return action_values

  def improved(self, action_values: np.ndarray) -> np.ndarray:
    """Returns T V, (S,), from Q."""
    if self.is_regularized:
      return softmax.soft_maximum(action_values, self.regularization)
    return rows.maximum(action_values)

  def improvement(
    self, action_values: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns T V, (S,), and the (S, A) policy that attains it, from Q."""
    if self.is_regularized:
      return softmax.soft_improvement(action_values, self.regularization)
    return rows.maximum(action_values), tabular_policies.greedy_policy(
      action_values
    )

  def terms(self, values: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Returns how large the terms are of which T^pi V - V is the sum.

    The rounding of the sum in a state is relative to the terms of that state:
    actions that the policy does not take have none.

    Args:
      values: V, (S,).
      policy: (S, A); or (S,), the actions that it takes.

    Returns:
      (S,): |V| + sum_a pi (|r| + gamma P |V|), and the largest entropy bonus.
    """
    sizes = np.abs(values)
    action_sizes = (self.kernel @ sizes).reshape(
      self.rewards.shape, order=self.order
    )
    action_sizes *= self.discount
    action_sizes += np.abs(self.rewards)
    if policy.ndim == 1:
      return sizes + action_sizes[np.arange(len(sizes)), policy]
    return sizes + rows.total(policy * action_sizes) + self.largest_bonus

  def rounding_errors(self, terms: np.ndarray) -> np.ndarray:
    """Returns what is left of V by rounding where T V = V was solved by LU.

    In each state that is the rounding of a backup there, and the share that a
    solution of S equations spreads of the largest one.

    Args:
      terms: (S,), from `terms`.

    Returns:
      (S,), of T V - V.
    """
    spread = len(terms) * EPSILON / (1 - self.discount)
    return self.rounding * (terms + spread * terms.max() + LEAST_TERM)

  @property
  def largest_bonus(self) -> float:
    """The largest entropy bonus in any state, eta log A."""
    regularization = self.regularization
    if isinstance(regularization, np.ndarray):
      regularization = regularization.max()
    return regularization * math.log(self.rewards.shape[1])

  def error_bound(self, residual: float, rounding: float) -> float:
    """Returns a bound of the error of values in any state.

    Args:
      residual: The largest |T V - V| as computed.
      rounding: A bound of what rounding did to it.
    """
    # The rows of kernels and policies sum to one up to a tolerance.
    contraction = self.discount * (1 + validation.SUM_TOLERANCE) ** 2
    if contraction >= 1:
      return math.inf
    return float((residual + rounding) / (1 - contraction))


@dataclasses.dataclass(eq=False)
class Values:
  """Values of the states of a problem; not to be written to.

  Attributes:
    problem: What is played.
    values: V, (S,).
    policy: (S, A), the one whose values these are; None for any others.
  """

  problem: Problem
  values: np.ndarray
  policy: np.ndarray | None = None

  @functools.cached_property
  def action_values(self) -> np.ndarray:
    """Q = r + gamma P V, (S, A)."""
    return self.problem.backup(self.values)

  @functools.cached_property
  def error_bound(self) -> float:
    """A bound of |V^pi - V| in any state; 0 where there is no policy."""
    if self.policy is None:
      return 0.0
    problem = self.problem
    backed_up = rows.total(self.policy * self.action_values)
    if problem.is_regularized:
      backed_up += problem.regularization * softmax.entropy(self.policy)
    terms = problem.terms(self.values, self.policy)
    return problem.error_bound(
      np.abs(backed_up - self.values).max(),
      problem.rounding * terms.max(),
    )


@dataclasses.dataclass(eq=False)
class Gaps:
  """What the best policy gains over values; not to be written to.

  Attributes:
    values: V.
    problem: The problem with the advantages r + gamma P V - V as its rewards,
      whose optimal values are V* - V.
    gaps: V* - V, (S,).
  """

  values: Values
  problem: Problem
  gaps: np.ndarray

  @functools.cached_property
  def error_bound(self) -> float:
    """A bound, in any state, of the error of V* - V^pi."""
    problem, start = self.problem, self.values
    action_values = problem.backup(self.gaps)
    improved = problem.improved(action_values)
    # How far the action values may be off; where an action is not the best by
    # more than that, it changes nothing.
    losses = problem.rounding * (
      np.abs(start.problem.rewards)
      + np.abs(problem.rewards)
      + 2 * np.abs(start.values).max()
      + 2 * np.abs(self.gaps).max()
    )
    raised = problem.improved(action_values + losses)
    sizes = np.abs(improved) + np.abs(self.gaps) + problem.largest_bonus
    bound = problem.error_bound(
      np.abs(improved - self.gaps).max(),
      (raised - improved).max() + problem.rounding * sizes.max(),
    )
    return bound + start.error_bound
