"""Optimal values by policy iteration.

Policy iteration is Newton's method for T V = V with the Bellman operator T. A
step solves for the residual T V - V,

    V <- V + (I - gamma P^pi)^-1 (T V - V),    pi greedy in r + gamma P V.

So each step corrects the error of the last solution. The iteration ends when
T V - V is at the level of rounding in each state: small relative to the terms
whose sum it is there, and no longer decreasing. These terms include neither
actions that the policy does not take nor values of earlier policies. Sweeps
V <- T V between two steps are cheaper than the steps that they save if each
step needs a new LU.

Results depend only on the arguments, which include the start.
"""

import dataclasses
import math

import numpy as np

from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import evaluation
from mftrpo_openspiel.values import frozen_mdp

# The following thresholds for T V - V are multiples of its rounding error.
# The optimality gap is zero if T V - V is at most this in each state.
NOTHING = 0.05
# Policy iteration ends if T V - V is at most `SMALL`, as it is for the exact
# values because of rounding; or if it is at most `NEGLIGIBLE` and is no longer
# reduced by half.
SMALL = 0.5
NEGLIGIBLE = 2.0
# Policies are regarded as equally good if their values differ by at most this
# multiple of the rounding error of one step, accumulated over all times.
TIE = 8.0
# The discounted sums of a policy are also used for policies that differ by at
# most this. The next residual includes the error of this approximation.
SAME_POLICY = 1e-7
MAX_ITERATIONS = 1000


def optimal_values(
  method: evaluation.EvaluationMethod,
  mdp: frozen_mdp.FrozenMDP,
  start: np.ndarray | None = None,
) -> frozen_mdp.OptimalValues:
  """Returns V*.

  Args:
    method: The method of policy evaluation.
    mdp: The MDP.
    start: (S, A), the policy that is evaluated first; one that is close to the
      optimal policy saves time. None for the policy that is greedy in the
      rewards.

  Raises:
    ArithmeticError: If policy iteration does not converge.
  """

  def from_policy(policy):
    first = method.evaluate(mdp, policy)
    improvement = mdp.improvement(first.action_values)
    return _iterate(method, mdp, first.values, improvement, first)

  if start is None or not method.takes_start:
    zeros = np.zeros(len(mdp.rewards))
    optimum = _iterate(method, mdp, zeros, mdp.improvement(mdp.rewards))
  else:
    optimum = from_policy(start)
  if method.takes_start and method.is_direct and not mdp.regularization:
    optimum = from_policy(_first_best_policy(mdp, optimum))
  return frozen_mdp.OptimalValues(mdp, optimum)


def _first_best_policy(
  mdp: frozen_mdp.FrozenMDP, values: np.ndarray
) -> np.ndarray:
  """Returns the policy of the first best action in each state, given V*, (S,).

  Actions are regarded as equally good if their values differ by no more than
  rounding errors. So the values of this policy are bitwise independent of the
  start of policy iteration, unless a difference is near this threshold.
  """
  action_values = mdp.backup(values)
  best = rows.maximum(action_values)
  tie = TIE * mdp.rounding * np.abs(best).max() / (1 - mdp.discount)
  actions = (action_values >= (best - tie)[:, None]).argmax(axis=1)
  return tabular_policies.deterministic_policy(actions, action_values)


def optimality_gap(
  method: evaluation.EvaluationMethod, base: frozen_mdp.PolicyValues
) -> frozen_mdp.OptimalValues:
  """Returns V* - V^pi, which is zero if it is at the level of rounding.

  Raises:
    ArithmeticError: If policy iteration does not converge.
  """
  rewards = base.action_values - base.values[:, None]
  advantages = dataclasses.replace(base.mdp, rewards=rewards)
  first = advantages.improvement(advantages.rewards)
  rule = StoppingRule(base.mdp, method.tolerance)
  if rule.is_nothing(base.values, *first):
    gap = np.zeros_like(base.values)
  else:
    gap = _iterate(method, advantages, np.zeros_like(base.values), first, base)
  return frozen_mdp.OptimalValues(advantages, gap, base)


