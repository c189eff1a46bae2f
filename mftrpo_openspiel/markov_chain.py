"""Invariant laws of finite Markov chains, exact for every kind of chain.

The mean field of a stationary policy is the long-run law of its chain, the
Cesaro limit of reference . P^n (paper, IV.e, "mu (P)^inf"). It exists for
every chain, periodic or not; where the chain has several recurrent classes it
depends on where the reference law sends its mass. So:

1. the recurrent classes are the closed strongly connected components;
2. the mass of the transient states is absorbed into them;
3. within a class the law is unique.

Steps 2 and 3 eliminate states one at a time in the manner of Grassmann, Taksar
and Heyman (1985), which never subtracts: every entry has a small *relative*
error, even where states are all but disconnected. Classes too large for that
are solved by a sparse factorisation whose answer is checked.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

# Up to this many states, elimination on a dense array; above, sparse LU.
MAX_DENSE_STATES = 1000
# Probabilities below this count as zero: the chain is then reducible, as it
# would be a little later when they underflow.
LEAST_PROBABILITY = 1e-100
# How far inflow and outflow of a state may differ, relative to the outflow.
BALANCE_TOLERANCE = 1e-9


def cesaro_limit(
  transition_matrix: sparse.csr_array, reference: np.ndarray
) -> np.ndarray:
  """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

  Args:
    transition_matrix: P, (S, S), rows sum to one.
    reference: (S,), the law that the chain starts from.

  Returns:
    (S,): the long-run law.

  Raises:
    ArithmeticError: If the chain has more than `MAX_DENSE_STATES` states and
      is too close to a reducible one for the sparse solver.
  """
  matrix = transition_matrix.copy()
  matrix.sum_duplicates()
  matrix.data[matrix.data < LEAST_PROBABILITY] = 0.0
  matrix.eliminate_zeros()
  num_classes, labels = csgraph.connected_components(
    matrix, directed=True, connection="strong"
  )
  if num_classes == 1:
    return _invariant_law(matrix)

  rows = np.repeat(np.arange(len(labels)), np.diff(matrix.indptr))
  leaving = labels[rows] != labels[matrix.indices]
  is_closed = np.ones(num_classes, dtype=bool)
  is_closed[labels[rows[leaving]]] = False
  recurrent = is_closed[labels]
  mass = _absorb(matrix, reference, ~recurrent)

  law = np.zeros(len(labels))
  class_mass = np.bincount(labels, weights=mass, minlength=num_classes)
  class_size = np.bincount(labels, minlength=num_classes)
  single = recurrent & (class_size[labels] == 1)
  law[single] = mass[single]
  for label in np.flatnonzero(is_closed & (class_size > 1) & (class_mass > 0)):
    states = np.flatnonzero(labels == label)
    within = matrix[states][:, states]
    law[states] = class_mass[label] * _invariant_law(within)
  return law


def _invariant_law(matrix: sparse.csr_array) -> np.ndarray:
  """Returns the invariant law of an irreducible chain."""
  if matrix.shape[0] > MAX_DENSE_STATES:
    return _sparse_invariant_law(matrix)
  law = _invariant_measure(matrix.toarray())
  return law / law.sum()


def _invariant_measure(matrix: np.ndarray) -> np.ndarray:
  """Returns a positive multiple of the invariant law, by GTH elimination.

  Args:
    matrix: (n, n), where every state is left towards state 0 eventually. The
      diagonal is not read; the array is overwritten.
  """
  size = len(matrix)
  for state in range(size - 1, 0, -1):
    leave = matrix[state, :state].sum()
    entries = matrix[:state, state]
    matrix[:state, :state] += np.multiply.outer(
      entries, matrix[state, :state] / leave
    )
    entries /= leave
  measure = np.ones(size)
  for state in range(1, size):
    measure[state] = measure[:state] @ matrix[:state, state]
    if measure[state] > 1e100:  # Keeps clear of overflow.
      measure[: state + 1] /= measure[state]
  return measure


def _absorb(
  matrix: sparse.csr_array, reference: np.ndarray, transient: np.ndarray
) -> np.ndarray:
  """Returns `reference` with the transient mass moved to where it ends.

  Args:
    matrix: (S, S), the chain.
    reference: (S,), a law.
    transient: (S,) of bool; from each of these states the others are reached.

  Returns:
    (S,), zero on the transient states.
  """
  moving = np.flatnonzero(transient)
  mass = np.where(transient, 0.0, reference)
  if not reference[moving].any():
    return mass
  within = matrix[moving][:, moving]
  if len(moving) > MAX_DENSE_STATES:
    visits = linalg.splu(
      (sparse.eye_array(len(moving)) - within).T.tocsc()
    ).solve(reference[moving])
  else:
    # One more state, which stands for all recurrent ones, comes first; entered
    # from it with the reference law, the visits are those of a renewal cycle.
    size = len(moving) + 1
    cycle = np.zeros((size, size))
    cycle[1:, 1:] = within.toarray()
    cycle[1:, 0] = matrix[moving][:, np.flatnonzero(~transient)].sum(axis=1)
    cycle[0, 1:] = reference[moving]
    measure = _invariant_measure(cycle)
    visits = measure[1:] / measure[0]
  return mass + np.where(transient, 0.0, visits @ matrix[moving])


def _sparse_invariant_law(matrix: sparse.csr_array) -> np.ndarray:
  """Returns the invariant law by sparse LU, or raises if it is not accurate."""
  size = matrix.shape[0]
  # The law of the last state is set to one and its equation left out.
  balance = (sparse.eye_array(size) - matrix).T.tocsc()
  law = np.ones(size)
  law[:-1] = linalg.splu(balance[:-1, :-1]).solve(
    -balance[:-1, [size - 1]].toarray()[:, 0]
  )
  law /= law.sum()
  stays = matrix.diagonal() * law
  inflow, outflow = law @ matrix - stays, law - stays
  error = np.abs(inflow - outflow) / np.maximum(outflow, law.max() * 1e-16)
  if law.min() < 0 or error.max() > BALANCE_TOLERANCE:
    raise ArithmeticError(
      f"The invariant law of {size} states has a relative balance error of"
      f" {error.max():.1e} (allowed {BALANCE_TOLERANCE:.0e}): the chain is"
      " too close to a reducible one."
    )
  return law
