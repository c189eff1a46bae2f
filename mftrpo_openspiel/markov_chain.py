"""Invariant laws of finite Markov chains, exact for every kind of chain.

The mean field of a stationary policy is the long-run law of its chain, the
Cesaro limit of reference . P^n (paper, IV.e, "mu (P)^inf"). It exists for
every chain, periodic or not; where the chain has several recurrent classes it
depends on where the reference law sends its mass. So:

1. the recurrent classes are the closed strongly connected components;
2. the mass of the transient states is absorbed into them;
3. within a class, the law of a state is its share of the visits between two
   visits of one fixed state.

Steps 2 and 3 both count visits before an exit. A small chain is first tried
with LAPACK on its jump chain, and taken if exits come soon. Otherwise, and for
large chains, states are eliminated one after the other in the manner of
Grassmann, Taksar and Heyman (1985), which never subtracts: every entry has a
small *relative* error even where the chain all but falls apart, as it does when
players almost always stay where they are.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

# Up to this many states, dense arrays.
MAX_DENSE_STATES = 500
# Most moves before the exit, from any state, with which LU is trusted: they are
# the norm of the inverse. Pivots do not tell: each may lose a few digits only,
# and all of them together everything.
MOST_MOVES = 1e4
# Probabilities below this count as zero: the chain is then reducible, as it
# would be a little later when they underflow.
LEAST_PROBABILITY = 1e-100
# Below this the probability of an exit, which elimination multiplies up, loses
# its digits to underflow.
LEAST_EXIT = 1e-290
# Steps by which a likely state is found where state 0 is too rare.
NUM_SEARCH_STEPS = 1000

Matrix = np.ndarray | sparse.csr_array


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
    ArithmeticError: If the chain takes more than 1e290 steps to leave its
      transient states, or to get from one likely state to another.
  """
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
    return _invariant_law(chain)

  is_closed = np.ones(num_classes, dtype=bool)
  is_closed[labels[origins[leaves]]] = False
  mass = _absorb(chain, reference, is_closed[labels])
  class_size = np.bincount(labels)
  class_mass = np.bincount(labels, weights=mass)
  law = np.where(class_size[labels] == 1, mass, 0.0)
  for label in np.flatnonzero((class_size > 1) & (class_mass > 0)):
    states = np.flatnonzero(labels == label)
    law[states] = class_mass[label] * _invariant_law(chain[states][:, states])
  return law


def _absorb(
  chain: Matrix, reference: np.ndarray, recurrent: np.ndarray
) -> np.ndarray:
  """Returns `reference` with the transient mass moved to where it ends."""
  mass = np.where(recurrent, reference, 0.0)
  moving = np.flatnonzero(~recurrent)
  if reference[moving].any():
    rows = chain[moving]
    exits = rows[:, np.flatnonzero(recurrent)]
    visits = _expected_visits(
      rows[:, moving], exits.sum(axis=1), reference[moving]
    )
    if not np.isfinite(visits.sum()):
      raise ArithmeticError(
        "The chain leaves its transient states with a probability below"
        f" {LEAST_EXIT:.0e}: its long-run law cannot be computed."
      )
    mass[recurrent] += visits @ exits
  return mass


def _invariant_law(chain: Matrix) -> np.ndarray:
  """Returns the invariant law of an irreducible chain."""
  visits = _visits_of_a_cycle(chain)
  if not np.isfinite(visits.sum()):  # State 0 is too rare to count from.
    order = np.arange(chain.shape[0])
    likely = _likely_state(chain)
    order[[0, likely]] = likely, 0
    visits = _visits_of_a_cycle(chain[order][:, order])[order]
    if not np.isfinite(visits.sum()):
      raise ArithmeticError(
        "The chain leaves some of its states with a probability below"
        f" {LEAST_EXIT:.0e}: its long-run law cannot be computed."
      )
  return visits / visits.sum()


