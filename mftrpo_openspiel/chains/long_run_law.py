"""Long-run laws of finite Markov chains, with error bounds for every chain.

The mean field of a stationary policy is the long-run law of its chain, the
Cesaro limit of reference . P^n (paper, IV.e, "mu (P)^inf"). It exists for every
chain, periodic or not. If the chain has several recurrent classes, it depends
on how the mass of the reference law is distributed over them. Therefore:

1. the recurrent classes are the closed strongly connected components;
2. the mass of the transient states is absorbed into them;
3. within a class, the mass of a state is its share of the visits between two
   visits of one fixed state.

Steps 2 and 3 both compute expected visits before an exit, by `elimination`,
whose cost is the number of states times the square of the bandwidth. For larger
chains `sparse_lu` is used, or `gmres` if the LU factors would be dense. If the
error bound of their `certificate` is too large, elimination is used after all.
So each law has an error bound that holds for every chain.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import gmres
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import sparse_lu

# Probabilities below this are treated as zero, and error bounds apply to the
# chain without them. This chain may behave differently: states that are left
# only by such probabilities are never left.
LEAST_PROBABILITY = 1e-100


@dataclasses.dataclass(frozen=True)
class LongRunLaws:
  """Computes long-run laws, by a method that suits the size of the chain.

  Attributes:
    max_dense_states: Up to this number of states, dense LU is tried first.
    max_elimination_states: Up to this number of states, elimination is used.
    max_elimination_cost: For more states, elimination is used if all other
      methods fail and it takes at most this number of multiplications, which
      take a few minutes.
    max_bandwidth: Largest bandwidth in a reverse Cuthill-McKee order with which
      a large chain is factorized. It bounds the separators of the graph, about
      2,000 on a grid of 10^6 states, and the time for the factors grows with
      its cube. GMRES is used for other large chains.
    max_gmres_passes: Largest number of passes of GMRES.
  """

  max_dense_states: int = 500
  max_elimination_states: int = 3000
  max_elimination_cost: float = 1e11
  max_bandwidth: int = 5000
  max_gmres_passes: int = gmres.MAX_PASSES

  def cesaro_limit(
    self, transition_matrix: sparse.csr_array, reference: np.ndarray
  ) -> law_report.Law:
    """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

    Args:
      transition_matrix: P, (S, S), rows sum to one.
      reference: (S,), the initial law of the chain.

    Raises:
      ArithmeticError: If the probability with which the chain leaves its
        transient states, or gets from one likely state to another, is too small
        for floating-point numbers; or if the chain is large, and LU, GMRES and
        elimination all fail.
    """
    law, report = self._cesaro_limit(
      _without_rare(transition_matrix), reference
    )
    if report.methods & {law_report.Method.SPARSE_LU, law_report.Method.GMRES}:
      residual = float(np.abs(law @ transition_matrix - law).sum())
      report = dataclasses.replace(report, consistency_residual=residual)
    return law_report.Law(law, report)

  def _cesaro_limit(
    self, chain: sparse.csr_array, reference: np.ndarray
  ) -> law_report.Law:
    num_classes, labels = csgraph.connected_components(
      chain, directed=True, connection="strong"
    )
    origins = np.repeat(np.arange(len(labels)), np.diff(chain.indptr))
    leaves = labels[origins] != labels[chain.indices]
    matrix: elimination.Matrix = chain
    if len(labels) <= self.max_dense_states:
      matrix = chain.toarray()
    if num_classes == 1:
      return self._invariant_law(matrix, reference)

    is_closed = np.ones(num_classes, dtype=bool)
    is_closed[labels[origins[leaves]]] = False
    mass, absorption = self._absorb(matrix, reference, is_closed[labels])
    class_size = np.bincount(labels)
    class_mass = np.bincount(labels, weights=mass)
    law = np.where(class_size[labels] == 1, mass, 0.0)
    shares_report = law_report.Report()
    for label in np.flatnonzero((class_size > 1) & (class_mass > 0)):
      states = np.flatnonzero(labels == label)
      shares, report = self._invariant_law(
        matrix[states][:, states], reference[states]
      )
      law[states] = class_mass[label] * shares
      shares_report = shares_report.beside(report)
    report = shares_report.after(absorption)
    if report.methods:  # Masses were summed, in each state and in each class.
      report = report.with_rounding(2 * len(law) * law_report.UNIT_ROUNDOFF)
    return law_report.Law(law, report)

  def _absorb(
    self,
    chain: elimination.Matrix,
    reference: np.ndarray,
    recurrent: np.ndarray,
  ) -> law_report.Law:
    """Returns `reference` after absorption of the mass of transient states."""
    mass = np.where(recurrent, reference, 0.0)
    moving = np.flatnonzero(~recurrent)
    if not reference[moving].any():
      return law_report.Law(mass, law_report.Report())
    rows = chain[moving]
    exits = rows[:, np.flatnonzero(recurrent)]
    ends = exits.sum(axis=1), reference[moving]
    visits, report = self._by_size(
      rows[:, moving],
      lambda chain: sparse_lu.expected_visits(chain, *ends),
      lambda chain: gmres.expected_visits(chain, *ends, self.max_gmres_passes),
      lambda chain: elimination.expected_visits(chain, *ends),
    )
    if not np.isfinite(visits.sum()):
      raise ArithmeticError(
        "The chain leaves its transient states with a probability that is too"
        " small for floating-point numbers: its long-run law cannot be"
        " computed."
      )
    mass[recurrent] += visits @ exits
    # Sums of n exits have a relative error of (n - 1) u, which affects visits.
    num_added = int((exits > 0).sum(axis=1).max()) - 1
    rounding = 2 * len(moving) * num_added * law_report.UNIT_ROUNDOFF
    return law_report.Law(mass, report.with_rounding(rounding))

  def _invariant_law(
    self, chain: elimination.Matrix, start: np.ndarray
  ) -> law_report.Law:
    """Returns the invariant law of an irreducible chain."""
    return self._by_size(
      chain,
      lambda chain: sparse_lu.invariant_law(chain, start),
      lambda chain: gmres.invariant_law(chain, start, self.max_gmres_passes),
      elimination.invariant_law,
    )

  def _by_size(
    self,
    chain: elimination.Matrix,
    by_lu: Callable[[sparse.csr_array], law_report.Law],
    by_gmres: Callable[[sparse.csr_array], law_report.Law],
    by_elimination: Callable[[elimination.Matrix], law_report.Law],
  ) -> law_report.Law:
    """Returns the result of the method that suits the size of a chain."""
    size = chain.shape[0]
    if isinstance(chain, np.ndarray) or size <= self.max_elimination_states:
      return by_elimination(chain)
    bandwidth = jump_chain.bandwidth(chain)
    try:
      return (
        by_lu(chain) if bandwidth <= self.max_bandwidth else by_gmres(chain)
      )
    except certificate.NearlyReducibleError:
      if size * bandwidth**2.0 > self.max_elimination_cost:
        raise
      return by_elimination(chain)


def _without_rare(chain: sparse.csr_array) -> sparse.csr_array:
  """Returns the chain in canonical form, without entries treated as zero."""
  if chain.has_canonical_format and chain.data.min() >= LEAST_PROBABILITY:
    return chain
  chain = chain.copy()
  # SciPy's search for components does not end if there are duplicate entries.
  chain.sum_duplicates()
  chain.data[chain.data < LEAST_PROBABILITY] = 0.0
  chain.eliminate_zeros()
  return chain
