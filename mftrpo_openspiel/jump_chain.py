"""Jump chains, and sparse LU factors for their visits and laws.

The jump chain J is where a chain goes when it leaves a state. Its entries are
ratios of entries off the diagonal of the chain, so that states which are hardly
ever left cost no digits.

I - J^T is an M-matrix, which needs no pivoting, and whose triangular solves add
numbers of one sign. On a grid of 10^6 states in minimum-degree order the
factors have about 60 entries a state. Only their pivots come from subtractions,
and those fail where a part of the chain is left with a probability near that of
rounding. Such parts are found and told apart by pinning a state of each.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

from mftrpo_openspiel import elimination

# LU makes relative errors of this times the expected steps to an exit. Where
# they could reach 1e-8, the chain falls apart as far as LU can see.
EPSILON = np.finfo(np.float64).eps
MAX_NUM_STEPS = 1e-8 / EPSILON
# What is taken off jump probabilities where rounding makes the system singular,
# only to find out where.
DAMPING = 1e-12


def jump_chain(
  chain: sparse.csr_array, exits: np.ndarray | float
) -> tuple[sparse.csr_array, np.ndarray]:
  """Returns J, (n, n), and the probabilities to leave each state."""
  jumps = chain.copy()
  rows = np.repeat(np.arange(chain.shape[0]), np.diff(chain.indptr))
  jumps.data[rows == jumps.indices] = 0.0
  leave = jumps.sum(axis=1) + exits
  jumps.data /= leave[rows]
  jumps.eliminate_zeros()
  return jumps, leave


def bandwidth(chain: sparse.csr_array) -> int:
  """Returns the bandwidth in a reverse Cuthill-McKee order."""
  order = csgraph.reverse_cuthill_mckee(chain)
  place = np.empty(len(order), dtype=np.int64)
  place[order] = np.arange(len(order))
  rows = np.repeat(place, np.diff(chain.indptr))
  return int(np.abs(rows - place[chain.indices]).max(initial=0))


class Factors:
  """LU factors of I - J^T for a jump chain, cut off at some pinned states."""

  def __init__(self, jumps: sparse.csr_array, pinned: list[int]):
    """Factorises.

    Args:
      jumps: J, (n, n).
      pinned: The states at whose visits it ends.
    """
    is_pinned = np.zeros(jumps.shape[0], dtype=bool)
    is_pinned[pinned] = True
    rows = np.repeat(is_pinned, np.diff(jumps.indptr))
    system = jumps.copy()
    system.data[rows | is_pinned[jumps.indices]] = 0.0
    system.eliminate_zeros()
    self._jumps, self._pinned = jumps, pinned
    self._is_singular = False
    try:
      self._lu = self._factorised(system)
    except RuntimeError:  # By rounding: some part is never left.
      self._is_singular = True
      self._lu = self._factorised((1 - DAMPING) * system)

  def _factorised(self, system: sparse.csr_array) -> linalg.SuperLU:
    """Returns the factors of I - system^T."""
    identity = sparse.eye_array(system.shape[0], format="csr")
    return linalg.splu(
      (identity - system).T,  # The transpose of CSR is CSC.
      permc_spec="MMD_AT_PLUS_A",
      diag_pivot_thresh=0.0,
      options={"SymmetricMode": True},
    )

  def trap(self) -> int | None:
    """Returns a state that is left so rarely that LU cannot tell how rarely."""
    num_steps = self._lu.solve(np.ones(self._jumps.shape[0]), "T")
    is_fine = 0 < num_steps.min() and num_steps.max() <= MAX_NUM_STEPS
    if is_fine and not self._is_singular:
      return None
    # Rounding may have changed its sign, but it stands out.
    start = np.zeros(len(num_steps))
    start[np.abs(num_steps).argmax()] = 1.0
    return int(np.abs(self._lu.solve(start)).argmax())

  def visits(self, entries: np.ndarray) -> np.ndarray:
    """Returns u with u (I - J) = entries, which are 0 in pinned states."""
    return self._lu.solve(entries)

  def correction(self, residual: np.ndarray) -> np.ndarray:
    """Returns d with d (I - J) = r where sum(r) = 0 and one state is pinned."""
    residual = residual.copy()
    residual[self._pinned] = 0.0
    return self._lu.solve(residual)

  def law(self) -> np.ndarray:
    """Returns the invariant law of J.

    The pinned states are weighted by the law of the chain that is seen when
    looking only at their visits. It is a sum of positive numbers, and its law
    comes from elimination: no digits are lost however weak its couplings are.
    """
    pinned = self._pinned
    to_pinned = self._jumps[:, pinned].toarray()
    seen = to_pinned[pinned]
    to_pinned[pinned] = 0.0
    seen = seen + self._jumps[pinned] @ self._lu.solve(to_pinned, "T")
    weights = np.zeros(self._jumps.shape[0])
    weights[pinned] = elimination.invariant_law(seen)
    entries = weights @ self._jumps
    entries[pinned] = 0.0
    law = weights + self._lu.solve(entries)
    return law / law.sum()
