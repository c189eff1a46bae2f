"""Policy iteration without regularization, for one problem after another.

While the mean field moves, the same policies are best or almost so again and
again. So policy iteration starts where the last one ended, and what was worked
out for a policy serves again: here that is LU, and all problems have the same
kernel and discount.

Yet what is returned depends on the arguments alone. Policy iteration starts a
second time from the first of the best actions of each state, in which it
mostly ends at once: so from wherever the first one has started, the bits are
those of the second. Where it is not clear which actions are best, policy
iteration goes from where the values lead, and no further. What is clear after
a start from the last best policy is so by a wide margin, and hence after any
other start, too.
"""

from collections.abc import Callable
import dataclasses

import numpy as np

from mftrpo_openspiel import decision_problem
from mftrpo_openspiel import entropy
from mftrpo_openspiel import rows

# The LU of so many greedy policies is kept.
MAX_KEPT = 30
# Actions are as good as the best one up to so many times what rounding may do
# to values; and where so much more or less, relative to that, makes another one
# the first of the best, it is not clear which one that is (or twice as much,
# after a start from the last best policy). On the paper's games and on random
# ones, with discounts up to 0.9999, no two starts differed by more than 0.08.
TIE = 1.0
UNCLEAR = 0.25
# Policy iteration ends when no state's value rises by more than this, relative
# to the largest value; or where that stops falling below so many times what
# rounding may do to a backup.
VALUE_TOLERANCE = 1e-15
NEGLIGIBLE = 2.0
MAX_ITERATIONS = 1000

# Returns (I - gamma P^pi)^-1 x for the (S,) x.
DiscountedSum = Callable[[np.ndarray], np.ndarray]


class Progress:
  """Tells when policy iteration has ended.

  Attributes:
    residual: T V - V, (S,), of the last values.
    largest: The largest of it.
    scale: The largest of T V, or 1 if that is more.
  """

  def __init__(
    self,
    problem: decision_problem.Problem,
    tolerance: float = VALUE_TOLERANCE,
  ):
    """Initializes it before the first values.

    Args:
      problem: What is played.
      tolerance: Relative to the largest value.
    """
    self.residual: np.ndarray | None = None
    self.largest = np.inf
    self.scale = 1.0
    self._tolerance = tolerance
    self._negligible = NEGLIGIBLE * problem.rounding
    self._least = np.inf
    self._num_iterations = 0

  def has_ended(self, values: np.ndarray, improved: np.ndarray) -> bool:
    """Returns whether V and T V, (S,) both, differ by rounding.

    Raises:
      ArithmeticError: If that does not come about.
    """
    self.residual = improved - values
    self.largest = np.abs(self.residual).max()
    self.scale = max(1.0, np.abs(improved).max())
    if self.largest <= self._tolerance * self.scale or (
      self.largest <= self._negligible * self.scale
      and self.largest >= self._least / 2
    ):
      return True
    self._least = min(self._least, self.largest)
    self._num_iterations += 1
    if self._num_iterations == MAX_ITERATIONS:
      raise ArithmeticError(
        f"Policy iteration left a residual of {self.largest:.1e} after"
        f" {MAX_ITERATIONS} iterations."
      )
    return False


@dataclasses.dataclass(eq=False)
class _Found:
  """What policy iteration finds.

  Attributes:
    gaps: V* - V, (S,).
    short: (S, A), by how much each action falls short of the best one.
    tie: Up to how much that is none.
    num_steps: How many improvements of the first policy it took.
  """

  gaps: np.ndarray
  short: np.ndarray
  tie: float
  num_steps: int

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

  def gaps(self, values: decision_problem.Values) -> np.ndarray:
    """Returns V* - V, (S,).

    Args:
      values: V, of a problem with the kernel and discount of all the others.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    action_values = values.action_values
    problem = values.problem
    if Progress(problem).has_ended(values.values, rows.maximum(action_values)):
      return np.zeros_like(values.values)
    best = None
    if self._best is not None:
      start = self._best
      found = self._iterate(values, start)
      best = found.best_actions(2 * UNCLEAR)
    if best is None:
      start = action_values.argmax(axis=1)
      found = self._iterate(values, start)
      best = found.best_actions(UNCLEAR)
    self._best = best
    if best is not None and (found.num_steps > 0 or (best != start).any()):
      found = self._iterate(values, best)
    return found.gaps

  def _iterate(
    self, values: decision_problem.Values, actions: np.ndarray
  ) -> _Found:
    """Returns what policy iteration finds from a policy, (S,) actions.

    It goes in terms of what each improvement adds, so that a small gap is not
    the difference of two large numbers.
    """
    problem, start = values.problem, values.values
    progress = Progress(problem)
    residual = values.action_values[np.arange(len(start)), actions] - start
    gaps = self._discounted_sum(problem, actions, residual)
    num_steps = 0
    while True:
      reached = start + gaps
      action_values = problem.backup(reached)
      best = rows.maximum(action_values)
      if progress.has_ended(reached, best):
        tie = TIE * problem.rounding * progress.scale / (1 - problem.discount)
        return _Found(gaps, best[:, None] - action_values, tie, num_steps)
      actions = action_values.argmax(axis=1)
      gaps = gaps + self._discounted_sum(problem, actions, progress.residual)
      num_steps += 1

  def _discounted_sum(
    self,
    problem: decision_problem.Problem,
    actions: np.ndarray,
    stage_values: np.ndarray,
  ) -> np.ndarray:
    """Returns (I - gamma P^pi)^-1 x of the policy that takes (S,) actions."""
    key = actions.tobytes()
    discounted_sum = self._kept.pop(key, None)
    if discounted_sum is None:
      policy = entropy.deterministic_policy(actions, problem.rewards)
      discounted_sum = self._evaluate(problem, policy)
    self._kept[key] = discounted_sum
    if len(self._kept) > MAX_KEPT:
      del self._kept[next(iter(self._kept))]
    return discounted_sum(stage_values)