def _visits_of_a_cycle(chain: Matrix) -> np.ndarray:
  """Returns the expected visits of each state between two of state 0."""
  visits = _expected_visits(
    chain[1:, 1:], chain[1:, :1].sum(axis=1), chain[:1, 1:].sum(axis=0)
  )
  return np.concatenate([[1.0], visits])


def _likely_state(chain: Matrix) -> int:
  """Returns a state where an irreducible chain spends much of its time."""
  law = np.full(chain.shape[0], 1.0 / chain.shape[0])
  for _ in range(NUM_SEARCH_STEPS):
    law = (law + law @ chain) / 2  # Half-way, as the chain may be periodic.
  return int(law.argmax())


def _expected_visits(
  chain: Matrix, exits: np.ndarray, entries: np.ndarray
) -> np.ndarray:
  """Returns how often each state is visited before an exit.

  Solves v = entries + v . chain without reading the diagonal of the chain: what
  leaves a state is the sum of the other entries and the exit.

  Args:
    chain: (n, n), the transitions within.
    exits: (n,), the probabilities to leave for good; reached from everywhere.
    entries: (n,), how often each state is entered from outside.

  Returns:
    (n,), some of it NaN or infinite where it cannot be told.
  """
  if not len(entries):
    return np.zeros(0)
  if sparse.issparse(chain):
    return _eliminate(chain, exits, entries)
  moves = chain.copy()
  np.fill_diagonal(moves, 0.0)
  leave = moves.sum(axis=1) + exits
  jumps = moves / leave[:, None]
  system = np.eye(len(moves)) - jumps.T
  factors, pivots, _ = lapack.dgetrf(system, overwrite_a=True)
  if factors.diagonal().min() > 0:
    ones = np.ones(len(moves))
    num_moves, _ = lapack.dgetrs(factors, pivots, ones, trans=True)
    if num_moves.max() <= MOST_MOVES:
      departures, _ = lapack.dgetrs(factors, pivots, entries)
      return departures / leave
  return _eliminate(sparse.csr_array(chain), exits, entries)


def _eliminate(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> np.ndarray:
  """Returns `_expected_visits` by elimination.

  Going down from the last state, state k is replaced by shortcuts between the
  states before it, and v_k = (entries_k + sum_{j<k} v_j P_jk) / leave_k. In a
  reverse Cuthill-McKee order the shortcuts stay near the diagonal, and only
  that band is stored.
  """
  size = len(entries)
  order = csgraph.reverse_cuthill_mckee(chain)
  exits, entries = exits[order], entries[order]
  chain = chain[order][:, order].tocoo()
  low = np.arange(size)  # First state that each one has a transition with ...
  np.minimum.at(low, np.maximum(*chain.coords), np.minimum(*chain.coords))
  # ... or has by shortcuts over the states after it.
  low = np.minimum.accumulate(low[::-1])[::-1]
  width = int((np.arange(size) - low).max())
  # Entry (i, j) lies at i (2 width + 1) + (j - i) + width in the band.
  band = np.zeros(size * (2 * width + 1) + 1)
  matrix = np.lib.stride_tricks.as_strided(
    band[width:], (size, size), (2 * width * band.itemsize, band.itemsize)
  )
  np.add.at(matrix, chain.coords, chain.data)

  visits, leave = np.full(size, np.nan), np.empty(size)
  for k in range(size - 1, -1, -1):
    near = slice(low[k], k)
    column, row = matrix[near, k], matrix[k, near]
    leave[k] = row.sum() + exits[k]
    if leave[k] < LEAST_EXIT:
      return visits
    row = row / leave[k]
    matrix[near, near] += np.multiply.outer(column, row)
    exits[near] += column * (exits[k] / leave[k])
    entries[near] += entries[k] * row

  with np.errstate(over="ignore", invalid="ignore"):
    for k in range(size):
      near = slice(low[k], k)
      visits[k] = (entries[k] + visits[near] @ matrix[near, k]) / leave[k]
  result = np.empty(size)
  result[order] = visits
  return result
