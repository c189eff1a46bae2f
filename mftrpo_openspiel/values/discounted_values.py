"""Discounted values of policies, and optimal ones, by a method for their size.

The values of a policy solve (I - gamma P) V = x. Small systems are solved by
LU: dense, band or sparse. Large ones are solved by BiCGSTAB. By whatever
method, `decision_problem` bounds their error by what they leave of their
equation.

Optimal values come from policy iteration, see policy_iteration.py.

What the best policy gains over values V, V* - V, are the optimal values of the
problem with the advantages r + gamma P V - V as its rewards. So a small gain is
not the difference of two large numbers, and a large one ends where rounding
beside itself is reached, not beside optimal values that may be near zero.

What is returned depends on the arguments alone. The values of an earlier call
would hardly be a better start: where policies and mean fields change by a per
cent, 11 of 13 digits are still to be found. In warm MF-TRPO on 10^4 and 10^5
cells that saves a tenth of the multiplications and a per cent or two of an
iteration.
"""

import enum
import functools
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import linalg

from mftrpo_openspiel.chains import banded_chains
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation
from mftrpo_openspiel.values import decision_problem
from mftrpo_openspiel.values import greedy_iteration
from mftrpo_openspiel.values import krylov
from mftrpo_openspiel.values import policy_iteration

# Up to this many states, dense LAPACK is faster than sparse LU ...
MAX_DENSE_STATES = 400
# ... which up to this many is exact at about the price of BiCGSTAB.
MAX_DIRECT_STATES = 3000
# Band LU is faster than both from some size on, up to a width that is a share
# of the size.
MIN_BAND_STATES = 50
MAX_BAND_SHARE = 0.25
MAX_BAND_WIDTH = 60
# The band LU of a policy serves policy iteration, which looks at the residual
# that it leaves, for policies that differ by no more than this.
SAME_POLICY = 1e-7
# The tolerance of evaluation and of policy iteration by BiCGSTAB, relative to
# the largest value or term in any state.
KRYLOV_TOLERANCE = 1e-13
# How much better than its rise a policy is evaluated in policy iteration.
KRYLOV_REDUCTION = 1e-3


class Method(enum.Enum):
  """How discounted sums are computed."""

  DENSE_LU = "dense LU"
  BAND_LU = "band LU"
  SPARSE_LU = "sparse LU"
  KRYLOV = "BiCGSTAB"


def create_solver(mdp: mdp_lib.MeanFieldMDP, name: str) -> "Solver":
  """Returns the solver for an MDP.

  Args:
    mdp: What is played.
    name: A value of `Method`, or "auto" for the fastest.

  Raises:
    ValueError: If there is no such method, or it is band LU and the kernel
      depends on the mean field.
  """
  choices = {method.value: method for method in Method}
  validation.check_choice("solver", name, {"auto", *choices})
  method, size = choices.get(name), mdp.num_states
  if method is Method.BAND_LU and not mdp.has_fixed_kernel:
    raise ValueError(
      "solver must be another one where the kernel depends on the mean field,"
      f" got {name!r}."
    )
  if method is Method.BAND_LU or (
    method is None
    and mdp.has_fixed_kernel
    and MIN_BAND_STATES <= size <= MAX_DIRECT_STATES
  ):
    chains = banded_chains.BandedChains(mdp.kernel, mdp.num_actions)
    widest = min(MAX_BAND_SHARE * size, MAX_BAND_WIDTH)
    if method is Method.BAND_LU or chains.width <= widest:
      return Solver(Method.BAND_LU, chains)
  if method is None:
    method = Method.KRYLOV
    if size <= MAX_DENSE_STATES:
      method = Method.DENSE_LU
    elif size <= MAX_DIRECT_STATES:
      method = Method.SPARSE_LU
  return Solver(method)


