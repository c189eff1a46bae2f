"""Policy iteration without regularization, for one problem after another.

While the mean field moves, the same policies are best or almost so again and
again. So policy iteration starts where the last one ended, and what was worked
out for a policy serves again: here that is LU, and all problems have the same
kernel and discount.

Yet what is returned depends on the arguments alone: wherever policy iteration
started, it ends with what it finds from the first of the best actions of each
state. Where it is not clear which actions are best, it goes from the largest
advantages, and no further. What is clear after a start from the last best
policy is so by a wide margin, and hence after any other start, too.
"""

from collections.abc import Callable
import dataclasses

import numpy as np

from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import decision_problem

# The LU of so many greedy policies is kept.
MAX_KEPT = 30
# A gain of up to this share of `Problem.rounding_errors` is none: the backup of
# a best action does not lose as much.
NEGLIGIBLE = 0.5
MAX_ITERATIONS = 1000
# What policy iteration finds is then right up to a unit of rounding /
# (1 - gamma), and differs by 2 at most between two starts (in trials full of
# ties, with discounts up to 0.9999, by 0.05). An action that is short of the
# best one by up to TIE units is as good; where a share of UNCLEAR more or less
# would make another one the first of the best (or twice that share, after a
# start from the last best policy), it is not clear which one that is.
TIE = 8.0
UNCLEAR = 0.25

# Returns (I - gamma P^pi)^-1 x for the (S,) x.
DiscountedSum = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(eq=False)
class _Found:
  """What policy iteration finds.

  Attributes:
    actions: (S,), those of the last policy.
    is_direct: Whether the values are what one LU gave, and not refined.
    values: (S,), its values.
    short: (S, A), by how much each action falls short of the best one.
    tie: Up to how much that is none.
  """

  actions: np.ndarray
  is_direct: bool
  values: np.ndarray
  short: np.ndarray
  tie: float

  def best_actions(self, margin: float) -> np.ndarray | None:
    """Returns the first best action of each state, (S,), if these are clear."""
    is_best = self.short <= (1 - margin) * self.tie
    may_be_best = self.short <= (1 + margin) * self.tie
    actions = is_best.argmax(axis=1)
    if np.count_nonzero(is_best) != np.count_nonzero(may_be_best) and (
      (may_be_best.argmax(axis=1) != actions).any()
    ):
      return None
    return actions


class GreedyIteration:
  """Policy iteration on problems with one kernel and discount."""

  def __init__(
    self,
    evaluate: Callable[[decision_problem.Problem, np.ndarray], DiscountedSum],
  ):
    """Initializes the iteration.

    Args:
      evaluate: Returns the discounted sums of an (S, A) policy.
    """
    self._evaluate = evaluate
    # By the actions of the policy, the one used longest ago first.
    self._kept: dict[bytes, DiscountedSum] = {}
    # The actions of the last best policy, if these were clear.
    self._best: np.ndarray | None = None

  def optimal_values(self, problem: decision_problem.Problem) -> np.ndarray:
    """Returns V*, (S,).

    Args:
      problem: With the kernel and discount of all the others.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    start, best = self._best, None
    if start is not None:
      found = self._iterate(problem, start)
      best = found.best_actions(2 * UNCLEAR)
    if best is None:
      found = self._iterate(problem, problem.rewards.argmax(axis=1))
      best = found.best_actions(UNCLEAR)
    self._best = best
    if best is not None and not (
      found.is_direct and np.array_equal(found.actions, best)
    ):
      found = self._iterate(problem, best)
    return found.values

  def _iterate(
    self, problem: decision_problem.Problem, actions: np.ndarray
  ) -> _Found:
    """Returns what policy iteration finds from a policy, (S,) actions.

    Clearly better policies are evaluated anew. Among those that may be better
    by rounding alone gains are added up, as in iterative refinement. While
    there is a better policy they only grow, so that none comes again and again.

    Raises:
      ArithmeticError: If it does not end.
    """
    states = np.arange(len(actions))
    values, rise, is_direct = 0.0, problem.rewards[states, actions], True
    for _ in range(MAX_ITERATIONS):
      values = values + self._discounted_sum(problem, actions, rise)
      action_values = problem.backup(values)
      greedy = action_values.argmax(axis=1)
      best = action_values[states, greedy]
      rise = best - values
      largest = np.abs(rise).max()
      tie = TIE * problem.rounding * np.abs(best).max() / (1 - problem.discount)
      is_small = largest <= tie
      if is_small:
        # Terms add up to this at least, which may do.
        terms = np.abs(values) + np.abs(best)
        negligible = NEGLIGIBLE * problem.rounding_errors(terms)
        if (np.abs(rise) > negligible).any():
          terms = problem.terms(values, greedy)
          negligible = NEGLIGIBLE * problem.rounding_errors(terms)
        if (np.abs(rise) <= negligible).all():
          short = best[:, None] - action_values
          return _Found(actions, is_direct, values, short, tie)
      actions, is_direct = greedy, not is_small
      if is_direct:
        values, rise = 0.0, problem.rewards[states, actions]
      elif (rise > negligible).any():
        rise = np.maximum(rise, 0.0)
    raise ArithmeticError(
      f"Policy iteration left a residual of {largest:.1e} after"
      f" {MAX_ITERATIONS} iterations."
    )

  def _discounted_sum(
    self,
    problem: decision_problem.Problem,
    actions: np.ndarray,
    stage_values: np.ndarray,
  ) -> np.ndarray:
    """Returns (I - gamma P^pi)^-1 x of the policy that takes (S,) actions."""
    key = actions.tobytes()
    # A new dictionary, as other threads may look into this one.
    kept = dict(self._kept)
    discounted_sum = kept.pop(key, None)
    if discounted_sum is None:
      policy = tabular_policies.deterministic_policy(actions, problem.rewards)
      discounted_sum = self._evaluate(problem, policy)
    kept[key] = discounted_sum
    if len(kept) > MAX_KEPT:
      del kept[next(iter(kept))]
    self._kept = kept
    return discounted_sum(stage_values)
