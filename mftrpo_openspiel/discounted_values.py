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

from collections.abc import Callable
import dataclasses
import enum
import functools
import math

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import linalg

from mftrpo_openspiel import banded_chains
from mftrpo_openspiel import entropy
from mftrpo_openspiel import krylov
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import memo
from mftrpo_openspiel import policy_kernel
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
# Policy iteration meets the same greedy policies again while the mean field
# moves: the band LU of so many of them is kept.
MAX_GREEDY = 10
# Policy iteration ends when no state's value rises by more than this, relative
# to the largest value.
VALUE_TOLERANCE = 1e-15
MAX_POLICY_ITERATIONS = 1000
# The same for BiCGSTAB, where it is also the tolerance of evaluation.
KRYLOV_TOLERANCE = 1e-13
# How much better than its rise a policy is evaluated in policy iteration.
KRYLOV_REDUCTION = 1e-3
EPSILON = np.finfo(np.float64).eps


class Method(enum.Enum):
  """How discounted sums are computed."""

  DENSE_LU = "dense LU"
  BAND_LU = "band LU"
  SPARSE_LU = "sparse LU"
  KRYLOV = "BiCGSTAB"


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

  def backup(self, values: np.ndarray) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    expected = (self.kernel @ values).reshape(
      self.rewards.shape, order=self.order
    )
    return self.rewards + self.discount * expected

  def improvement(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns T V, (S,), and the (S, A) policy that attains it."""
    action_values = self.backup(values)
    if self.is_regularized:
      return entropy.soft_improvement(action_values, self.regularization)
    return action_values.max(axis=1), entropy.greedy_policy(action_values)


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
    # The first policy, where methods start again, and the last that was asked
    # for by itself; for band LU, which makes all problems share a kernel.
    self._evaluated: list[_Evaluated] = []
    # Greedy policies, by their bytes, the one used longest ago first.
    self._greedy: dict[bytes, _Evaluated] = {}

  def policy_values(self, problem: Problem, policy: np.ndarray) -> np.ndarray:
    """Returns V^pi, (S,), for the (S, A) policy.

    Raises:
      ArithmeticError: If BiCGSTAB does not reach KRYLOV_TOLERANCE.
    """
    stage_values = (policy * problem.rewards).sum(axis=1)
    if problem.is_regularized:
      stage_values += problem.regularization * entropy.entropy(policy)
    if self.method is Method.BAND_LU:
      for evaluated in self._evaluated:
        if memo.are_equal(evaluated.policy, policy):
          return evaluated.discounted_sum(stage_values)
      evaluated = self._evaluate(problem, policy.copy("K"))
      self._evaluated[1:] = [evaluated]
      return evaluated.discounted_sum(stage_values)
    if self.method is not Method.KRYLOV:
      return self._evaluate(problem, policy).discounted_sum(stage_values)
    chain = problem.mixer.chain(policy)
    values, residual = krylov.discounted_sum(
      chain, problem.discount, stage_values, KRYLOV_TOLERANCE
    )
    self.error_bound = _error_bound(problem, residual, values)
    return values

  def optimality_gaps(
    self,
    problem: Problem,
    values: np.ndarray,
    values_bound: float | None = None,
  ) -> np.ndarray:
    """Returns V* - V, (S,), for any (S,) values V.

    Policy iteration in terms of what each improvement adds, so that a small
    gap is not the difference of two large numbers:
    V_{k+1} - V_k = (I - gamma P^{pi_{k+1}})^-1 (T V_k - V_k).

    Args:
      problem: What is played.
      values: V.
      values_bound: Is added to the error bound, if any.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    is_direct = self.method is not Method.KRYLOV
    tolerance = VALUE_TOLERANCE if is_direct else KRYLOV_TOLERANCE
    gaps = np.zeros_like(values)
    scale = max(1.0, np.abs(values).max())
    least = np.inf
    evaluated = None
    for _ in range(MAX_POLICY_ITERATIONS):
      reached = values + gaps
      improved, policy = problem.improvement(reached)
      residual = improved - reached
      largest = np.abs(residual).max()
      # Rounding: the residual has stopped falling at a negligible size.
      if largest <= tolerance * scale or (
        largest <= 1e-10 * scale and largest >= least / 2
      ):
        if not is_direct:
          bound = _error_bound(problem, largest, improved)
          self.error_bound = bound + (values_bound or 0.0)
        return gaps
      least = min(least, largest)
      if not is_direct:
        chain, target = problem.mixer.chain(policy), KRYLOV_REDUCTION * largest
        gaps += krylov.discounted_sum(
          chain, problem.discount, residual, tolerance, target
        )[0]
        continue
      if self.method is Method.BAND_LU and not problem.is_regularized:
        evaluated = self._evaluate_greedy(problem, policy)
      elif (
        evaluated is None
        or self.method is not Method.BAND_LU
        or np.abs(policy - evaluated.policy).max() > SAME_POLICY
      ):
        evaluated = self._evaluate(problem, policy)
      gaps += evaluated.discounted_sum(residual)
    raise ArithmeticError(
      f"Policy iteration left a residual of {largest:.1e} after"
      f" {MAX_POLICY_ITERATIONS} iterations."
    )

  def _evaluate_greedy(
    self, problem: Problem, policy: np.ndarray
  ) -> "_Evaluated":
    """Returns the band LU of a policy, which may be kept from before."""
    key = policy.tobytes(order="A")
    evaluated = self._greedy.pop(key, None) or self._evaluate(problem, policy)
    self._greedy[key] = evaluated
    if len(self._greedy) > MAX_GREEDY:
      del self._greedy[next(iter(self._greedy))]
    return evaluated

  def _evaluate(self, problem: Problem, policy: np.ndarray) -> "_Evaluated":
    """Returns the LU of a policy."""
    discount = problem.discount
    if self.method is Method.BAND_LU:
      chains = self.chains
      lu = chains.discounted_lu(chains.chain(policy), discount)
      solve = functools.partial(chains.discounted_sum, lu)
    elif self.method is Method.SPARSE_LU:
      chain = problem.mixer.chain(policy)
      identity = sparse.eye_array(len(policy), format="csr")
      solve = linalg.splu((identity - discount * chain).tocsc()).solve
    else:
      system = -discount * problem.mixer.dense_chain(policy)
      system.ravel()[:: len(policy) + 1] += 1.0
      # The transpose is in the memory order of LAPACK, and so is not copied.
      factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)

      def solve(stage_values):
        return lapack.dgetrs(factors, pivots, stage_values, trans=True)[0]

    return _Evaluated(policy, solve)


@dataclasses.dataclass(eq=False)
class _Evaluated:
  """The LU of I - gamma P^pi.

  Attributes:
    policy: (S, A), pi.
    discounted_sum: Returns (I - gamma P^pi)^-1 x for the (S,) x.
  """

  policy: np.ndarray
  discounted_sum: Callable[[np.ndarray], np.ndarray]


def _error_bound(
  problem: Problem, residual: float, values: np.ndarray
) -> float:
  """Returns the bound of the error of `values` by their largest residual.

  A backup takes a sum over the next states, one over the actions and a few more
  operations, each of which rounds numbers of the size of rewards and values.
  """
  kernel, (_, num_actions) = problem.kernel, problem.rewards.shape
  num_terms = int(np.diff(kernel.indptr).max()) + 2 * num_actions + 8
  size = np.abs(problem.rewards).max() + 2 * np.abs(values).max()
  size += np.max(problem.regularization) * (1 + math.log(num_actions))
  # The rows of kernels and policies sum to one up to a tolerance.
  contraction = problem.discount * (1 + validation.SUM_TOLERANCE) ** 2
  if contraction >= 1:
    return math.inf
  return float((residual + num_terms * EPSILON * size) / (1 - contraction))
