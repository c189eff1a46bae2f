"""Invariant laws of finite Markov chains, exact for every kind of chain.

The mean field of a stationary policy is the long-run law of its chain, the
Cesaro limit of reference . P^n (paper, IV.e, "mu (P)^inf"). It exists for
every chain, periodic or not; where the chain has several recurrent classes it
depends on where the reference law sends its mass. So:

1. the recurrent classes are the closed strongly connected components;
2. the mass of the transient states is absorbed into them;
3. within a class, the law of a state is its share of the visits between two
   visits of one fixed state.

Steps 2 and 3 both count visits before an exit, by `elimination`, whose cost is
the number of states times the square of the bandwidth. From some size on,
sparse LU and GMRES take its place (`large_chain`), and it the place of LU where
the chain falls apart as far as LU can see.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from mftrpo_openspiel import elimination
from mftrpo_openspiel import jump_chain
from mftrpo_openspiel import large_chain

# Up to this many states, dense arrays.
MAX_DENSE_STATES = 500
# Up to this many states, elimination; beyond, where nothing else works and it
# takes at most so many multiplications: some minutes.
MAX_ELIMINATION_STATES = 3000
MAX_ELIMINATION_COST = 1e11
# Probabilities below this count as zero: the chain is then reducible, as it
# would be a little later when they underflow.
LEAST_PROBABILITY = 1e-100


@dataclasses.dataclass
class Report:
  """How `cesaro_limit` computed a law.

  Attributes:
    method: In use for the largest chains that were solved.
    consistency_residual: |mu P - mu|_1 as computed in double precision; None
      after elimination or band LU alone, which give each mass to a small
      relative error.
  """

  method: large_chain.Method = large_chain.Method.ELIMINATION
  consistency_residual: float | None = None


def cesaro_limit(
  transition_matrix: sparse.csr_array,
  reference: np.ndarray,
  report: Report | None = None,
) -> np.ndarray:
  """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

  Args:
    transition_matrix: P, (S, S), rows sum to one.
    reference: (S,), the law that the chain starts from.
    report: Is told how.

  Returns:
    (S,): the long-run law.

  Raises:
    ArithmeticError: If the chain takes more than 1e290 steps to leave its
      transient states, or to get from one likely state to another; or if it is
      large, and neither LU nor GMRES nor elimination gives its law.
  """
  report = report or Report()
  report.method = large_chain.Method.ELIMINATION
  law = _cesaro_limit(transition_matrix, reference, report)
  report.consistency_residual = None
  if report.method is not large_chain.Method.ELIMINATION:
    residual = law @ transition_matrix - law
    report.consistency_residual = float(np.abs(residual).sum())
  return law


def _cesaro_limit(
  transition_matrix: sparse.csr_array, reference: np.ndarray, report: Report
) -> np.ndarray:
  chain = transition_matrix
  if not chain.has_canonical_format or chain.data.min() < LEAST_PROBABILITY:
    chain = chain.copy()
    # SciPy's search for components never ends where entries are doubled.
    chain.sum_duplicates()
    chain.data[chain.data < LEAST_PROBABILITY] = 0.0
    chain.eliminate_zeros()
  num_classes, labels = csgraph.connected_components(
    chain, directed=True, connection="strong"
  )
  origins = np.repeat(np.arange(len(labels)), np.diff(chain.indptr))
  leaves = labels[origins] != labels[chain.indices]
  if len(labels) <= MAX_DENSE_STATES:
    chain = chain.toarray()
  if num_classes == 1:
    return _invariant_law(chain, reference, report)

  is_closed = np.ones(num_classes, dtype=bool)
  is_closed[labels[origins[leaves]]] = False
  mass = _absorb(chain, reference, is_closed[labels], report)
  class_size = np.bincount(labels)
  class_mass = np.bincount(labels, weights=mass)
  law = np.where(class_size[labels] == 1, mass, 0.0)
  for label in np.flatnonzero((class_size > 1) & (class_mass > 0)):
    states = np.flatnonzero(labels == label)
    law[states] = class_mass[label] * _invariant_law(
      chain[states][:, states], reference[states], report
    )
  return law


def _absorb(
  chain: elimination.Matrix,
  reference: np.ndarray,
  recurrent: np.ndarray,
  report: Report,
) -> np.ndarray:
  """Returns `reference` with the transient mass moved to where it ends."""
  mass = np.where(recurrent, reference, 0.0)
  moving = np.flatnonzero(~recurrent)
  if reference[moving].any():
    rows = chain[moving]
    exits = rows[:, np.flatnonzero(recurrent)]
    visits = _by_size(
      report,
      large_chain.expected_visits,
      elimination.expected_visits,
      rows[:, moving],
      exits.sum(axis=1),
      reference[moving],
    )
    if not np.isfinite(visits.sum()):
      raise ArithmeticError(
        "The chain leaves its transient states with a probability below"
        f" {elimination.LEAST_EXIT:.0e}: its long-run law cannot be computed."
      )
    mass[recurrent] += visits @ exits
  return mass


def _invariant_law(
  chain: elimination.Matrix, start: np.ndarray, report: Report
) -> np.ndarray:
  return _by_size(
    report,
    large_chain.invariant_law,
    lambda chain, _: elimination.invariant_law(chain),
    chain,
    start,
  )


def _by_size(
  report: Report,
  by_large_chain: Callable[..., tuple[np.ndarray, large_chain.Method]],
  by_elimination: Callable[..., np.ndarray],
  chain: elimination.Matrix,
  *arguments: np.ndarray,
) -> np.ndarray:
  """Returns what one of the two methods gives for `chain` and `arguments`."""
  size = chain.shape[0]
  if not sparse.issparse(chain) or size <= MAX_ELIMINATION_STATES:
    return by_elimination(chain, *arguments)
  try:
    result, report.method = by_large_chain(chain, *arguments)
    return result
  except large_chain.NearlyReducibleError:
    if size * jump_chain.bandwidth(chain) ** 2.0 > MAX_ELIMINATION_COST:
      raise
    return by_elimination(chain, *arguments)
