"""Discounted values of policies, and optimal ones, by a method for their size.

The values of a policy solve (I - gamma P) V = x. Small systems are solved by
LU: dense, band or sparse. Large ones are solved by BiCGSTAB, and come with a
bound of their error: with the residual rho = x + gamma P V - V,

    |V^pi - V|_inf <= |rho|_inf / (1 - gamma),

and V* <= V + max(T V - V) / (1 - gamma) with the Bellman operator T. Both hold
whatever V is, so the bounds do not depend on how the solver did. What rounding
may have done to rho is part of them.

Optimal values come from policy iteration, which starts from the values of a
policy; where the policies are evaluated by BiCGSTAB, only as well as the next
improvement needs.

The values of an earlier call would hardly be a better start: where policies and
mean fields change by a per cent, 11 of 13 digits are still to be found. In warm
MF-TRPO on 10^4 and 10^5 cells that saves a tenth of the multiplications and a
per cent or two of an iteration. So what is returned depends on the arguments
alone.
"""

import enum
import functools
import math
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import linalg

from mftrpo_openspiel import banded_chains
from mftrpo_openspiel import decision_problem
from mftrpo_openspiel import entropy
from mftrpo_openspiel import greedy_iteration
from mftrpo_openspiel import krylov
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import memo
from mftrpo_openspiel import rows
from mftrpo_openspiel import validation

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
# Policy iteration by LU ends when no state's value rises by more than this,
# relative to the largest value; or where that stops falling below so many times
# what rounding may do to a backup.
VALUE_TOLERANCE = 1e-15
NEGLIGIBLE = 2.0
MAX_ITERATIONS = 1000
# The tolerance of evaluation and of policy iteration by BiCGSTAB, relative to
# the largest value.
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
  """Computes values, and tells how well.

  Attributes:
    method: How.
    chains: Those of all problems, which share a discount; for band LU alone.
    error_bound: A bound of the error in any state of what was returned last;
      None where it is from LU, and as exact as rounding allows.
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
    self.error_bound: float | None = None
    self.chains = chains
    # Of the first policy, where methods start again, and of the last one that
    # was asked for by itself; for band LU, where all problems share a kernel.
    self._kept: dict[Any, greedy_iteration.DiscountedSum] = {}
    self._greedy_iteration = greedy_iteration.GreedyIteration(self._evaluate)

  def policy_values(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> decision_problem.Values:
    """Returns V^pi for the (S, A) policy.

    Raises:
      ArithmeticError: If BiCGSTAB does not reach KRYLOV_TOLERANCE.
    """
    stage_values = rows.total(policy * problem.rewards)
    if problem.is_regularized:
      stage_values += problem.regularization * entropy.entropy(policy)
    if self.method is not Method.KRYLOV:
      values = self._discounted_sum(problem, policy)(stage_values)
    else:
      values, residual = krylov.discounted_sum(
        problem.mixer.chain(policy),
        problem.discount,
        stage_values,
        KRYLOV_TOLERANCE,
      )
      self.error_bound = _error_bound(problem, residual, values)
    return decision_problem.Values(problem, values, policy, self.error_bound)

  def optimality_gaps(self, values: decision_problem.Values) -> np.ndarray:
    """Returns V* - V, (S,), for any values V.

    Policy iteration in terms of what each improvement adds, so that a small
    gap is not the difference of two large numbers:
    V_{k+1} - V_k = (I - gamma P^{pi_{k+1}})^-1 (T V_k - V_k).
    Without regularization band LU leaves it to `greedy_iteration`.

    The error bound afterwards includes that of the values.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    problem, solved = values.problem, values.policy
    is_band = self.method is Method.BAND_LU
    is_direct = self.method is not Method.KRYLOV
    if is_band and not problem.is_regularized:
      return self._greedy_iteration.gaps(values)
    discounted_sum = None
    if is_band and solved is not None:
      discounted_sum = self._discounted_sum(problem, solved)
    progress = _Progress(
      problem, VALUE_TOLERANCE if is_direct else KRYLOV_TOLERANCE
    )
    gaps = np.zeros_like(values.values)
    action_values = values.action_values
    while True:
      improved, policy = problem.improvement(action_values)
      if progress.has_ended(values.values + gaps, improved):
        break
      if not is_direct:
        rise, _ = krylov.discounted_sum(
          problem.mixer.chain(policy),
          problem.discount,
          progress.residual,
          KRYLOV_TOLERANCE,
          KRYLOV_REDUCTION * progress.largest,
        )
      else:
        if (
          discounted_sum is None
          or not is_band
          or np.abs(policy - solved).max() > SAME_POLICY
        ):
          discounted_sum, solved = self._evaluate(problem, policy), policy
        rise = discounted_sum(progress.residual)
      gaps = gaps + rise
      action_values = problem.backup(values.values + gaps)
    if not is_direct:
      bound = _error_bound(problem, progress.largest, improved)
      self.error_bound = bound + (values.error_bound or 0.0)
    return gaps

  def _discounted_sum(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> greedy_iteration.DiscountedSum:
    """Returns the LU of a policy that is asked for by itself."""
    if self.method is not Method.BAND_LU:
      return self._evaluate(problem, policy)
    key = memo.key(policy)
    discounted_sum = self._kept.get(key)
    if discounted_sum is None:
      discounted_sum = self._evaluate(problem, policy)
      if len(self._kept) == 2:
        self._kept.popitem()
      self._kept[key] = discounted_sum
    return discounted_sum

  def _evaluate(
    self, problem: decision_problem.Problem, policy: np.ndarray
  ) -> greedy_iteration.DiscountedSum:
    """Returns the LU of a policy."""
    discount = problem.discount
    if self.method is Method.BAND_LU:
      chains = self.chains
      lu = chains.discounted_lu(chains.chain(policy), discount)
      return functools.partial(chains.discounted_sum, lu)
    if self.method is Method.SPARSE_LU:
      chain = problem.mixer.chain(policy)
      identity = sparse.eye_array(len(policy), format="csr")
      return linalg.splu((identity - discount * chain).tocsc()).solve
    system = -discount * problem.mixer.dense_chain(policy)
    system.ravel()[:: len(policy) + 1] += 1.0
    # The transpose is in the memory order of LAPACK, and so is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lambda values: lapack.dgetrs(factors, pivots, values, trans=True)[0]


class _Progress:
  """Tells when policy iteration has ended.

  Attributes:
    residual: T V - V, (S,), of the last values.
    largest: The largest of it.
  """

  def __init__(self, problem: decision_problem.Problem, tolerance: float):
    """Initializes it before the first values.

    Args:
      problem: What is played.
      tolerance: Relative to the largest value.
    """
    self.residual: np.ndarray | None = None
    self.largest = np.inf
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
    scale = max(1.0, np.abs(improved).max())
    if self.largest <= self._tolerance * scale or (
      self.largest <= self._negligible * scale
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


def _error_bound(
  problem: decision_problem.Problem, residual: float, values: np.ndarray
) -> float:
  """Returns the bound of the error of `values` by their largest residual."""
  num_actions = problem.rewards.shape[1]
  size = np.abs(problem.rewards).max() + 2 * np.abs(values).max()
  size += np.max(problem.regularization) * (1 + math.log(num_actions))
  # The rows of kernels and policies sum to one up to a tolerance.
  contraction = problem.discount * (1 + validation.SUM_TOLERANCE) ** 2
  if contraction >= 1:
    return math.inf
  return float((residual + problem.rounding * size) / (1 - contraction))
