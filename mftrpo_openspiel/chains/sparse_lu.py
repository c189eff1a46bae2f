"""Expected visits and invariant laws of large chains by sparse LU.

Both are solutions of equations u (I - J) = b, where J is the jump chain. If
parts of the chain can be separated by few states, as on a grid or another
planar graph, the LU factors are sparse.

I - J^T is an M-matrix, which needs no pivoting, and whose triangular solves add
numbers of one sign. On a grid of 10^6 states in minimum-degree order the
factors have about 60 entries per state. Only their pivots are computed by
subtractions. These lose all digits if the probability of leaving a part of the
chain is near the unit roundoff; such a part is called metastable. This is
detected by the `certificate` of the result. Metastable parts are then
identified, and treated separately by cutting the chain at one state of each.
"""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# Largest number of metastable parts of a chain that are distinguished.
MAX_CUTS = 12
# Smallest probability of getting from one cut state to the next one that is not
# negligible compared with `certificate.FLOOR`.
LEAST_COUPLING = 1e-260
# Reduction of jump probabilities if rounding makes the system singular. The
# result is used only to find the part that is never left.
DAMPING = 1e-12


def invariant_law(chain: sparse.csr_array, start: np.ndarray) -> law_report.Law:
  """Returns the invariant law of an irreducible chain.

  Args:
    chain: P, (n, n).
    start: (n,), any masses, if possible close to the law. The first cut state
      is selected by them.

  Raises:
    NearlyReducibleError: If the chain cannot be distinguished from a reducible
      one.
  """
  jumps, leave = jump_chain.jump_chain(chain, 0.0)
  size = len(leave)
  cuts = [int(jump_chain.approximate_law(jumps, start * leave).argmax())]
  for _ in range(MAX_CUTS):
    factors = Factors(jumps, cuts)
    law, bound = factors.law()
    if bound <= certificate.max_error(size) / 2:  # Normalising doubles it.
      report = law_report.relative(law_report.Method.SPARSE_LU, 2 * bound)
      rounding = 4 * law_report.UNIT_ROUNDOFF
      return law_report.Law(
        jump_chain.law_in_time(law, leave), report.with_rounding(rounding)
      )
    metastable = factors.metastable_state()
    if metastable in cuts:
      break
    cuts.append(metastable)
    del factors  # To have only one of them in memory.
  raise certificate.NearlyReducibleError(
    f"The chain of {size} states is nearly reducible into {len(cuts)} or more"
    " parts: sparse LU cannot resolve its invariant law to"
    f" {certificate.max_error(size):.0e}."
  )


