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
the `certificate` of what that found is not good enough. So each law has a bound
of its error that holds whatever the chain is.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import large_chain
from mftrpo_openspiel.chains import law_report

# Up to this many states, dense arrays.
MAX_DENSE_STATES = 500
# Up to this many states, elimination; beyond, where nothing else works and it
# takes at most so many multiplications: some minutes.
MAX_ELIMINATION_STATES = 3000
MAX_ELIMINATION_COST = 1e11
# Probabilities below this count as zero, and what is said of errors is said of
# the chain without them. It may be another one: states that are left by such
# probabilities alone are never left.
LEAST_PROBABILITY = 1e-100


def cesaro_limit(
  transition_matrix: sparse.csr_array,
  reference: np.ndarray,
  may_factorise: bool = True,
) -> tuple[np.ndarray, law_report.Report]:
  """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

  Args:
    transition_matrix: P, (S, S), rows sum to one.
    reference: (S,), the law that the chain starts from.
    may_factorise: Whether a small chain is tried with dense LU first.

  Returns:
    (S,), the long-run law; and how well it is known.

  Raises:
    ArithmeticError: If the chain leaves its transient states, or gets from one
      likely state to another, with a probability out of the range of numbers;
      or if it is large, and neither LU nor GMRES nor elimination gives its law.
  """
  max_dense_states = MAX_DENSE_STATES if may_factorise else 0
  law, report = _cesaro_limit(transition_matrix, reference, max_dense_states)
  if report.methods & {law_report.Method.LU, law_report.Method.GMRES}:
    residual = float(np.abs(law @ transition_matrix - law).sum())
    report = dataclasses.replace(report, consistency_residual=residual)
  return law, report


def _cesaro_limit(
  transition_matrix: sparse.csr_array,
  reference: np.ndarray,
  max_dense_states: int,
) -> tuple[np.ndarray, law_report.Report]:
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
  if len(labels) <= max_dense_states:
    chain = chain.toarray()
  if num_classes == 1:
    return _invariant_law(chain, reference)

  is_closed = np.ones(num_classes, dtype=bool)
  is_closed[labels[origins[leaves]]] = False
  mass, absorption = _absorb(chain, reference, is_closed[labels])
  class_size = np.bincount(labels)
  class_mass = np.bincount(labels, weights=mass)
  law = np.where(class_size[labels] == 1, mass, 0.0)
  shares_report = law_report.Report()
  for label in np.flatnonzero((class_size > 1) & (class_mass > 0)):
    states = np.flatnonzero(labels == label)
    shares, report = _invariant_law(chain[states][:, states], reference[states])
    law[states] = class_mass[label] * shares
    shares_report = shares_report.beside(report)
  report = shares_report.after(absorption)
  if report.methods:  # Masses were added, in each state and in each class.
    report = report.with_rounding(2 * len(law) * law_report.UNIT_ROUNDOFF)
  return law, report


def _absorb(
  chain: elimination.Matrix, reference: np.ndarray, recurrent: np.ndarray
) -> tuple[np.ndarray, law_report.Report]:
  """Returns `reference` with the transient mass moved to where it ends."""
  mass = np.where(recurrent, reference, 0.0)
  moving = np.flatnonzero(~recurrent)
  if not reference[moving].any():
    return mass, law_report.Report()
  rows = chain[moving]
  exits = rows[:, np.flatnonzero(recurrent)]
  visits, report = _by_size(
    large_chain.expected_visits,
    elimination.expected_visits,
    rows[:, moving],
    exits.sum(axis=1),
    reference[moving],
  )
  if not np.isfinite(visits.sum()):
    raise ArithmeticError(
      "The chain leaves its transient states with a probability out of the"
      " range of numbers: its long-run law cannot be computed."
    )
  mass[recurrent] += visits @ exits
  # Sums of n exits are off by a share (n - 1) u, and visits by all of these.
  num_added = int((exits > 0).sum(axis=1).max()) - 1
  rounding = 2 * len(moving) * num_added * law_report.UNIT_ROUNDOFF
  return mass, report.with_rounding(rounding)


def _invariant_law(
  chain: elimination.Matrix, start: np.ndarray
) -> tuple[np.ndarray, law_report.Report]:
  return _by_size(
    large_chain.invariant_law,
    lambda chain, _: elimination.invariant_law(chain),
    chain,
    start,
  )


def _by_size(
  by_large_chain: Callable[..., tuple[np.ndarray, law_report.Report]],
  by_elimination: Callable[..., tuple[np.ndarray, law_report.Report]],
  chain: elimination.Matrix,
  *arguments: np.ndarray,
) -> tuple[np.ndarray, law_report.Report]:
  """Returns what one of the two methods gives for `chain` and `arguments`."""
  size = chain.shape[0]
  if not sparse.issparse(chain) or size <= MAX_ELIMINATION_STATES:
    return by_elimination(chain, *arguments)
  try:
    return by_large_chain(chain, *arguments)
  except large_chain.NearlyReducibleError:
    if size * jump_chain.bandwidth(chain) ** 2.0 > MAX_ELIMINATION_COST:
      raise
    return by_elimination(chain, *arguments)
