"""Finite Markov chains with few transitions far from a diagonal, by band LU.

In a reverse Cuthill-McKee order the transitions of a grid lie near the
diagonal, and those of several grids side by side no further from it. Discounted
sums and long-run laws of all of them then are one band LU each, whose cost is
linear in the number of states.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

from mftrpo_openspiel import elimination
from mftrpo_openspiel import large_chain
from mftrpo_openspiel import markov_chain
from mftrpo_openspiel import memo
from mftrpo_openspiel import policy_kernel

# What LAPACK's dgbtrf gives: the factors in its band storage, and the pivots.
LU = tuple[np.ndarray, np.ndarray]


class BandedChains:
  """The chains of policies under one kernel, and solvers for them.

  A chain is the (E,) array of the probabilities of all transitions that some
  policy makes. Arrays over states and actions are best in Fortran order: with
  few actions, numpy then works along the states.

  Attributes:
    width: How far from the diagonal transitions lie.
  """

  def __init__(self, kernel: sparse.csr_array, num_actions: int):
    """Initializes the solver.

    Args:
      kernel: (S * A, S), row s * A + a is the law of the next state; canonical.
      num_actions: A.
    """
    size = kernel.shape[1]
    mixer = policy_kernel.PolicyKernel(kernel, num_actions)
    mixture, self._targets, self._indptr = mixer.mixture
    self._origins = np.repeat(np.arange(size), np.diff(self._indptr))
    states, actions = np.divmod(mixture.indices, num_actions)
    self._mixture = sparse.csr_array(
      (mixture.data, actions * size + states, mixture.indptr), mixture.shape
    )
    self._is_move = self._origins != self._targets
    self._chain_of = memo.Memo(self._mix)
    self._classes_of = memo.Memo(self._find_classes)
    self._shares_of = memo.Memo(self._find_shares)

    graph = self._matrix(np.ones(len(self._targets)))
    _, self._component = csgraph.connected_components(graph, directed=False)
    orders = np.arange(size), csgraph.reverse_cuthill_mckee(graph)
    order = min(orders, key=lambda order: self._offsets(order)[2])
    # Which state comes at a place, and at which place a state comes.
    self._state_at, self._place_of = order, np.argsort(order)
    origins, targets, self.width = self._offsets(order)
    # Entry (i, j) lies at (2 width + i - j, j) of LAPACK's band storage, whose
    # columns follow each other in memory.
    self._shape = (3 * self.width + 1, size)
    diagonal = 2 * self.width + self._shape[0] * np.arange(size)
    self._diagonal = diagonal[self._place_of]
    self._entries = diagonal[origins] + targets - origins

  def _offsets(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns where transitions begin and end, and how far that is at most."""
    place = np.argsort(order)
    origins, targets = place[self._origins], place[self._targets]
    return origins, targets, int(np.abs(origins - targets).max())

  def chain(self, policy: np.ndarray) -> np.ndarray:
    """Returns P^pi, (E,), of the (S, A) policy; not to be written to."""
    return self._chain_of(policy)

  def _mix(self, policy: np.ndarray) -> np.ndarray:
    """Returns `chain` by computation."""
    return self._mixture @ policy.ravel(order="F")

  def discounted_lu(self, chain: np.ndarray, discount: float) -> LU:
    """Returns the LU of (I - gamma P)^T, whose rows are not interchanged."""
    return self._factorize(np.ones(self._shape[1]), discount * chain)

  def discounted_sum(self, lu: LU, stage_values: np.ndarray) -> np.ndarray:
    """Returns (I - gamma P)^-1 x, (S,)."""
    return self._solve(lu, stage_values, transposed=True)

  def cesaro_limit(
    self,
    chain: np.ndarray,
    reference: np.ndarray,
    report: markov_chain.Report | None = None,
  ) -> np.ndarray:
    """Returns the limit of the averages of reference . P^n; (S,).

    One LU serves all recurrent classes at once, and tells how much time is
    spent in each state between two visits of one of its class, the hub; another
    one, where the masses of transient states end. They take the moves alone, so
    that states which are hardly ever left cost no digits, and are right where
    the hub or the end comes soon; elsewhere `markov_chain.cesaro_limit` is
    asked.

    Args:
      chain: P, (E,).
      reference: (S,), masses that the chain starts from.
      report: Is told how.

    Raises:
      ArithmeticError: As `markov_chain.cesaro_limit`.
    """
    report = report or markov_chain.Report()
    report.method = large_chain.Method.BAND_LU
    report.consistency_residual = None
    labels, shares = self._shares_of(chain)
    is_transient = labels < 0
    is_doubtful = np.isnan(shares)
    ended = reference
    if reference[is_transient].any():
      moves, leave = self._departures(self._moves(chain), is_transient)
      lu = self._law_lu(moves, leave)
      is_doubtful |= is_transient & self._is_far(lu, leave)
      ended = self._solve(lu, reference)
    mass = _sums(labels, ended)
    law = np.where(mass > 0, mass * shares, 0.0)
    if is_doubtful.any():
      matrix = self._matrix(chain)
      for label in np.unique(self._component[is_doubtful]):
        states = np.flatnonzero(self._component == label)
        total = reference[states].sum()
        if total > 0:
          law[states] = total * markov_chain.cesaro_limit(
            matrix[states][:, states], reference[states] / total, report
          )
    return law

  def _moves(self, chain: np.ndarray) -> np.ndarray:
    """Returns (E,): the probabilities of moves to other states, 0 elsewhere."""
    return chain * (self._is_move & (chain >= markov_chain.LEAST_PROBABILITY))

  def _find_classes(self, is_made: np.ndarray) -> np.ndarray:
    """Returns for each state the number of its recurrent class, or -1.

    Args:
      is_made: (E,) of bool: the moves to other states that are made.
    """
    graph = self._matrix(is_made.astype(np.float64)).copy()
    graph.eliminate_zeros()
    num_parts, parts = csgraph.connected_components(
      graph, directed=True, connection="strong"
    )
    origins, targets = parts[self._origins], parts[self._targets]
    is_closed = np.ones(num_parts, dtype=bool)
    is_closed[origins[is_made & (origins != targets)]] = False
    return np.where(is_closed, np.cumsum(is_closed) - 1, -1)[parts]

  def _find_shares(self, chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the recurrent class of each state, and the law of each class.

    Returns:
      (S,), -1 for transient states; and (S,), which sums to one in each class,
      is 0 in transient states and NaN in classes where LU cannot tell.
    """
    moves = self._moves(chain)
    labels = self._classes_of(moves > 0)
    is_recurrent = labels >= 0
    moves, leave = self._departures(moves, is_recurrent)
    hubs = np.zeros(labels.max() + 1, dtype=np.int64)
    # The state of each class with most of this is visited often, it is hoped.
    shares = np.bincount(self._targets, chain, minlength=len(labels))
    for _ in range(2):
      order = np.argsort(shares)
      order = order[is_recurrent[order]]
      hubs[labels[order]] = order  # The last one stays.
      is_hub = np.zeros(len(labels), dtype=bool)
      is_hub[hubs] = True
      from_hub = moves * is_hub[self._origins]
      lu = self._law_lu(moves - from_hub, leave)
      entries = np.bincount(self._targets, from_hub, minlength=len(labels))
      shares = self._solve(lu, entries)
      shares[hubs] = 1.0
      with np.errstate(invalid="ignore"):
        shares /= _sums(labels, shares)
      is_far = is_recurrent & self._is_far(lu, leave)
      if not is_far.any() or not np.isfinite(shares).all():
        break
    if is_far.any():
      shares[np.isin(labels, labels[is_far])] = np.nan
    return labels, shares

  def _departures(
    self, moves: np.ndarray, is_inner: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the moves from inner states, and how these are left.

    Args:
      moves: (E,), what `_moves` returns.
      is_inner: (S,) of bool.

    Returns:
      (E,), 0 from other states; and (S,), 1 for those that are not left.
    """
    if not is_inner.all():
      moves = moves * is_inner[self._origins]
    leave = np.bincount(self._origins, moves, minlength=len(is_inner))
    leave[leave == 0.0] = 1.0
    return moves, leave

  def _is_far(self, lu: LU, leave: np.ndarray) -> np.ndarray:
    """Returns (S,) of bool: from where the end takes too many moves for LU."""
    num_moves = self._solve(lu, leave, transposed=True)
    # Where they are positive they are the norm of the inverse. The negation
    # holds for NaN as well.
    return ~((num_moves > 0) & (num_moves <= elimination.MOST_MOVES))

  def _matrix(self, chain: np.ndarray) -> sparse.csr_array:
    """Returns an (S, S) array of the (E,) one."""
    size = len(self._indptr) - 1
    return sparse.csr_array((chain, self._targets, self._indptr), (size, size))

  def _law_lu(self, moves: np.ndarray, leave: np.ndarray) -> LU:
    """Returns the LU of (D - W)^T, where D has `leave` and W the `moves`."""
    return self._factorize(leave, moves)

  def _factorize(self, diagonal: np.ndarray, weights: np.ndarray) -> LU:
    """Returns the LU of (D - W)^T, for the (S,) diagonal of D and the (E,) W.

    No row of W sums to more than that of D, and so no rows are interchanged.
    """
    band = np.zeros(self._shape[0] * self._shape[1])
    band[self._entries] = -weights
    band[self._diagonal] += diagonal
    return lapack.dgbtrf(
      band.reshape(self._shape, order="F"),
      self.width,
      self.width,
      overwrite_ab=True,
    )[:2]

  def _solve(
    self, lu: LU, values: np.ndarray, transposed: bool = False
  ) -> np.ndarray:
    """Returns the (S,) x with M x = values, or M^T x = values, for LU = M."""
    factors, pivots = lu
    solution, _ = lapack.dgbtrs(
      factors,
      self.width,
      self.width,
      values[self._state_at],
      pivots,
      trans=transposed,
      overwrite_b=True,
    )
    return solution[self._place_of]


def _sums(labels: np.ndarray, masses: np.ndarray) -> np.ndarray:
  """Returns for each state the mass of its class, 1 for transient ones."""
  sums = np.bincount(labels + 1, masses)
  sums[0] = 1.0
  return sums[labels + 1]
