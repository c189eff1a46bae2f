"""Jump chains, and sparse LU factors for their visits and laws.

The jump chain J is where a chain goes when it leaves a state. Its entries are
ratios of entries off the diagonal of the chain, so that states which are hardly
ever left cost no digits.

I - J^T is an M-matrix, which needs no pivoting, and whose triangular solves add
numbers of one sign. On a grid of 10^6 states in minimum-degree order the
factors have about 60 entries a state. Only their pivots come from subtractions,
and those fail where a part of the chain is left with a probability near that of
rounding. What comes of it has a `certificate` that tells. Such parts are found
and told apart by pinning a state of each.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination

# Least probability to get from one pinned state to the next one that is not
# lost in `certificate.FLOOR`.
LEAST_COUPLING = 1e-260
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


def num_terms(jumps: sparse.csr_array) -> int:
  """Returns the number of states that one is entered from, and left to."""
  counts = np.bincount(jumps.indices), np.diff(jumps.indptr)
  return int(sum(count.max(initial=0) for count in counts))


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
    self._jumps, self._pinned, self._system = jumps, pinned, system
    self._num_terms = num_terms(jumps)
    try:
      self._lu = self._factorised(system)
    except RuntimeError:  # By rounding: some part is never left.
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

  def trap(self) -> int:
    """Returns a state from where the end is far, as far as LU can tell."""
    num_steps = self._lu.solve(np.ones(self._jumps.shape[0]), "T")
    # Rounding may have changed its sign, but it stands out.
    start = np.zeros(len(num_steps))
    start[np.abs(num_steps).argmax()] = 1.0
    return int(np.abs(self._lu.solve(start)).argmax())

  def visits(self, entries: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the visits before the end, and a bound of their errors.

    Args:
      entries: (n,), how often each state is entered at first; 0 in pinned ones.

    Returns:
      u, (n,), with u (I - J) = entries; and what no entry is off by more than,
      relative to itself, infinite where that is not known.
    """
    with np.errstate(all="ignore"):
      visits = np.maximum(self._lu.solve(entries), 0.0)
      steps = np.maximum(self._lu.solve(visits + certificate.FLOOR), 0.0)
      bound = certificate.error_bound(
        *certificate.errors(
          visits,
          visits @ self._system,
          entries,
          steps,
          steps @ self._system,
          self._num_terms,
        )
      )
    return visits, bound

  def law(self) -> tuple[np.ndarray, float]:
    """Returns the invariant law of J, and a bound of its relative errors.

    The pinned states are weighted by the law of the chain that is seen when
    looking only at their visits. It is a sum of positive numbers, and its law
    comes from elimination: no digits are lost however weak its couplings are.
    """
    pinned = self._pinned
    entries = self._jumps[pinned].toarray()
    seen = entries[:, pinned].copy()
    entries[:, pinned] = 0.0
    visits, bounds = zip(*map(self.visits, entries))
    bound, weights = max(bounds), np.ones(1)
    if len(pinned) > 1 and bound < 1:
      seen += np.array(visits) @ self._jumps[:, pinned]
      np.fill_diagonal(seen, 0.0)
      if not _is_irreducible(seen):
        return np.full(len(entries[0]), np.nan), np.inf
      weights, report = elimination.invariant_law(sparse.csr_array(seen))
      # An error of each of the m^2 entries changes the law by 2 m times it.
      error = bound + certificate.rounding(self._num_terms + len(seen))
      bound += 2 * len(seen) * error + report.relative_error_bound
    law = sum(weight * visit for weight, visit in zip(weights, visits))
    law[pinned] = weights
    return law, bound


def _is_irreducible(seen: np.ndarray) -> bool:
  """Returns whether all states lead to each other without underflow."""
  if np.min(seen, where=seen > 0, initial=1.0) < LEAST_COUPLING:
    return False
  # Of dense arrays SciPy takes entries below 1e-8 for zero.
  graph = sparse.csr_array(seen)
  return csgraph.connected_components(graph, connection="strong")[0] == 1