def expected_visits(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> law_report.Law:
  """Returns the expected number of visits of each state before an exit.

  The arguments are those of `elimination.expected_visits`.

  Raises:
    NearlyReducibleError: If exits are so rare that they cannot be resolved.
  """
  jumps, leave = jump_chain.jump_chain(chain, exits)
  visits, bound = Factors(jumps, []).visits(entries)
  if bound > certificate.max_error(len(leave)):
    raise certificate.NearlyReducibleError(
      f"The chain leaves its {len(leave)} transient states so rarely that"
      " sparse LU cannot resolve its long-run law to"
      f" {certificate.max_error(len(leave)):.0e}."
    )
  report = law_report.relative(law_report.Method.SPARSE_LU, bound)
  return law_report.Law(visits / leave, report)


def factorize(moves: sparse.csr_array) -> linalg.SuperLU:
  """Returns the LU factors of (I - W)^T without pivoting.

  The entries of W are not negative, and its rows sum to at most one.
  """
  identity = sparse.eye_array(moves.shape[0], format="csr")
  return linalg.splu(
    (identity - moves).T,  # The transpose of CSR is CSC.
    permc_spec="MMD_AT_PLUS_A",
    diag_pivot_thresh=0.0,
    options={"SymmetricMode": True},
  )


def solve_transposed(lu: linalg.SuperLU, right_side: np.ndarray) -> np.ndarray:
  """Returns (I - W)^-1 x from the factors of (I - W)^T."""
  # Older type stubs of SciPy have no `trans`.
  solve: Any = lu.solve
  return solve(right_side, trans="T")


class Factors:
  """LU factors of I - J^T for a jump chain J that ends at some cut states."""

  def __init__(self, jumps: sparse.csr_array, cuts: list[int]):
    """Factorizes the jump chain.

    Args:
      jumps: J, (n, n).
      cuts: The states in which the chain ends.
    """
    is_cut = np.zeros(jumps.shape[0], dtype=bool)
    is_cut[cuts] = True
    rows = np.repeat(is_cut, np.diff(jumps.indptr))
    system = jumps.copy()
    system.data[rows | is_cut[jumps.indices]] = 0.0
    system.eliminate_zeros()
    self._jumps, self._cuts, self._system = jumps, cuts, system
    self._num_terms = jump_chain.num_terms(jumps)
    try:
      self._lu = factorize(system)
    except RuntimeError:  # Because of rounding, some part is never left.
      self._lu = factorize((1 - DAMPING) * system)

  def metastable_state(self) -> int:
    """Returns a likely state of the part from which the end takes longest.

    It is computed from the LU factors, which may be inaccurate.
    """
    num_steps = solve_transposed(self._lu, np.ones(self._jumps.shape[0]))
    # Rounding may have changed signs, but absolute values are large.
    start = np.zeros(len(num_steps))
    start[np.abs(num_steps).argmax()] = 1.0
    return int(np.abs(self._lu.solve(start)).argmax())

  def visits(self, entries: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the expected visits before the end, and an error bound.

    Args:
      entries: (n,), initial number of visits of each state; 0 in cut states.

    Returns:
      u, (n,), with u (I - J) = entries; and a bound on the relative error of
      each entry, infinite if unknown.
    """
    with np.errstate(all="ignore"):
      visits = np.maximum(self._lu.solve(entries), 0.0)
      steps = np.maximum(self._lu.solve(visits + certificate.FLOOR), 0.0)
      bound = certificate.error_bound(
        visits, self._system, entries, steps, self._num_terms
      )
    return visits, bound

  def law(self) -> tuple[np.ndarray, float]:
    """Returns the invariant law of J, and a bound on its relative errors.

    The weights of the cut states are the invariant law of the chain observed
    only at visits of cut states. The entries of that chain are sums of positive
    numbers, and its law is computed by elimination, so no digits are lost
    however small its transition probabilities are.
    """
    cuts = self._cuts
    entries = self._jumps[cuts].toarray()
    seen = entries[:, cuts].copy()
    entries[:, cuts] = 0.0
    visits, bounds = zip(*map(self.visits, entries))
    bound, weights = max(bounds), np.ones(1)
    if len(cuts) > 1 and bound < 1:
      seen += np.array(visits) @ self._jumps[:, cuts]
      np.fill_diagonal(seen, 0.0)
      if not _is_irreducible(seen):
        return np.full(len(entries[0]), np.nan), np.inf
      weights, report = elimination.invariant_law(sparse.csr_array(seen))
      # A relative error of all m^2 entries changes the law by 2 m times it.
      error = bound + certificate.rounding(self._num_terms + len(seen))
      bound += 2 * len(seen) * error + report.relative_error_bound
    law = sum(weight * visit for weight, visit in zip(weights, visits))
    law[cuts] = weights
    return law, bound


def _is_irreducible(seen: np.ndarray) -> bool:
  """Returns whether all states lead to each other without underflow."""
  if np.min(seen, where=seen > 0, initial=1.0) < LEAST_COUPLING:
    return False
  # In dense arrays, SciPy treats entries below 1e-8 as zero.
  graph = sparse.csr_array(seen)
  return csgraph.connected_components(graph, connection="strong")[0] == 1
