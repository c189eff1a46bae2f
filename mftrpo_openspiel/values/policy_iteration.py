"""Optimal values by policy iteration.

Policy iteration is Newton's method on T V = V with the Bellman operator T, of
which a step solves for what is left,

    V <- V + (I - gamma P^pi)^-1 (T V - V),    pi greedy in r + gamma P V.

So the error of a solution is made good by the next one, and the iteration ends
where T V - V is rounding in each state: small beside the terms of which it is
the sum there, and no longer falling. Terms of actions that are not taken, and
values of policies on the way, are not among them. Sweeps V <- T V between two
steps are cheaper than the steps that they save where these need a new LU.

What is returned depends on the arguments alone, a start among them.
"""

import dataclasses
import math

import numpy as np

from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import evaluation
from mftrpo_openspiel.values import frozen_mdp

# There is no gap where T V - V is this share of the rounding in each state.
NOTHING = 0.05
# Policy iteration ends where T V - V is this share of the rounding, which
# rounding makes of that of the exact values; or so many times the rounding, and
# no longer falls by half.
SMALL = 0.5
NEGLIGIBLE = 2.0
# Policies may be equally good up to so many times what rounding in one step
# makes of their values.
TIE = 8.0
# The discounted sums of a policy serve for others that differ by no more than
# this: what that leaves is seen in the next residual.
SAME_POLICY = 1e-7
MAX_ITERATIONS = 1000


def optimal_values(
  method: evaluation.EvaluationMethod,
  mdp: frozen_mdp.FrozenMDP,
  start: np.ndarray | None = None,
) -> frozen_mdp.OptimalValues:
  """Returns V*.

  Args:
    method: How policies are evaluated.
    mdp: What is played.
    start: (S, A), the policy that is evaluated first: one near the best saves
      work. None for the one with the largest rewards.

  Raises:
    ArithmeticError: If policy iteration does not end.
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
  """Returns the policy of the first best actions, given its values V*, (S,).

  Actions whose values differ by what rounding may make of them are equally
  good. So the values of this policy have the same bits wherever policy
  iteration began, but where it is not clear which actions are equally good.
  """
  action_values = mdp.backup(values)
  best = rows.maximum(action_values)
  tie = TIE * mdp.rounding * np.abs(best).max() / (1 - mdp.discount)
  actions = (action_values >= (best - tie)[:, None]).argmax(axis=1)
  return tabular_policies.deterministic_policy(actions, action_values)


def optimality_gap(
  method: evaluation.EvaluationMethod, base: frozen_mdp.PolicyValues
) -> frozen_mdp.OptimalValues:
  """Returns V* - V^pi, which is zero where it is no more than rounding.

  Raises:
    ArithmeticError: If policy iteration does not end.
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
    method: How policies are evaluated.
    mdp: What is played.
    values: V, (S,), where to start.
    improvement: T V, (S,), and the (S, A) policy that attains it.
    evaluated: Any policy that was evaluated under the same kernel.
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
  """Tells how policy iteration goes on, and when it has ended."""

  def __init__(
    self,
    mdp: frozen_mdp.FrozenMDP,
    tolerance: float | None,
    max_iterations: int = MAX_ITERATIONS,
  ):
    """Initializes the rule before the first values.

    Args:
      mdp: What is played.
      tolerance: How large T V - V may be, relative to the largest term in any
        state; None where policies are evaluated by LU, for what rounding makes
        of it.
      max_iterations: When to give up.
    """
    self._mdp = mdp
    self._is_direct = tolerance is None
    # What of a residual counts as rounding, relative to its terms.
    self._unit = mdp.rounding if tolerance is None else tolerance / SMALL
    self._tie = TIE * self._unit / (1 - mdp.discount)
    self._least_size = mdp.largest_bonus + frozen_mdp.LEAST_SIZE
    self._max_iterations = max_iterations
    self._num_iterations = 0
    self._least_share = math.inf

  def is_nothing(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> bool:
    """Returns whether T V - V is no more than the last digits of its terms.

    The arguments are those of `remainder`.
    """
    return (
      not self.is_clear(values, residual)
      and self._share(values, residual, policy) <= NOTHING
    )

  def remainder(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> np.ndarray | None:
    """Returns what is to be solved for next, (S,); None at the end.

    Policies that differ by rounding, the sum of which over all times may be
    large beside that of one step, could take turns for ever. So where one may
    be better than the last by rounding alone, values only grow.

    Args:
      values: V, (S,).
      residual: T V - V, (S,).
      policy: (S, A), that attains T V.

    Raises:
      ArithmeticError: If the end does not come.
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
    """Returns whether more than rounding is missing.

    No terms add up to more than 4 |V|_inf + |T V - V|_inf + 2 eta log A, as
    |r^pi| <= |T V| + gamma P |V| + eta log A.
    """
    largest = np.abs(residual).max()
    return bool(largest > self._tie * (np.abs(values).max() + self._least_size))

  def _share(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> float:
    """Returns how many times rounding there is left in a state, at most."""
    left = np.abs(residual)
    # Terms add up to this at least, which may do.
    sizes = np.abs(values) + np.abs(values + residual)
    if (left > NOTHING * self._rounding(sizes)).any():
      sizes = self._mdp.summand_sizes(values, policy)
    return float((left / self._rounding(sizes)).max())

  def _rounding(self, sizes: np.ndarray) -> np.ndarray | float:
    """Returns what is left of T V - V where T V = V was solved; or (S,) of it.

    By LU that is, in each state, the rounding of a backup there, and the share
    that a solution of S equations spreads of the largest one. The `sizes` are
    those of the terms in each state.
    """
    largest = sizes.max()
    if not self._is_direct:
      return self._unit * (largest + frozen_mdp.LEAST_SIZE)
    spread = len(sizes) * frozen_mdp.EPSILON / (1 - self._mdp.discount)
    return self._unit * (sizes + spread * largest + frozen_mdp.LEAST_SIZE)
