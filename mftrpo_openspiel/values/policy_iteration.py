"""When policy iteration has ended, and how it goes on until then.

Policy iteration is Newton's method on T V = V with the Bellman operator T, of
which a step solves for what is left,

    V <- V + (I - gamma P^pi)^-1 (T V - V),    pi greedy in r + gamma P V.

So the error of a solution is made good by the next one, and the iteration ends
where T V - V is rounding in each state: small beside the terms of which it is
the sum there, and no longer falling. Terms of actions that are not taken, and
values of policies on the way, are not among them.
"""

import numpy as np

from mftrpo_openspiel.values import decision_problem

# Nothing is to be gained where T V - V is this share of
# `Problem.rounding_errors` in each state.
NOTHING = 0.05
# Policy iteration ends where it is this share, which rounding makes of that of
# the exact values; or so many times it, and no longer falls by half.
SMALL = 0.5
NEGLIGIBLE = 2.0
# Policies may be as good up to so many times what rounding in one step makes of
# their values.
TIE = 8.0
MAX_ITERATIONS = 1000


class Progress:
  """Tells how policy iteration goes on, and when it has ended."""

  def __init__(
    self, problem: decision_problem.Problem, tolerance: float | None
  ):
    """Initializes it before the first values.

    Args:
      problem: What is played.
      tolerance: How large T V - V may be, relative to the largest term in any
        state, where policies are not evaluated by LU.
    """
    self._problem = problem
    self._is_direct = tolerance is None
    # What of a residual counts as rounding, relative to its terms.
    self._unit = problem.rounding if tolerance is None else tolerance / SMALL
    self._least_size = problem.largest_bonus + decision_problem.LEAST_TERM
    self._tie = TIE * self._unit / (1 - problem.discount)
    self._least = np.inf
    self._num_iterations = 0

  def is_nothing(
    self, values: np.ndarray, advantages: decision_problem.Problem
  ) -> bool:
    """Returns whether T V - V is no more than the last digits of its terms.

    Args:
      values: V, (S,).
      advantages: The problem with r + gamma P V - V as its rewards.
    """
    residual = advantages.improved(advantages.rewards)
    if self._is_clear(values, np.abs(residual).max()):
      return False
    _, policy = advantages.improvement(advantages.rewards)
    return self._share(values, residual, policy) <= NOTHING

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
    largest = np.abs(residual).max()
    is_clear = self._is_clear(values, largest)
    if not is_clear:
      share = self._share(values, residual, policy)
      if share <= SMALL or NEGLIGIBLE >= share >= self._least / 2:
        return None
      self._least = min(self._least, share)
    if self._num_iterations == MAX_ITERATIONS:
      raise ArithmeticError(
        f"Policy iteration left a residual of {largest:.1e} after"
        f" {MAX_ITERATIONS} iterations."
      )
    if is_clear or self._share(values, residual.clip(0), policy) <= NEGLIGIBLE:
      return residual
    return np.maximum(residual, 0.0)

  def _is_clear(self, values: np.ndarray, largest: float) -> bool:
    """Returns whether more than rounding is missing.

    No terms add up to more than 4 |V|_inf + |T V - V|_inf + 2 eta log A, as
    |r^pi| <= |T V| + gamma P |V| + eta log A.

    Args:
      values: V, (S,).
      largest: |T V - V|_inf.
    """
    return largest > self._tie * (np.abs(values).max() + self._least_size)

  def _share(
    self, values: np.ndarray, residual: np.ndarray, policy: np.ndarray
  ) -> float:
    """Returns how many times rounding there is left in a state, at most."""
    problem, sizes = self._problem, np.abs(residual)
    # Terms add up to this at least, which may do.
    terms = np.abs(values) + np.abs(values + residual)
    if (sizes > NOTHING * self._rounding(terms)).any():
      terms = problem.terms(values, policy)
    return float((sizes / self._rounding(terms)).max())

  def _rounding(self, terms: np.ndarray) -> np.ndarray | float:
    """Returns what counts as rounding; a number, or (S,)."""
    if self._is_direct:
      return self._problem.rounding_errors(terms)
    return self._unit * (terms.max() + decision_problem.LEAST_TERM)
