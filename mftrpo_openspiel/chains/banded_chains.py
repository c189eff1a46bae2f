"""Band LU for finite Markov chains whose transitions are near the diagonal.

In a reverse Cuthill-McKee order, the transitions of a grid are near the
diagonal, and several separate grids do not increase the bandwidth. Discounted
sums and long-run laws then take one band LU each, whose cost is linear in the
number of states.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csgraph

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import elimination
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.utils import memo

# Number of policies whose LU is cached.
MAX_KEPT = 32
# Computes laws for which band LU fails. Dense LU would probably fail, too, and
# is not tried.
FALLBACK = long_run_law.LongRunLaws(max_dense_states=0)
# The result of LAPACK's dgbtrf: factors in its band storage, and the pivots.
LU = tuple[np.ndarray, np.ndarray]


class _Classes(NamedTuple):
  """The recurrent classes of a chain.

  Attributes:
    labels: The index of the class of each state, -1 for transient states.
    number: Number of classes.
    transient: The transient states.
  """

  labels: np.ndarray
  number: int
  transient: np.ndarray

  @property
  def is_one(self) -> bool:
    """Whether all states are in one class."""
    return self.number == 1 and not len(self.transient)

  def largest(self, values: np.ndarray) -> np.ndarray:
    """Returns the state of each class with the largest of (S,) values."""
    if self.is_one:
      return np.array([values.argmax()])
    order = np.argsort(values)
    order = order[self.labels[order] >= 0]
    states = np.zeros(self.number, dtype=np.int64)
    states[self.labels[order]] = order  # The last assignment is kept.
    return states

  def sums(self, masses: np.ndarray) -> np.ndarray | float:
    """Returns for each state the mass of its class, 1 for transient states."""
    if self.is_one:
      return masses.sum()
    sums = np.bincount(self.labels + 1, masses)
    sums[0] = 1.0
    return sums[self.labels + 1]


class BandedChains:
  """The chains of policies under one kernel, and solvers for them.

  Attributes:
    width: The bandwidth: largest distance of transitions from the diagonal.
  """

  def __init__(
    self,
    kernel: transition_kernel.TransitionKernel,
    fallback: long_run_law.LongRunLaws = FALLBACK,
  ):
    """Initializes the solver.

    Args:
      kernel: The transition kernel.
      fallback: Computes laws for which band LU fails.
    """
    self._kernel, self._fallback = kernel, fallback
    self._origins, self._targets = kernel.origins, kernel.targets
    self._is_move = self._origins != self._targets
    self._chain_of = memo.Memo(kernel.probabilities)
    self._classes_of = memo.Memo(self._find_classes)
    self._shares_of = memo.Memo(self._find_shares)
    # The uniform policy, from which algorithms start, and greedy policies occur
    # many times while the mean field changes.
    self.discounted_lu = memo.Memo(self.factorize_discounted, MAX_KEPT)

    graph = kernel.as_matrix(np.ones(len(self._targets)))
    self._num_components, self._component = csgraph.connected_components(
      graph, directed=False
    )
    self._num_terms = jump_chain.num_terms(graph)
    orders: list[np.ndarray] = [
      np.arange(kernel.num_states),
      csgraph.reverse_cuthill_mckee(graph),
    ]
    # The state at each position of the order, and the position of each state.
    self._state_at = min(orders, key=lambda order: self._offsets(order)[2])
    self._place_of = np.argsort(self._state_at)
    origins, targets, self.width = self._offsets(self._state_at)
    # Entry (i, j) is at (2 width + i - j, j) of LAPACK's band storage, which is
    # in column-major order.
    self._shape = (3 * self.width + 1, kernel.num_states)
    diagonal = 2 * self.width + self._shape[0] * np.arange(kernel.num_states)
    self._diagonal = diagonal[self._place_of]
    self._entries = diagonal[origins] + targets - origins

  def _offsets(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns the positions of origins and targets, and the bandwidth."""
    place = np.argsort(order)
    origins, targets = place[self._origins], place[self._targets]
    return origins, targets, int(np.abs(origins - targets).max())

  def factorize_discounted(self, policy: np.ndarray, discount: float) -> LU:
    """Returns the LU of (I - gamma P^pi)^T, without interchange of rows."""
    chain = self._chain_of(policy)
    return self._factorize(np.ones(self._shape[1]), discount * chain)

  def discounted_sum(self, lu: LU, stage_values: np.ndarray) -> np.ndarray:
    """Returns (I - gamma P)^-1 x, (S,), by the `discounted_lu`."""
    return self._solve(lu, stage_values, transposed=True)

  @np.errstate(all="ignore")
  def cesaro_limit(
    self, policy: np.ndarray, reference: np.ndarray
  ) -> law_report.Law:
    """Returns the limit of the averages of reference . P^n, n = 0, 1, ...

    One LU is used for all recurrent classes at once. It gives the expected time
    in each state between two visits of one state of its class, the hub. Another
    LU gives the classes in which the masses of transient states end. Both use
    only the transitions to other states, so that states which are rarely left
    cause no loss of accuracy. Laws that the `certificate` does not prove to be
    accurate are computed by the fallback.

    Args:
      policy: (S, A).
      reference: (S,), the initial masses of the chain.

    Raises:
      ArithmeticError: As `LongRunLaws.cesaro_limit`.
    """
    classes, shares, errors = self._shares_of(policy)
    ended, bounds = reference, np.zeros(self._num_components)
    moving = reference[classes.transient]
    if len(moving) and moving.any():
      chain = self._chain_of(policy)
      moves, leave = self._departures(self._moves(chain), classes.labels < 0)
      ended, absorbed = self._visits(
        moves, leave, reference, self._component, self._num_components
      )
      parts = self._component[classes.transient[moving > 0]]
      bounds[parts] = absorbed[parts]
    mass = classes.sums(ended)
    law = np.where(mass > 0, mass * shares, 0.0)
    # The rounding errors of sums of masses, in states and then in classes.
    rounding = 2 * len(law) * law_report.UNIT_ROUNDOFF
    bound = float(errors.max() + bounds.max() + rounding)
    if bound <= elimination.LU_TOLERANCE:
      return law_report.Law(law, _band_report(bound))

    worst = np.zeros(self._num_components)
    counts = (classes.labels >= 0) & (mass > 0)
    np.maximum.at(
      worst, self._component[counts], errors[classes.labels[counts]]
    )
    bounds += worst + rounding
    is_doubtful = bounds > elimination.LU_TOLERANCE
    report = law_report.Report()
    if not is_doubtful.all():
      report = _band_report(float(bounds[~is_doubtful].max()))
    matrix = self._kernel.chain(policy)
    for label in np.flatnonzero(is_doubtful):
      states = np.flatnonzero(self._component == label)
      total = reference[states].sum()
      part = self._fallback.cesaro_limit(
        matrix[states][:, states], reference[states] / total
      )
      law[states] = total * part.masses
      report = report.beside(part.report.with_rounding(rounding))
    return law_report.Law(law, report)

  def _moves(self, chain: np.ndarray) -> np.ndarray:
    """Returns (E,): the chain without its diagonal and rare transitions."""
    return chain * (self._is_move & (chain >= long_run_law.LEAST_PROBABILITY))

  def _find_classes(self, is_made: np.ndarray) -> _Classes:
    """Returns the recurrent classes, given which (E,) transitions occur."""
    graph = self._kernel.as_matrix(is_made.astype(np.float64)).copy()
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
    self, policy: np.ndarray
  ) -> tuple[_Classes, np.ndarray, np.ndarray]:
    """Returns the recurrent classes and the law of each class.

    Returns:
      The classes; their laws, (S,), which sum to one in each class and are 0 in
      transient states; and for each class, a bound on the relative errors of
      its law.
    """
    chain = self._chain_of(policy)
    moves = self._moves(chain)
    classes = self._classes_of(moves > 0)
    is_recurrent = None if classes.is_one else classes.labels >= 0
    moves, leave = self._departures(moves, is_recurrent)
    # In each class, the state with the largest value is usually visited often.
    shares: np.ndarray = np.bincount(self._targets, chain, minlength=len(leave))
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
    """Returns the transitions from inner states, and their sums per state.

    Args:
      moves: (E,), the result of `_moves`.
      is_inner: (S,) of bool, the inner states; None for all.

    Returns:
      (E,), `moves` from inner states, 0 from other states; and (S,), the
      probability of leaving each state, replaced by 1 where it is 0.
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
    """Returns x with (D - W)^T x = entries, and error bounds.

    Args:
      moves: W, (E,).
      leave: The diagonal of D, (S,).
      entries: (S,), not negative.
      groups: (S,), the part of the chain to which each state belongs.
      num_groups: Number of parts.

    Returns:
      x, (S,); and for each part, a bound on the relative errors.
    """
    lu = self._factorize(leave, moves)
    visits = np.maximum(self._solve(lu, entries), 0.0)
    departures = leave * visits
    steps = self._solve(lu, departures + certificate.FLOOR)
    steps = np.maximum(steps, 0.0)
    proofs, lengths = certificate.quotients(
      departures,
      self._inflow(moves, visits),
      entries,
      leave * steps,
      self._inflow(moves, steps),
      self._num_terms,
    )
    bound = certificate.bound_of_part(proofs, lengths)
    if num_groups == 1 or bound <= elimination.LU_TOLERANCE / 2:
      return visits, np.full(num_groups, bound)
    parts = (groups == group for group in range(num_groups))
    return visits, np.array(
      [certificate.bound_of_part(proofs[part], lengths[part]) for part in parts]
    )

  def _inflow(self, moves: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Returns (S,): the expected number of transitions into each state."""
    onward = moves * visits[self._origins]
    return np.bincount(self._targets, onward, minlength=len(visits))

  def _factorize(self, diagonal: np.ndarray, weights: np.ndarray) -> LU:
    """Returns the LU of (D - W)^T, for the (S,) diagonal of D and the (E,) W.

    The sum of a row of W is at most the diagonal entry of D, so no rows are
    interchanged, except because of rounding errors.
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


def _band_report(bound: float) -> law_report.Report:
  return law_report.relative(law_report.Method.BAND_LU, bound)
