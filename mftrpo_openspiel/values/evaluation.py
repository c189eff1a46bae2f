"""Values of policies, by a method that suits the number of states.

The values of a policy solve (I - gamma P^pi) V = x. Small systems are solved by
dense, band or sparse LU, large ones by BiCGSTAB. For all methods, `frozen_mdp`
bounds the error by the residual.

Results depend only on the arguments. Starting BiCGSTAB from the values of an
earlier call would save little: if policies and mean fields change by one per
cent, 11 of 13 digits remain to be computed. In warm-started MF-TRPO on 10^4 and
10^5 cells this saves a tenth of the matrix products and one or two per cent of
the time of an iteration.
"""

import abc

import numpy as np
from scipy.linalg import lapack

from mftrpo_openspiel.chains import banded_chains
from mftrpo_openspiel.chains import sparse_lu
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.utils import validation
from mftrpo_openspiel.values import bicgstab
from mftrpo_openspiel.values import frozen_mdp

# Up to this number of states, dense LAPACK is faster than sparse LU.
MAX_DENSE_STATES = 400
# Up to this number of states, sparse LU is about as fast as BiCGSTAB, and exact
# up to rounding.
MAX_DIRECT_STATES = 3000
# Band LU is faster than both from this number of states on, up to a bandwidth
# that is bounded relative to the number of states and absolutely.
MIN_BAND_STATES = 50
MAX_BAND_SHARE = 0.25
MAX_BAND_WIDTH = 60
# Factor by which a step of policy iteration with BiCGSTAB reduces T V - V.
STEP_REDUCTION = 1e-3


class EvaluationMethod(abc.ABC):
  """A method of policy evaluation.

  LU factors are those of the transpose of I - gamma P, which is diagonally
  dominant by columns. Therefore no rows are interchanged, and the values of a
  state are not affected by rounding errors of values that it does not depend
  on.

  Attributes:
    name: The name for users.
    tolerance: Bound on the residual, relative to the largest term in any state;
      None if only rounding limits it.
    takes_start: Whether policy iteration starts from the given policy. With
      dense LU it does not, so that results are bitwise independent of earlier
      calls. Runs in which rounding errors grow are compared by such results.
    num_sweeps: Number of sweeps of value iteration that cost less than the
      steps of policy iteration that they save.
  """

  name: str
  tolerance: float | None = None
  takes_start = True
  num_sweeps = 0

  @property
  def is_direct(self) -> bool:
    """Whether values are computed by LU, and so are exact up to rounding."""
    return self.tolerance is None

  @abc.abstractmethod
  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """Returns a function that computes discounted sums.

    Args:
      mdp: The MDP, whose rewards are not used.
      policy: (S, A).
      is_step: Whether the sums are steps of policy iteration, for which a lower
        accuracy is sufficient.
    """

  def evaluate(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray
  ) -> frozen_mdp.PolicyValues:
    """Returns V^pi for the (S, A) policy.

    Raises:
      ArithmeticError: If the tolerance is not reached.
    """
    discounted_sum = self.factorize(mdp, policy)
    values = discounted_sum(mdp.average(policy, mdp.rewards))
    return frozen_mdp.PolicyValues(mdp, policy, values, discounted_sum)


class DenseLU(EvaluationMethod):
  """LAPACK's LU of the dense matrix."""

  name = "dense LU"
  takes_start = False

  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """See the base class."""
    system = -mdp.discount * mdp.kernel.dense_chain(policy)
    system.ravel()[:: len(policy) + 1] += 1.0
    # The transpose has the memory order of LAPACK, so it is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lambda x: lapack.dgetrs(factors, pivots, x, trans=True)[0]


class BandLU(EvaluationMethod):
  """LAPACK's LU of band matrices, for MDPs with a fixed kernel.

  Attributes:
    chains: The Markov chains of all policies.
  """

  name = "band LU"
  num_sweeps = 4

  def __init__(self, chains: banded_chains.BandedChains):
    """Initializes the method."""
    self.chains = chains

  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """See the base class."""
    # Such a policy is unlikely to be evaluated again, so it is not cached.
    if is_step and mdp.regularization:
      lu = self.chains.factorize_discounted(policy, mdp.discount)
    else:
      lu = self.chains.discounted_lu(policy, mdp.discount)
    return lambda x: self.chains.discounted_sum(lu, x)


class SparseLU(EvaluationMethod):
  """SuperLU's LU."""

  name = "sparse LU"

  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """See the base class."""
    lu = sparse_lu.factorize(mdp.discount * mdp.kernel.chain(policy))
    return lambda x: sparse_lu.solve_transposed(lu, x)


class BiCGSTAB(EvaluationMethod):
  """BiCGSTAB, up to a tolerance."""

  name = "BiCGSTAB"
  tolerance: float

  def __init__(self, tolerance: float = 1e-13, max_passes: int = 100):
    """Initializes the method.

    Args:
      tolerance: Bound on the residual, relative to the largest value.
      max_passes: Largest number of passes.
    """
    self.tolerance, self._max_passes = tolerance, max_passes

  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """See the base class."""
    chain = mdp.kernel.chain(policy)

    return lambda x: bicgstab.discounted_sum(
      chain,
      mdp.discount,
      x,
      self.tolerance,
      STEP_REDUCTION * np.abs(x).max() if is_step else None,
      self._max_passes,
    )


def create_method(
  name: str,
  num_states: int,
  kernel: transition_kernel.TransitionKernel | None,
) -> EvaluationMethod:
  """Returns a method.

  Args:
    name: The name of a method, or "auto" for the fastest.
    num_states: S.
    kernel: The kernel of all MDPs; None if it depends on the mean field.

  Raises:
    ValueError: If the method is unknown, or is band LU and the kernel depends
      on the mean field.
  """
  methods = {method.name: method for method in (DenseLU, SparseLU, BiCGSTAB)}
  validation.check_choice("solver", name, {"auto", BandLU.name, *methods})
  if name in methods:
    return methods[name]()
  if kernel is not None:
    if name == BandLU.name:
      return BandLU(banded_chains.BandedChains(kernel))
    if MIN_BAND_STATES <= num_states <= MAX_DIRECT_STATES:
      chains = banded_chains.BandedChains(kernel)
      if chains.width <= min(MAX_BAND_SHARE * num_states, MAX_BAND_WIDTH):
        return BandLU(chains)
  elif name == BandLU.name:
    raise ValueError(
      "solver must not be band LU if the kernel depends on the mean field, got"
      f" {name!r}."
    )
  if num_states <= MAX_DENSE_STATES:
    return DenseLU()
  return SparseLU() if num_states <= MAX_DIRECT_STATES else BiCGSTAB()
