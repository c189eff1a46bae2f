"""Expected visits and invariant laws of large chains by sparse LU.

Both are solutions of equations u (I - J) = b, where J is the jump chain. Where
parts of the chain can be separated by few states, as on a grid or any other
flat map, these have sparse LU factors.

I - J^T is an M-matrix, which needs no pivoting, and whose triangular solves add
numbers of one sign. On a grid of 10^6 states in minimum-degree order the
factors have about 60 entries a state. Only their pivots come from subtractions,
and those fail where a part of the chain is left with a probability near that of
rounding: such a part is metastable. The `certificate` of the result tells.
Metastable parts are found, and told apart by cutting the chain at a state of
each.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# How many metastable parts of a chain are told from each other.
MAX_CUTS = 12
# Least probability to get from one cut state to the next one that is not lost
# in `certificate.FLOOR`.
LEAST_COUPLING = 1e-260
# What is taken off jump probabilities where rounding makes the system singular,
# only to find out where.
DAMPING = 1e-12


def invariant_law(chain: sparse.csr_array, start: np.ndarray) -> law_report.Law:
  """Returns the invariant law of an irreducible chain.

  Args:
    chain: P, (n, n).
    start: (n,), masses near the law, if such are known.

  Raises:
    NearlyReducibleError: If the chain falls apart as far as can be told.
  """
  jumps, leave = jump_chain.jump_chain(chain, 0.0)
  size = len(leave)
  cuts = [int(jump_chain.approximate_law(jumps, start * leave).argmax())]
  for _ in range(MAX_CUTS):
    factors = Factors(jumps, cuts)
    law, bound = factors.law()
    if bound <= certificate.max_error(size) / 2:  # It is not normalised yet.
      report = law_report.relative(law_report.Method.SPARSE_LU, 2 * bound)
      rounding = 4 * law_report.UNIT_ROUNDOFF
      return law_report.Law(
        jump_chain.law_in_time(law, leave), report.with_rounding(rounding)
      )
    metastable = factors.metastable_state()
    if metastable in cuts:
      break
    cuts.append(metastable)
    del factors  # Not two of them in memory at a time.
  raise certificate.NearlyReducibleError(
    f"The {size} states of the chain all but fall apart, into {len(cuts)}"
    " parts or more: sparse LU cannot resolve its invariant law to"
    f" {certificate.max_error(size):.0e}."
  )


def expected_visits(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> law_report.Law:
  """Returns how often each state is visited before an exit.

  The arguments are those of `elimination.expected_visits`.

  Raises:
    NearlyReducibleError: If exits are so rare that they cannot be seen.
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

  No entry of W is negative, and no row of it sums to more than one.
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
  # The stub has no `trans`.
  return lu.solve(right_side, trans="T")  # type: ignore[call-overload]


class Factors:
  """LU factors of I - J^T for a jump chain J that is cut at some states."""

  def __init__(self, jumps: sparse.csr_array, cuts: list[int]):
    """Factorizes the jump chain.

    Args:
      jumps: J, (n, n).
      cuts: The states at whose visits the chain ends.
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
    except RuntimeError:  # By rounding: some part is never left.
      self._lu = factorize((1 - DAMPING) * system)

  def metastable_state(self) -> int:
    """Returns a state from where the end is far, as far as LU can tell."""
    num_steps = solve_transposed(self._lu, np.ones(self._jumps.shape[0]))
    # Rounding may have changed its sign, but it stands out.
    start = np.zeros(len(num_steps))
    start[np.abs(num_steps).argmax()] = 1.0
    return int(np.abs(self._lu.solve(start)).argmax())

  def visits(self, entries: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the visits before the end, and a bound of their errors.

    Args:
      entries: (n,), how often each state is entered at first; 0 in cut ones.

    Returns:
      u, (n,), with u (I - J) = entries; and what no entry is off by more than,
      relative to itself, infinite where that is not known.
    """
    with np.errstate(all="ignore"):
      visits = np.maximum(self._lu.solve(entries), 0.0)
      steps = np.maximum(self._lu.solve(visits + certificate.FLOOR), 0.0)
      bound = certificate.error_bound(
        visits, self._system, entries, steps, self._num_terms
      )
    return visits, bound

  def law(self) -> tuple[np.ndarray, float]:
    """Returns the invariant law of J, and a bound of its relative errors.

    The cut states are weighted by the law of the chain that is seen when
    looking only at their visits. It is a sum of positive numbers, and its law
    comes from elimination: no digits are lost however weak its couplings are.
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
      # An error of each of the m^2 entries changes the law by 2 m times it.
      error = bound + certificate.rounding(self._num_terms + len(seen))
      bound += 2 * len(seen) * error + report.relative_error_bound
    law = sum(weight * visit for weight, visit in zip(weights, visits))
    law[cuts] = weights
    return law, bound


def _is_irreducible(seen: np.ndarray) -> bool:
  """Returns whether all states lead to each other without underflow."""
  if np.min(seen, where=seen > 0, initial=1.0) < LEAST_COUPLING:
    return False
  # Of dense arrays SciPy takes entries below 1e-8 for zero.
  graph = sparse.csr_array(seen)
  return csgraph.connected_components(graph, connection="strong")[0] == 1
