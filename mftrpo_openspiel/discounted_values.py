"""Discounted values of policies, and optimal ones, by a method for their size.

The values of a policy solve (I - gamma P) V = x. Small systems are solved by
LU. Large ones are solved by BiCGSTAB, and come with a bound of their error:
with the residual rho = x + gamma P V - V,

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

import dataclasses
import enum
import math

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import linalg

from mftrpo_openspiel import entropy
from mftrpo_openspiel import policy_kernel
from mftrpo_openspiel import validation

# Up to this many states, dense LAPACK is faster than sparse LU ...
MAX_DENSE_STATES = 400
# ... which up to this many is exact at about the price of BiCGSTAB.
MAX_DIRECT_STATES = 3000
# Policy iteration ends when no state's value rises by more than this, relative
# to the largest value.
VALUE_TOLERANCE = 1e-15
MAX_POLICY_ITERATIONS = 1000
# The same for BiCGSTAB, where it is also the tolerance of evaluation.
KRYLOV_TOLERANCE = 1e-13
# How much better than its rise a policy is evaluated in policy iteration.
KRYLOV_REDUCTION = 1e-3
MAX_KRYLOV_PASSES = 100
MAX_KRYLOV_ITERATIONS = 1000
EPSILON = np.finfo(np.float64).eps


class Method(enum.Enum):
  """How discounted sums are computed."""

  DENSE_LU = "dense LU"
  SPARSE_LU = "sparse LU"
  KRYLOV = "BiCGSTAB"


@dataclasses.dataclass(frozen=True)
class Problem:
  """A Markov decision process under one mean field.

  Attributes:
    kernel: (S * A, S).
    mixer: Makes the chains of policies from `kernel`.
    rewards: (S, A).
    discount: gamma.
    regularization: eta >= 0, the weight of the entropy bonus.
  """

  kernel: sparse.csr_array
  mixer: policy_kernel.PolicyKernel
  rewards: np.ndarray
  discount: float
  regularization: float = 0.0

  def backup(self, values: np.ndarray) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    expected = (self.kernel @ values).reshape(self.rewards.shape)
    return self.rewards + self.discount * expected

  def improvement(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns T V, (S,), and the (S, A) policy that attains it."""
    action_values = self.backup(values)
    if self.regularization:
      return (
        entropy.soft_maximum(action_values, self.regularization),
        entropy.softmax(action_values, self.regularization),
      )
    return action_values.max(axis=1), entropy.greedy_policy(action_values)


