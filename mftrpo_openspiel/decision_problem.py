"""A Markov decision process under one mean field, and values in it."""

import dataclasses
import functools

import numpy as np
from scipy import sparse

from mftrpo_openspiel import entropy
from mftrpo_openspiel import policy_kernel
from mftrpo_openspiel import rows

EPSILON = float(np.finfo(np.float64).eps)


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

  def backup(self, values: np.ndarray) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    action_values = (self.kernel @ values).reshape(
      self.rewards.shape, order=self.order
    )
    action_values *= self.discount
    action_values += self.rewards
    return action_values

  def improvement(
    self, action_values: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns T V, (S,), and the (S, A) policy that attains it, from Q."""
    if self.is_regularized:
      return entropy.soft_improvement(action_values, self.regularization)
    return rows.maximum(action_values), entropy.greedy_policy(action_values)


@dataclasses.dataclass(eq=False)
class Values:
  """Values of the states of a problem; not to be written to.

  Attributes:
    problem: What is played.
    values: (S,).
    policy: (S, A), one that has these values; None where there is none.
    error_bound: Of the values, where they are those of the policy and not
      exact.
  """

  problem: Problem
  values: np.ndarray
  policy: np.ndarray | None = None
  error_bound: float | None = None

  @functools.cached_property
  def action_values(self) -> np.ndarray:
    """Q = r + gamma P V, (S, A)."""
    return self.problem.backup(self.values)
