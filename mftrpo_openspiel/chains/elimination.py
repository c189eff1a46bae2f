"""Expected visits of Markov chains by elimination, with small relative errors.

For a small chain, LAPACK's LU of its jump chain is tried first, and the result
is used if its `certificate` proves it to be accurate. Otherwise states are
eliminated one after the other by the method of Grassmann, Taksar and Heyman
(1985), which never subtracts. Therefore every entry has a small *relative*
error even if the chain is nearly reducible, as it is when players nearly always
stay where they are. The mass of a state in the invariant law of an irreducible
chain is its share of the visits between two visits of one fixed state.

Error bound: let u = 2^-53, and let w be the width of the band. When one of k
states is eliminated, each new entry between the others results from one
addition, one product and one quotient of positive numbers, and a sum of at most
w + 1 positive numbers. So it is the exact result for a chain whose entries have
relative errors of at most (w + 6) u. By the matrix-tree theorem, laws of n
states are ratios of sums of products of n - 1 entries, and expected visits are
such ratios with n and n - 1 entries. Hence each elimination changes the results
by a relative error of at most (2k + 1) (w + 6) u, and all eliminations,
together with the substitution that follows, by at most n (n + 4) (w + 6) u. In
practice errors are smaller by orders of magnitude.

The bound holds if nothing underflows. If something does, the computation is
repeated with numbers of a wider range, if the machine supports them.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# Largest accepted bound on the relative errors of a law by dense or band LU. If
# the bound is larger, elimination is used.
LU_TOLERANCE = 3e-10
# The probability of leaving a state must be larger than the smallest normal
# number by this factor.
LEAST_EXIT_DIGITS = 1e18
# Number of steps in the search for a likely state if state 0 is too rare.
NUM_SEARCH_STEPS = 1000

Matrix = np.ndarray | sparse.csr_array
Method = law_report.Method


def invariant_law(chain: Matrix) -> law_report.Law:
  """Returns the invariant law of an irreducible chain.

  Raises:
    ArithmeticError: If the probability of leaving a state is too small for the
      range of floating-point numbers.
  """
  size = chain.shape[0]
  if size == 1:
    return _law(np.ones(1), Method.ELIMINATION, 0.0)
  if isinstance(chain, np.ndarray):
    moves = _moves(chain)
    leave = moves.sum(axis=1)
    # The state with the largest of these is usually visited often.
    visits = chain.sum(axis=0)
    for _ in range(2):
      hub = visits.argmax()
      inner = moves.copy()
      inner[hub] = 0.0
      visits, bound = _factorized_visits(inner, leave, moves[hub])
      visits[hub] = 1.0
      bound = 2 * bound + size * law_report.UNIT_ROUNDOFF
      if bound <= LU_TOLERANCE:
        return _law(visits / visits.sum(), Method.DENSE_LU, bound)
      if not np.isfinite(visits).all():
        break
    chain = sparse.csr_array(chain)
  visits, bound = _visits_between(chain, 0)
  if not np.isfinite(visits.sum()):  # State 0 is too rare to be the hub.
    law = jump_chain.approximate_law(chain, np.ones(size), NUM_SEARCH_STEPS)
    visits, bound = _visits_between(chain, int(law.argmax()))
  if not np.isfinite(visits.sum()):
    raise ArithmeticError(
      "The chain leaves some of its states with a probability that is too small"
      " for floating-point numbers: its long-run law cannot be computed."
    )
  law = (visits / visits.sum()).astype(np.float64)
  return _law(law, Method.ELIMINATION, bound)


def expected_visits(
  chain: Matrix, exits: np.ndarray, entries: np.ndarray
) -> law_report.Law:
  """Returns the expected number of visits of each state before an exit.

  Solves v = entries + v . chain without using the diagonal of the chain: the
  probability of leaving a state is the sum of the other entries and the exit.

  Args:
    chain: (n, n), the transitions between the states.
    exits: (n,), the exit probabilities. From each state an exit must be
      reachable.
    entries: (n,), the expected number of entries from outside.

  Returns:
    (n,), partly NaN or infinite if it cannot be computed.
  """
  if isinstance(chain, np.ndarray):
    moves = _moves(chain)
    leave = moves.sum(axis=1) + exits
    visits, bound = _factorized_visits(moves, leave, entries)
    if bound <= LU_TOLERANCE:
      return _law(visits, Method.DENSE_LU, bound)
    chain = sparse.csr_array(chain)
  visits, bound = _eliminate(chain, exits, entries)
  return _law(visits, Method.ELIMINATION, bound)


def _law(
  masses: np.ndarray, method: law_report.Method, bound: float
) -> law_report.Law:
  return law_report.Law(masses, law_report.relative(method, bound))


def _visits_between(
  chain: sparse.csr_array, hub: int
) -> tuple[np.ndarray, float]:
  """Returns expected visits between two visits of the hub, and their bound."""
  others = np.flatnonzero(np.arange(chain.shape[0]) != hub)
  visits, bound = _eliminate(
    chain[others][:, others],
    chain[others][:, [hub]].sum(axis=1),
    chain[[hub]][:, others].sum(axis=0),
  )
  return np.insert(visits, hub, 1.0), bound


def _moves(chain: np.ndarray) -> np.ndarray:
  """Returns a chain without its diagonal."""
  moves = chain.copy()
  moves.ravel()[:: len(moves) + 1] = 0.0
  return moves


def _factorized_visits(
  moves: np.ndarray, leave: np.ndarray, entries: np.ndarray
) -> tuple[np.ndarray, float]:
  """Returns `expected_visits` by LU, and the bound of its certificate.

  Args:
    moves: (n, n), the probabilities of transitions to other states.
    leave: (n,), the probabilities of leaving each state, to another state or by
      an exit.
    entries: (n,), the expected number of entries from outside.
  """
  if not len(entries):
    return np.zeros(0), 0.0
  is_move = moves > 0
  num_terms = is_move.sum(axis=0).max() + is_move.sum(axis=1).max()
  jumps = moves / leave[:, None]
  system = -jumps.T
  system.ravel(order="F")[:: len(moves) + 1] += 1.0
  factors, pivots, _ = lapack.dgetrf(system, overwrite_a=True)
  with np.errstate(all="ignore"):
    departures, _ = lapack.dgetrs(factors, pivots, entries)
    departures = np.maximum(departures, 0.0)
    steps, _ = lapack.dgetrs(factors, pivots, departures + certificate.FLOOR)
    steps = np.maximum(steps, 0.0)
    bound = certificate.error_bound(
      departures, jumps, entries, steps, int(num_terms)
    )
    return departures / leave, bound


def _eliminate(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> tuple[np.ndarray, float]:
  """Returns `expected_visits` by elimination, and a bound on relative errors.

  The bound is infinite if something underflows even in the number type of the
  machine with the widest range.
  """
  if not len(entries):
    return np.zeros(0), 0.0
  for number in (np.float64, np.longdouble):
    try:
      with np.errstate(under="raise", over="ignore", invalid="ignore"):
        visits, width = _eliminated(chain, exits, entries, number)
    except FloatingPointError:
      continue
    size = len(entries)
    rounding = size * (size + 4) * (width + 6) * law_report.UNIT_ROUNDOFF
    if np.isfinite(visits.sum()):
      return visits, rounding
  with np.errstate(under="ignore", over="ignore", invalid="ignore"):
    return _eliminated(chain, exits, entries, np.longdouble)[0], np.inf


def _eliminated(
  chain: sparse.csr_array,
  exits: np.ndarray,
  entries: np.ndarray,
  number: type[np.floating],
) -> tuple[np.ndarray, int]:
  """Returns `expected_visits` by elimination, and the width of the band.

  From the last state to the first, state k is replaced by shortcuts between the
  states before it, and v_k = (entries_k + sum_{j<k} v_j P_jk) / leave_k. In a
  reverse Cuthill-McKee order the shortcuts are near the diagonal, and only this
  band is stored.
  """
  size = len(entries)
  order = csgraph.reverse_cuthill_mckee(chain)
  exits, entries = exits[order].astype(number), entries[order].astype(number)
  moves = chain[order][:, order].tocoo()
  # The first state with a transition to or from each state ...
  low = np.arange(size)
  places = (moves.row, moves.col)
  np.minimum.at(low, np.maximum(*places), np.minimum(*places))
  # ... or with a shortcut over the states after it.
  low = np.minimum.accumulate(low[::-1])[::-1]
  width = int((np.arange(size) - low).max())
  # Entry (i, j) is at i (2 width + 1) + (j - i) + width in the band.
  band = np.zeros(size * (2 * width + 1) + 1, dtype=number)
  matrix = np.lib.stride_tricks.as_strided(
    band[width:], (size, size), (2 * width * band.itemsize, band.itemsize)
  )
  np.add.at(matrix, places, moves.data.astype(number))

  visits, leave = np.full(size, np.nan, dtype=number), np.empty(size, number)
  least_exit = LEAST_EXIT_DIGITS * np.finfo(number).tiny
  for k in range(size - 1, -1, -1):
    near = slice(low[k], k)
    column, row = matrix[near, k], matrix[k, near]
    leave[k] = row.sum() + exits[k]
    if leave[k] < least_exit:
      return visits, width
    row = row / leave[k]
    matrix[near, near] += np.multiply.outer(column, row)
    exits[near] += column * (exits[k] / leave[k])
    entries[near] += entries[k] * row

  for k in range(size):
    near = slice(low[k], k)
    visits[k] = (entries[k] + (visits[near] * matrix[near, k]).sum()) / leave[k]
  result = np.empty(size, dtype=number)
  result[order] = visits
  return result, width