def _iterate(
  method: evaluation.EvaluationMethod,
  mdp: frozen_mdp.FrozenMDP,
  values: np.ndarray,
  improvement: tuple[np.ndarray, np.ndarray],
  evaluated: frozen_mdp.PolicyValues | None = None,
) -> np.ndarray:
  """Returns V*, (S,).

  Args:
    method: The method of policy evaluation.
    mdp: The MDP.
    values: V, (S,), the start.
    improvement: T V, (S,), and the (S, A) policy that attains it.
    evaluated: A policy that was evaluated under the same kernel, or None.
  """
  rule = StoppingRule(mdp, method.tolerance)
  policy: np.ndarray | None = None
  if evaluated is not None and method.is_direct:
    policy, discounted_sum = evaluated.policy, evaluated.discounted_sum
  num_sweeps = 0
  while True:
    improved, best = improvement
    left = rule.remainder(values, improved - values, best)
    if left is None:
      return values
    if num_sweeps and rule.is_clear(values, left):
      for _ in range(num_sweeps):
        values, action_values = improved, mdp.backup(improved)
        improved = rows.maximum(action_values)
      best = tabular_policies.greedy_policy(action_values)
      left = improved - values
    if policy is None or np.abs(best - policy).max() > SAME_POLICY:
      policy, discounted_sum = best, method.factorize(mdp, best, is_step=True)
    values = values + discounted_sum(left)
    improvement = mdp.improvement(mdp.backup(values))
    num_sweeps = 0 if mdp.regularization else method.num_sweeps


class StoppingRule:
  """Decides when policy iteration ends, and the residual to solve for next."""

  def __init__(
    self,
    mdp: frozen_mdp.FrozenMDP,
    tolerance: float | None,
    max_iterations: int = MAX_ITERATIONS,
  ):
    """Initializes the rule before the first values.

    Args:
      mdp: The MDP.
      tolerance: Bound on T V - V, relative to the largest term in any state;
        None if policies are evaluated by LU, where only rounding limits it.
      max_iterations: Largest number of iterations.
    """
    self._mdp = mdp
    self._is_direct = tolerance is None
    # The rounding error of a residual, relative to its terms.
    self._unit = mdp.rounding if tolerance is None else tolerance / SMALL
    self._tie = TIE * self._unit / (1 - mdp.discount)
    self._least_size = mdp.largest_bonus + frozen_mdp.LEAST_SIZE
    self._max_iterations = max_iterations
    self._num_iterations = 0
    self._least_share = math.inf

  def is_nothing(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> bool:
    """Returns whether T V - V is within the last digits of its terms.

    The arguments are those of `remainder`.
    """
    return (
      not self.is_clear(values, residual)
      and self._share(values, residual, policy) <= NOTHING
    )

  def remainder(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> np.ndarray | None:
    """Returns the residual to solve for next, (S,); None at the end.

    The iteration could cycle for ever between policies that differ by rounding,
    because rounding errors accumulated over all times may be large compared
    with those of one step. So if the new policy may be better than the last
    one by rounding only, negative residuals are set to zero and values can only
    increase.

    Args:
      values: V, (S,).
      residual: T V - V, (S,).
      policy: (S, A), the policy that attains T V.

    Raises:
      ArithmeticError: If the largest number of iterations is reached.
    """
    self._num_iterations += 1
    is_clear = self.is_clear(values, residual)
    if not is_clear:
      share = self._share(values, residual, policy)
      if share <= SMALL or NEGLIGIBLE >= share >= self._least_share / 2:
        return None
      self._least_share = min(self._least_share, share)
    if self._num_iterations == self._max_iterations:
      raise ArithmeticError(
        "Policy iteration left a residual of"
        f" {np.abs(residual).max():.1e} after"
        f" {self._max_iterations} iterations."
      )
    if is_clear or self._share(values, residual.clip(0), policy) <= NEGLIGIBLE:
      return residual
    return np.maximum(residual, 0.0)

  def is_clear(self, values: np.ndarray, residual: np.ndarray) -> bool:
    """Returns whether T V - V is clearly larger than rounding errors.

    The sum of the terms is at most 4 |V|_inf + |T V - V|_inf + 2 eta log A in
    any state, because |r^pi| <= |T V| + gamma P |V| + eta log A.
    """
    largest = np.abs(residual).max()
    return bool(largest > self._tie * (np.abs(values).max() + self._least_size))

  def _share(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> float:
    """Returns the largest ratio of the residual to its rounding error."""
    left = np.abs(residual)
    # A lower bound on the sum of the terms, which may be sufficient.
    sizes = np.abs(values) + np.abs(values + residual)
    if (left > NOTHING * self._rounding(sizes)).any():
      sizes = self._mdp.summand_sizes(values, policy)
    return float((left / self._rounding(sizes)).max())

  def _rounding(self, sizes: np.ndarray) -> np.ndarray | float:
    """Returns the level of T V - V at which T V = V counts as solved.

    With LU it is an array, (S,): in each state the rounding error of a backup
    there, plus the share of the largest term in any state that rounding in the
    solution of S equations may add. Otherwise it is one number.

    Args:
      sizes: (S,), the sum of the absolute values of the terms in each state.
    """
    largest = sizes.max()
    if not self._is_direct:
      return self._unit * (largest + frozen_mdp.LEAST_SIZE)
    spread = len(sizes) * frozen_mdp.EPSILON / (1 - self._mdp.discount)
    return self._unit * (sizes + spread * largest + frozen_mdp.LEAST_SIZE)
