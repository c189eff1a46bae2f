"""Visits of Markov chains by elimination, to a small relative error.

A small chain is first tried with LAPACK on its jump chain, and taken if exits
come soon. Otherwise states are eliminated one after the other in the
manner of Grassmann, Taksar and Heyman (1985), which never subtracts: every
entry has a small *relative* error even where the chain all but falls apart, as
it does when players almost always stay where they are. The law of a state in an
irreducible chain is its share of the visits between two visits of one fixed
state.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

# Most moves before the exit, from any state, with which LU is trusted: they are
# the norm of the inverse. Pivots do not tell: each may lose a few digits only,
# and all of them together everything.
MOST_MOVES = 1e4
# Below this the probability of an exit, which elimination multiplies up, loses
# its digits to underflow.
LEAST_EXIT = 1e-290
# Steps by which a likely state is found where state 0 is too rare.
NUM_SEARCH_STEPS = 1000

Matrix = np.ndarray | sparse.csr_array


def invariant_law(chain: Matrix) -> np.ndarray:
  """Returns the invariant law of an irreducible chain.

  Raises:
    ArithmeticError: If states are left with a probability below LEAST_EXIT.
  """
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
  visits = expected_visits(
    chain[1:, 1:], chain[1:, :1].sum(axis=1), chain[:1, 1:].sum(axis=0)
  )
  return np.concatenate([[1.0], visits])


def _likely_state(chain: Matrix) -> int:
  """Returns a state where an irreducible chain spends much of its time."""
  law = np.full(chain.shape[0], 1.0 / chain.shape[0])
  for _ in range(NUM_SEARCH_STEPS):
    law = (law + law @ chain) / 2  # Half-way, as the chain may be periodic.
  return int(law.argmax())


def expected_visits(
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
  """Returns `expected_visits` by elimination.

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
  places = (chain.row, chain.col)
  np.minimum.at(low, np.maximum(*places), np.minimum(*places))
  # ... or has by shortcuts over the states after it.
  low = np.minimum.accumulate(low[::-1])[::-1]
  width = int((np.arange(size) - low).max())
  # Entry (i, j) lies at i (2 width + 1) + (j - i) + width in the band.
  band = np.zeros(size * (2 * width + 1) + 1)
  matrix = np.lib.stride_tricks.as_strided(
    band[width:], (size, size), (2 * width * band.itemsize, band.itemsize)
  )
  np.add.at(matrix, places, chain.data)

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
