"""Values of policies, by a method for their size.

The values of a policy solve (I - gamma P^pi) V = x. Small systems are solved by
LU: dense, band or sparse. Large ones are solved by BiCGSTAB. Whatever the
method, `frozen_mdp` bounds the error by what is left of the equation.

What is returned depends on the arguments alone. The values of an earlier call
would hardly be a better start for BiCGSTAB: where policies and mean fields
change by a per cent, 11 of 13 digits are still to be found. In warm MF-TRPO on
10^4 and 10^5 cells that saves a tenth of the multiplications and a per cent or
two of an iteration.
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

# Up to this many states, dense LAPACK is faster than sparse LU ...
MAX_DENSE_STATES = 400
# ... which up to this many is exact at about the price of BiCGSTAB.
MAX_DIRECT_STATES = 3000
# Band LU is faster than both from some size on, up to a width that is a share
# of the size.
MIN_BAND_STATES = 50
MAX_BAND_SHARE = 0.25
MAX_BAND_WIDTH = 60
# How much smaller a step of policy iteration by BiCGSTAB makes T V - V.
STEP_REDUCTION = 1e-3


class EvaluationMethod(abc.ABC):
  """How policies are evaluated.

  Factors are those of the transpose of I - gamma P, whose columns are dominated
  by the diagonal: no rows are interchanged, and so no state takes on rounding
  of values that it does not depend on.

  Attributes:
    name: In words.
    tolerance: What is left of the equation, relative to the largest term in any
      state; None where that is what rounding makes of it.
    takes_start: Whether policy iteration begins where it is told. By dense LU
      it does not, so that results have the same bits whatever came before:
      runs in which rounding grows are compared by them.
    num_sweeps: How many sweeps of value iteration cost less than the steps of
      policy iteration that they save.
  """

  name: str
  tolerance: float | None = None
  takes_start = True
  num_sweeps = 0

  @property
  def is_direct(self) -> bool:
    """Whether values are from LU, and so as exact as rounding allows."""
    return self.tolerance is None

  @abc.abstractmethod
  def factorize(
    self, mdp: frozen_mdp.FrozenMDP, policy: np.ndarray, is_step: bool = False
  ) -> frozen_mdp.DiscountedSum:
    """Returns what discounted sums are computed by.

    Args:
      mdp: What is played; its rewards do not matter.
      policy: (S, A).
      is_step: Whether the sums are steps of policy iteration, for which rough
        ones will do.
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
    # It is in the memory order of LAPACK, and so is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lambda x: lapack.dgetrs(factors, pivots, x, trans=True)[0]


class BandLU(EvaluationMethod):
  """LAPACK's LU of a band, for MDPs with one kernel.

  Attributes:
    chains: The chains of all policies.
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
    if is_step and mdp.regularization:  # It hardly comes up again.
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
      tolerance: Of values, relative to the largest one.
      max_passes: When to give up.
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
    name: Of a method, or "auto" for the fastest.
    num_states: S.
    kernel: That of all MDPs; None if it depends on the mean field.

  Raises:
    ValueError: If there is no such method, or it is band LU and the kernel
      depends on the mean field.
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
      "solver must be another one where the kernel depends on the mean field,"
      f" got {name!r}."
    )
  if num_states <= MAX_DENSE_STATES:
    return DenseLU()
  return SparseLU() if num_states <= MAX_DIRECT_STATES else BiCGSTAB()