class Solver:
  """Computes values, and tells how well.

  Attributes:
    method: How; chosen by the number of states.
    error_bound: A bound of the error in any state of what was returned last;
      None where it is from LU, and as exact as rounding allows.
  """

  def __init__(self, num_states: int):
    """Initializes the solver for problems of `num_states` states."""
    if num_states <= MAX_DENSE_STATES:
      self.method = Method.DENSE_LU
    elif num_states <= MAX_DIRECT_STATES:
      self.method = Method.SPARSE_LU
    else:
      self.method = Method.KRYLOV
    self.error_bound: float | None = None

  def policy_values(self, problem: Problem, policy: np.ndarray) -> np.ndarray:
    """Returns V^pi, (S,), for the (S, A) policy.

    Raises:
      ArithmeticError: If BiCGSTAB does not reach KRYLOV_TOLERANCE.
    """
    stage_values = (policy * problem.rewards).sum(axis=1)
    if problem.regularization:
      stage_values += problem.regularization * entropy.entropy(policy)
    if self.method is not Method.KRYLOV:
      return self._discounted_sum(problem, policy, stage_values)
    chain = problem.mixer.chain(policy)
    values, residual = _krylov(chain, problem.discount, stage_values)
    self.error_bound = _error_bound(problem, residual, values)
    return values

  def optimal_values(self, problem: Problem, policy: np.ndarray) -> np.ndarray:
    """Returns V*, (S,), by policy iteration from the (S, A) policy.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    values = self.policy_values(problem, policy)
    gaps, self.error_bound = self._optimality_gaps(problem, values)
    return values + gaps

  def optimality_gaps(self, problem: Problem, policy: np.ndarray) -> np.ndarray:
    """Returns V* - V^pi, (S,), for the (S, A) policy.

    Raises:
      ArithmeticError: If policy iteration does not end.
    """
    values = self.policy_values(problem, policy)
    values_bound = self.error_bound
    gaps, self.error_bound = self._optimality_gaps(problem, values)
    if values_bound is not None:
      self.error_bound += values_bound
    return gaps

  def _optimality_gaps(
    self, problem: Problem, values: np.ndarray
  ) -> tuple[np.ndarray, float | None]:
    """Returns V* - V, (S,), and a bound of its error, None for LU.

    Policy iteration in terms of what each improvement adds, so that a small
    gap is not the difference of two large numbers:
    V_{k+1} - V_k = (I - gamma P^{pi_{k+1}})^-1 (T V_k - V_k).

    Args:
      problem: What is played.
      values: V, (S,), the values of some policy or near to them.
    """
    is_direct = self.method is not Method.KRYLOV
    tolerance = VALUE_TOLERANCE if is_direct else KRYLOV_TOLERANCE
    gaps = np.zeros_like(values)
    scale = max(1.0, np.abs(values).max())
    least = np.inf
    for _ in range(MAX_POLICY_ITERATIONS):
      improved, policy = problem.improvement(values + gaps)
      residual = improved - (values + gaps)
      largest = np.abs(residual).max()
      # Rounding: the residual has stopped falling at a negligible size.
      if largest <= tolerance * scale or (
        largest <= 1e-10 * scale and largest >= least / 2
      ):
        bound = None if is_direct else _error_bound(problem, largest, improved)
        return gaps, bound
      least = min(least, largest)
      gaps += self._discounted_sum(problem, policy, residual)
    raise ArithmeticError(
      f"Policy iteration left a residual of {largest:.1e} after"
      f" {MAX_POLICY_ITERATIONS} iterations."
    )

  def _discounted_sum(
    self, problem: Problem, policy: np.ndarray, stage_values: np.ndarray
  ) -> np.ndarray:
    """Returns (I - gamma P^pi)^-1 x for the (S,) x."""
    mixer, size = problem.mixer, len(stage_values)
    if self.method is Method.KRYLOV:
      return _krylov(
        mixer.chain(policy),
        problem.discount,
        stage_values,
        KRYLOV_REDUCTION * np.abs(stage_values).max(),
      )[0]
    if self.method is Method.SPARSE_LU:
      identity = sparse.eye_array(size, format="csr")
      system = (identity - problem.discount * mixer.chain(policy)).tocsc()
      return linalg.splu(system).solve(stage_values)
    system = -problem.discount * mixer.dense_chain(policy)
    system.ravel()[:: size + 1] += 1.0
    # The transpose is in the memory order of LAPACK, and so is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lapack.dgetrs(factors, pivots, stage_values, trans=True)[0]


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
  size += problem.regularization * (1 + math.log(num_actions))
  # The rows of kernels and policies sum to one up to a tolerance.
  contraction = problem.discount * (1 + validation.SUM_TOLERANCE) ** 2
  if contraction >= 1:
    return math.inf
  return float((residual + num_terms * EPSILON * size) / (1 - contraction))


def _krylov(
  chain: sparse.csr_array,
  discount: float,
  stage_values: np.ndarray,
  target: float | None = None,
) -> tuple[np.ndarray, float]:
  """Returns (I - gamma P)^-1 x, and its largest residual.

  Args:
    chain: P, (S, S).
    discount: gamma.
    stage_values: x, (S,).
    target: What the residual must not exceed; None is KRYLOV_TOLERANCE times
      the largest value.

  Raises:
    ArithmeticError: If it is not reached.
  """

  def residual_of(values):
    return stage_values + discount * (chain @ values) - values

  operator = linalg.LinearOperator(
    chain.shape, matvec=lambda x: x - discount * (chain @ x), dtype=np.float64
  )
  # What is the same in all states is solved for here.
  values = np.full_like(stage_values, stage_values.mean() / (1 - discount))
  residual = residual_of(values)
  largest = np.abs(residual).max()
  for _ in range(MAX_KRYLOV_PASSES):
    goal = target
    if goal is None:
      goal = KRYLOV_TOLERANCE * max(1.0, np.abs(values).max())
    if largest <= goal:
      return values, largest
    # The largest entry of a residual is some times its root mean square.
    step, _ = linalg.bicgstab(
      operator,
      residual,
      rtol=0.0,
      atol=goal / 4 * math.sqrt(len(values)),
      maxiter=MAX_KRYLOV_ITERATIONS,
    )
    tried = values + step
    tried_residual = residual_of(tried)
    tried_largest = np.abs(tried_residual).max()
    if tried_largest <= largest / 2:
      values, residual, largest = tried, tried_residual, tried_largest
      continue
    # Plain sweeps shrink every residual; these, by a factor e.
    for _ in range(math.ceil(1 / (1 - discount))):
      values = values + residual
      residual = residual_of(values)
    largest = np.abs(residual).max()
  raise ArithmeticError(
    f"Discounted values have a residual of {largest:.1e} after"
    f" {MAX_KRYLOV_PASSES} passes of BiCGSTAB; {goal:.1e} was asked for."
  )