class Solver:
  """Computes values.

  Attributes:
    method: How.
    chains: Those of all problems, which share a discount; for band LU alone.
    last: What was returned last; None before that.
  """

  def __init__(
    self,
    method: Method,
    chains: banded_chains.BandedChains | None = None,
  ):
    """Initializes the solver.

    Args:
      method: How to solve.
      chains: Those of all problems, for band LU.
    """
    self.method = method
    self.chains = chains
    self.last: decision_problem.Values | decision_problem.Gaps | None = None
    # Of the first policy, where methods start again, and of the last one that
    # was asked for by itself; for band LU, where all problems share a kernel.
    self._kept: dict[Any, greedy_iteration.DiscountedSum] = {}
    self._greedy_iteration = greedy_iteration.GreedyIteration(self._evaluate)

  @property
  def is_direct(self) -> bool:
    """Whether values are from LU, and so as exact as rounding allows."""
    return self.method is not Method.KRYLOV

  @property
  def error_bound(self) -> float | None:
    """A bound of the error in any state of what was returned last."""
    return None if self.last is None else self.last.error_bound

  def policy_values(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> decision_problem.Values:
    """Returns V^pi for the (S, A) policy.

    Raises:
      ArithmeticError: If BiCGSTAB does not reach KRYLOV_TOLERANCE.
    """
    stage_values = rows.total(policy * problem.rewards)
    if problem.is_regularized:
      stage_values += problem.regularization * softmax.entropy(policy)
    if self.is_direct:
      values = self._discounted_sum(problem, policy)(stage_values)
    else:
      values = krylov.discounted_sum(
        problem.mixer.chain(policy),
        problem.discount,
        stage_values,
        KRYLOV_TOLERANCE,
      )
    result = decision_problem.Values(problem, values, policy)
    self.last = result
    return result

  def optimal_values(self, problem: decision_problem.Problem) -> np.ndarray:
    """Returns V*, (S,).

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    nothing = decision_problem.Values(problem, np.zeros(len(problem.rewards)))
    return self.optimality_gaps(nothing).gaps

  def optimality_gaps(
    self, values: decision_problem.Values
  ) -> decision_problem.Gaps:
    """Returns V* - V for any values V.

    Without regularization band LU leaves it to `greedy_iteration`.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    advantages = values.action_values - values.values[:, None]
    problem = values.problem.with_rewards(advantages)
    if self._progress(values.problem).is_nothing(values.values, problem):
      gaps = np.zeros_like(values.values)
    elif self.method is Method.BAND_LU and not problem.is_regularized:
      gaps = self._greedy_iteration.optimal_values(problem)
    else:
      gaps = self._policy_iteration(problem, values.policy)
    result = decision_problem.Gaps(values, problem, gaps)
    self.last = result
    return result

  def _progress(
    self, problem: decision_problem.Problem
  ) -> policy_iteration.Progress:
    tolerance = None if self.is_direct else KRYLOV_TOLERANCE
    return policy_iteration.Progress(problem, tolerance)

  def _policy_iteration(
    self,
    problem: decision_problem.Problem,
    solved: np.ndarray | None,
  ) -> np.ndarray:
    """Returns V*, (S,).

    Args:
      problem: What is played.
      solved: (S, A), a policy that was evaluated, or None.

    Raises:
      ArithmeticError: If it does not end.
    """
    is_band = self.method is Method.BAND_LU
    discounted_sum = None
    if is_band and solved is not None:
      discounted_sum = self._discounted_sum(problem, solved)
    progress = self._progress(problem)
    values, action_values = np.zeros(len(problem.rewards)), problem.rewards
    while True:
      improved, policy = problem.improvement(action_values)
      left = progress.remainder(values, improved - values, policy)
      if left is None:
        return values
      if not self.is_direct:
        rise = krylov.discounted_sum(
          problem.mixer.chain(policy),
          problem.discount,
          left,
          KRYLOV_TOLERANCE,
          KRYLOV_REDUCTION * np.abs(left).max(),
        )
      else:
        if (
          discounted_sum is None
          or not is_band
          or np.abs(policy - solved).max() > SAME_POLICY
        ):
          discounted_sum, solved = self._evaluate(problem, policy), policy
        rise = discounted_sum(left)
      values = values + rise
      action_values = problem.backup(values)

  def _discounted_sum(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> greedy_iteration.DiscountedSum:
    """Returns the LU of a policy that is asked for by itself."""
    if self.method is not Method.BAND_LU:
      return self._evaluate(problem, policy)
    key = memo.key(policy)
    kept = self._kept
    discounted_sum = kept.get(key)
    if discounted_sum is None:
      discounted_sum = self._evaluate(problem, policy)
      # A new dictionary, as other threads may look into this one.
      self._kept = dict([*list(kept.items())[:1], (key, discounted_sum)])
    return discounted_sum

  def _evaluate(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> greedy_iteration.DiscountedSum:
    """Returns the LU of a policy.

    It is that of the transpose of I - gamma P, whose columns are dominated by
    the diagonal: no rows are interchanged, and so no state takes on rounding of
    values that it does not depend on.
    """
    discount = problem.discount
    if self.method is Method.BAND_LU:
      chains = self.chains
      lu = chains.discounted_lu(chains.chain(policy), discount)
      return functools.partial(chains.discounted_sum, lu)
    if self.method is Method.SPARSE_LU:
      chain = problem.mixer.chain(policy)
      identity = sparse.eye_array(len(policy), format="csr")
      lu = linalg.splu(
        (identity - discount * chain).T,  # The transpose of CSR is CSC.
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
      )
      return functools.partial(lu.solve, trans="T")
    system = -discount * problem.mixer.dense_chain(policy)
    system.ravel()[:: len(policy) + 1] += 1.0
    # It is in the memory order of LAPACK, and so is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lambda values: lapack.dgetrs(factors, pivots, values, trans=True)[0]
