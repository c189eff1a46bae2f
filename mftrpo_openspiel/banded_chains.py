"""Finite Markov chains that share few transitions near a diagonal, by band LU.

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
from mftrpo_openspiel import markov_chain

# What LAPACK's dgbtrf gives: the factors in its band storage, and the pivots.
LU = tuple[np.ndarray, np.ndarray]


class BandedChains:
  """The chains of policies under one kernel, and solvers for them.

  A chain is the (E,) array of the probabilities of all transitions that some
  policy makes. Arrays over states and actions are best in Fortran order: with
  few actions, numpy then works along the states.
  """

  def __init__(self, kernel: sparse.csr_array, num_actions: int):
    """Initializes the solver.

    Args:
      kernel: (S * A, S), row s * A + a is the law of the next state.
      num_actions: A.
    """
    size = kernel.shape[1]
    kernel = kernel.tocoo()
    states, actions = np.divmod(kernel.row, num_actions)
    transitions, index = np.unique(
      states * np.int64(size) + kernel.col, return_inverse=True
    )
    self._mixture = sparse.csr_array(
      (kernel.data, (index, actions * size + states)),
      shape=(len(transitions), kernel.shape[0]),
    )
    self._origins, self._targets = np.divmod(transitions, size)
    self._is_move = self._origins != self._targets

    graph = sparse.csr_array(
      (np.ones(len(transitions)), (self._origins, self._targets)),
      shape=(size, size),
    )
    _, self._component = csgraph.connected_components(graph, directed=False)
    # The state of each component whose visits all others are counted between.
    _, self._hubs = np.unique(self._component, return_index=True)
    self._order = csgraph.reverse_cuthill_mckee(graph)
    place = np.empty(size, dtype=np.int64)
    place[self._order] = np.arange(size)
    rows, columns = place[self._targets], place[self._origins]
    self._width = int(np.abs(rows - columns).max())
    # Entry (i, j) lies at (2 width + i - j, j) of LAPACK's band storage, whose
    # columns follow each other in memory.
    self._shape = (3 * self._width + 1, size)
    self._diagonal = 2 * self._width + self._shape[0] * np.arange(size)
    self._entries = self._diagonal[columns] + rows - columns

  def chain(self, policy: np.ndarray) -> np.ndarray:
    """Returns P^pi, (E,), of the (S, A) policy."""
    return self._mixture @ policy.ravel(order="F")

  def discounted_lu(self, chain: np.ndarray, discount: float) -> LU:
    """Returns what `discounted_sum` needs."""
    return self._factorize(discount * chain)

  def discounted_sum(self, lu: LU, stage_values: np.ndarray) -> np.ndarray:
    """Returns (I - gamma P)^-1 x, (S,)."""
    return self._solve(lu, stage_values, transposed=True)

  def cesaro_limit(
    self, chain: np.ndarray, reference: np.ndarray
  ) -> np.ndarray:
    """Returns the limit of the averages of reference . P^n; (S,).

    One LU of the jump chain serves all components of the kernel at once. Where
    a component has states that the chain never leaves, it tells how the masses
    end in them; elsewhere, how often the others are visited between two visits
    of one state, the hub. That is right if the chain gets there soon from
    everywhere; if not, `markov_chain.cesaro_limit` is asked. The hub is where
    the last law of the component was largest, so that the last digits depend
    on what was computed before.

    Args:
      chain: P, (E,).
      reference: (S,), masses that the chain starts from, positive in every
        component.

    Raises:
      ArithmeticError: As `markov_chain.cesaro_limit`.
    """
    size, component = len(reference), self._component
    is_move = self._is_move & (chain >= markov_chain.LEAST_PROBABILITY)
    moves = np.where(is_move, chain, 0.0)
    leave = np.bincount(self._origins, moves, minlength=size)
    is_end = leave == 0.0
    leave[is_end] = 1.0
    has_end = np.zeros(len(self._hubs), dtype=bool)
    has_end[component[is_end]] = True
    hubs = self._hubs[~has_end]
    is_end[hubs] = True
    from_end = is_end[self._origins]
    lu = self._factorize(np.where(from_end, 0.0, moves) / leave[self._origins])

    departures = np.where(from_end, moves, 0.0)
    entries = np.bincount(self._targets, departures, minlength=size)
    ends_here = has_end[component]
    entries[ends_here] = reference[ends_here]
    visits = self._solve(lu, entries, transposed=False) / leave
    visits[hubs] = 1.0
    visits[ends_here & ~is_end] = 0.0
    num_moves = self._solve(lu, np.ones(size), transposed=True)
    mass = np.bincount(component, reference)
    with np.errstate(invalid="ignore", divide="ignore"):
      law = visits * (mass / np.bincount(component, visits))[component]
    # Where they are positive they are the norm of the inverse. The negation
    # holds for NaN as well.
    is_doubtful = ~((num_moves > 0) & (num_moves <= elimination.MOST_MOVES))
    if is_doubtful.any():
      matrix = self._matrix(chain)
      for label in np.unique(component[is_doubtful]):
        states = np.flatnonzero(component == label)
        law[states] = mass[label] * markov_chain.cesaro_limit(
          matrix[states][:, states], reference[states] / mass[label]
        )
    order = np.argsort(law)
    self._hubs[component[order]] = order  # The last one stays.
    return law

  def _matrix(self, chain: np.ndarray) -> sparse.csr_array:
    """Returns an (S, S) array of the (E,) one."""
    size = self._shape[1]
    return sparse.csr_array(
      (chain, (self._origins, self._targets)), shape=(size, size)
    )

  def _factorize(self, weights: np.ndarray) -> LU:
    """Returns the LU of I - W^T, for the (E,) W.

    Where the rows of W sum to at most one this needs no interchange of rows.
    """
    band = np.zeros(self._shape[0] * self._shape[1])
    band[self._entries] = -weights
    band[self._diagonal] += 1.0
    return lapack.dgbtrf(
      band.reshape(self._shape, order="F"),
      self._width,
      self._width,
      overwrite_ab=True,
    )[:2]

  def _solve(self, lu: LU, values: np.ndarray, transposed: bool) -> np.ndarray:
    """Returns x with (I - W^T) x = values, or (I - W) x = values."""
    factors, pivots = lu
    solution, _ = lapack.dgbtrs(
      factors,
      self._width,
      self._width,
      values[self._order],
      pivots,
      trans=transposed,
      overwrite_b=True,
    )
    result = np.empty_like(solution)
    result[self._order] = solution
    return result
