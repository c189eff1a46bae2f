"""Finite Markov chains with few transitions far from a diagonal, by band LU.

In a reverse Cuthill-McKee order the transitions of a grid lie near the
diagonal, and those of several grids side by side no further from it. Discounted
sums and long-run laws of all of them then are one band LU each, whose cost is
linear in the number of states.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import csgraph

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import markov_chain
from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.utils import memo

# What LAPACK's dgbtrf gives: the factors in its band storage, and the pivots.
LU = tuple[np.ndarray, np.ndarray]


class _Classes(NamedTuple):
  """The recurrent classes of a chain.

  Attributes:
    labels: The number of its class for each state, -1 for transient ones.
    number: How many there are.
    transient: The states in none.
  """

  labels: np.ndarray
  number: int
  transient: np.ndarray

  @property
  def is_one(self) -> bool:
    """Whether all states are in one class."""
    return self.number == 1 and not len(self.transient)

  def largest(self, values: np.ndarray) -> np.ndarray:
    """Returns the state of each class where (S,) values are largest."""
    if self.is_one:
      return values.argmax(keepdims=True)
    order = np.argsort(values)
    order = order[self.labels[order] >= 0]
    states = np.zeros(self.number, dtype=np.int64)
    states[self.labels[order]] = order  # The last one stays.
    return states

  def sums(self, masses: np.ndarray) -> np.ndarray | float:
    """Returns for each state the mass of its class, 1 for transient ones."""
    if self.is_one:
      return masses.sum()
    sums = np.bincount(self.labels + 1, masses)
    sums[0] = 1.0
    return sums[self.labels + 1]


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
    self._num_components, self._component = csgraph.connected_components(
      graph, directed=False
    )
    counts = np.bincount(self._targets), np.diff(self._indptr)
    self._num_terms = sum(int(count.max()) for count in counts)
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

  @np.errstate(all="ignore")
  def cesaro_limit(
    self, chain: np.ndarray, reference: np.ndarray
  ) -> tuple[np.ndarray, law_report.Report]:
    """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

    One LU serves all recurrent classes at once, and tells how much time is
    spent in each state between two visits of one of its class, the hub; another
    one, where the masses of transient states end. They take the moves alone, so
    that states which are hardly ever left cost no digits. Where their
    `certificate` fails, `markov_chain.cesaro_limit` is asked, and eliminates.

    Args:
      chain: P, (E,).
      reference: (S,), masses that the chain starts from.

    Returns:
      (S,), and how well it is known.

    Raises:
      ArithmeticError: As `markov_chain.cesaro_limit`.
    """
    classes, shares, errors = self._shares_of(chain)
    ended, bounds = reference, np.zeros(self._num_components)
    moving = reference[classes.transient]
    if len(moving) and moving.any():
      moves, leave = self._departures(self._moves(chain), classes.labels < 0)
      ended, absorbed = self._visits(
        moves, leave, reference, self._component, self._num_components
      )
      parts = self._component[classes.transient[moving > 0]]
      bounds[parts] = absorbed[parts]
    mass = classes.sums(ended)
    law = np.where(mass > 0, mass * shares, 0.0)
    # Sums of masses are off as well, first in states and then in classes.
    rounding = 2 * len(law) * law_report.UNIT_ROUNDOFF
    bound = float(errors.max() + bounds.max() + rounding)
    if bound <= elimination.LU_TOLERANCE:
      return law, law_report.relative(law_report.Method.BAND_LU, bound)

    worst = np.zeros(self._num_components)
    counts = (classes.labels >= 0) & (mass > 0)
    np.maximum.at(
      worst, self._component[counts], errors[classes.labels[counts]]
    )
    bounds += worst + rounding
    is_doubtful = bounds > elimination.LU_TOLERANCE
    report = law_report.Report()
    if not is_doubtful.all():
      bound = float(bounds[~is_doubtful].max())
      report = law_report.relative(law_report.Method.BAND_LU, bound)
    for label in np.flatnonzero(is_doubtful):
      states = np.flatnonzero(self._component == label)
      total = reference[states].sum()
      part, part_report = markov_chain.cesaro_limit(
        self._matrix(chain)[states][:, states],
        reference[states] / total,
        may_factorise=False,
      )
      law[states] = total * part
      report = report.beside(part_report.with_rounding(rounding))
    return law, report

  def _moves(self, chain: np.ndarray) -> np.ndarray:
    """Returns (E,): the probabilities of moves to other states, 0 elsewhere."""
    return chain * (self._is_move & (chain >= markov_chain.LEAST_PROBABILITY))

  def _find_classes(self, is_made: np.ndarray) -> _Classes:
    """Returns the recurrent classes.

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
    numbers = np.where(is_closed, np.cumsum(is_closed) - 1, -1)
    labels = numbers[parts]
    return _Classes(labels, int(numbers.max()) + 1, np.flatnonzero(labels < 0))

  def _find_shares(
    self, chain: np.ndarray
  ) -> tuple[_Classes, np.ndarray, np.ndarray]:
    """Returns the recurrent classes and the law of each class.

    Returns:
      The classes; (S,), which sums to one in each class and is 0 in transient
      states; and for each class, a bound of the relative errors of its law.
    """
    moves = self._moves(chain)
    classes = self._classes_of(moves > 0)
    is_recurrent = None if classes.is_one else classes.labels >= 0
    moves, leave = self._departures(moves, is_recurrent)
    # The state of each class with most of this is visited often, it is hoped.
    shares = np.bincount(self._targets, chain, minlength=len(leave))
    for _ in range(2):
      hubs = classes.largest(shares)
      is_hub = np.zeros(len(leave), dtype=bool)
      is_hub[hubs] = True
      from_hub = moves * is_hub[self._origins]
      entries = np.bincount(self._targets, from_hub, minlength=len(leave))
      shares, bounds = self._visits(
        moves - from_hub, leave, entries, classes.labels, classes.number
      )
      shares[hubs] = 1.0
      shares /= classes.sums(shares)
      errors = 2 * bounds
      if errors.max() <= elimination.LU_TOLERANCE:
        break
    return classes, shares, errors

  def _departures(
    self, moves: np.ndarray, is_inner: np.ndarray | None
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the moves from inner states, and how these are left.

    Args:
      moves: (E,), what `_moves` returns.
      is_inner: (S,) of bool; None if all are.

    Returns:
      (E,), 0 from other states; and (S,), 1 for those that are not left.
    """
    if is_inner is not None:
      moves = moves * is_inner[self._origins]
    leave = np.bincount(self._origins, moves, minlength=self._shape[1])
    leave[leave == 0.0] = 1.0
    return moves, leave

  def _visits(
    self,
    moves: np.ndarray,
    leave: np.ndarray,
    entries: np.ndarray,
    groups: np.ndarray,
    num_groups: int,
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns x with (D - W)^T x = entries, and how well.

    Args:
      moves: W, (E,).
      leave: The diagonal of D, (S,).
      entries: (S,), not negative.
      groups: (S,), the numbers of parts of the chain.
      num_groups: How many they are.

    Returns:
      (S,); and for each part, a bound of the relative errors.
    """
    lu = self._factorize(leave, moves)
    visits = np.maximum(self._solve(lu, entries), 0.0)
    departures = leave * visits
    steps = self._solve(lu, departures + certificate.FLOOR)
    steps = np.maximum(steps, 0.0)
    proofs, lengths = certificate.errors(
      departures,
      self._inflow(moves, visits),
      entries,
      leave * steps,
      self._inflow(moves, steps),
      self._num_terms,
    )
    bound = certificate.error_bound(proofs, lengths)
    if num_groups == 1 or bound <= elimination.LU_TOLERANCE / 2:
      return visits, np.full(num_groups, bound)
    parts = (groups == group for group in range(num_groups))
    return visits, np.array(
      [certificate.error_bound(proofs[part], lengths[part]) for part in parts]
    )

  def _inflow(self, moves: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Returns (S,): by how many moves each state is entered."""
    onward = moves * visits[self._origins]
    return np.bincount(self._targets, onward, minlength=len(visits))

  def _matrix(self, chain: np.ndarray) -> sparse.csr_array:
    """Returns an (S, S) array of the (E,) one."""
    size = len(self._indptr) - 1
    return sparse.csr_array((chain, self._targets, self._indptr), (size, size))

  def _factorize(self, diagonal: np.ndarray, weights: np.ndarray) -> LU:
    """Returns the LU of (D - W)^T, for the (S,) diagonal of D and the (E,) W.

    No row of W sums to more than that of D, and so no rows are interchanged,
    unless rounding makes it seem so.
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
