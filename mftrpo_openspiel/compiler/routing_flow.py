"""The flow of a policy through a routing game, time by time.

Waiting times are computed on the way. X(t, c) is the mass of cars that choose
at time t in cell c. At time t, the cars on a link k are those that have just
entered it, and those in X(t + w, c), w = 0, 1, ..., T - 1, for all cells c of
the link. Nodes receive this sum, which is computed in OpenSpiel's order. Only
times at which a car may choose are considered.
"""

import numpy as np

from mftrpo_openspiel.compiler import routing_arrays
from mftrpo_openspiel.compiler import routing_states


class Play:
  """The events that are reached, and the masses of states, for one policy.

  Attributes:
    waits: (T, K), the waiting times at times at which cars may enter a link.
    events: The choices that are reached, in order of time.
  """

  def __init__(
    self,
    arrays: routing_arrays.RoutingArrays,
    policy: np.ndarray | None = None,
    waits: np.ndarray | None = None,
    start: np.ndarray | None = None,
  ):
    """Simulates the game.

    Args:
      arrays: The game.
      policy: (N, A); None if masses are not needed.
      waits: (T, K), the waiting times; by default those that result from the
        masses.
      start: (N,) of bool, the states in which plays start instead of the
        initial states. No choice has then a mass above 1.
    """
    self._arrays = arrays
    shape = arrays.horizon, arrays.states.num_cells
    # Cars that would choose at 2 T or later do not occur in distributions
    # before the end.
    self._choosing = np.zeros((2 * shape[0] + 1, shape[1]))
    self._is_met = np.zeros(shape, dtype=bool)
    self._is_due = [not arrays.states.tells_waits_apart] * shape[0]
    # The rows that receive masses, and these masses.
    self._rows: list[np.ndarray] = []
    self._masses: list[np.ndarray] = []
    self._finds_waits = waits is None
    if waits is None:
      waits = np.zeros((shape[0], arrays.num_links), dtype=int)
    self.waits: np.ndarray = waits
    self.events: list[routing_arrays.Event] = []
    self._most = np.inf if start is None else 1.0
    self._begin(start is None)
    if start is not None:
      self._add_start(start)
    plays = None if policy is None else policy.ravel()
    for time in range(shape[0]):
      if self._is_due[time]:
        self._choose(time, plays)

  def mean_field(self) -> np.ndarray:
    """Returns (N,): the masses of the states."""
    return self._arrays.spread(self._rows, self._masses)

  def _begin(self, has_masses: bool) -> None:
    """Starts the trips, with mass 0 if plays start elsewhere."""
    states, num_links = self._arrays.states, self._arrays.num_links
    for trip in states.network.trips:
      cell = trip.destination * num_links + trip.origin
      share = trip.share if has_masses else 0.0
      time = min(trip.waiting_time, len(self._choosing) - 1)
      self._choosing[time, cell] += share
      if time < self._arrays.horizon:
        self._is_met[time, cell] = True
        self._is_due[time] = True
      if states.tells_waits_apart:
        row = states.waiting_rows[0, [cell], trip.waiting_time]
        self._add(row, np.array([share]))

  def _add_start(self, start: np.ndarray) -> None:
    """Starts plays in the states `start`, (N,) of bool."""
    arrays, states = self._arrays, self._arrays.states
    nodes, num_links = states.nodes, arrays.num_links
    rows = np.flatnonzero(start)
    decided = np.where(nodes.is_told, arrays.after, -1)[rows]
    rows = np.where(decided < 0, rows, decided)
    self._add(rows, np.ones(len(rows)))
    last = len(self._choosing) - 1
    for kind, waits in (
      (routing_states.UNDERWAY, nodes.wait),
      (routing_states.ENTERING, self.waits[nodes.time, nodes.link]),
    ):
      here = rows[nodes.kind[rows] == kind]
      times = np.minimum(nodes.time + waits, last)[here]
      cells = (nodes.destination * num_links + nodes.link)[here]
      self._choosing[times, cells] = 1.0
      if states.tells_waits_apart:
        later = states.waiting_rows[nodes.time[here], cells, waits[here]]
        self._add(later, np.ones(len(here)))
      else:
        # They may have any destination, and wait longer.
        by_link = self._choosing.reshape(last + 1, -1, num_links)
        is_one = (kind == routing_states.UNDERWAY) & (nodes.wait[here] == 0)
        for row in here[~is_one].tolist():
          by_link[nodes.time[row] :, :, nodes.link[row]] = 1.0

  def _add(self, rows: np.ndarray, masses: np.ndarray) -> None:
    """Records masses that rows receive."""
    self._rows.append(rows)
    self._masses.append(masses)

  def _choose(self, time: int, plays: np.ndarray | None) -> None:
    """Processes all choices at a time."""
    arrays, states = self._arrays, self._arrays.states
    moves = arrays.moves(time, self._is_met[time])
    arriving: np.ndarray = np.zeros(states.num_cells + 2 * arrays.num_links)
    if plays is not None:
      masses = np.minimum(self._choosing[time, moves.cells], self._most)
      weights = masses.repeat(moves.counts) * plays[moves.places]
      arriving = np.bincount(moves.targets, weights, minlength=arriving.size)
      if not states.tells_waits_apart:
        self._add(moves.rows, masses)
    waiting = self._who_waits(time, plays is not None)
    later = min(time + 1, arrays.horizon - 1)
    if self._finds_waits and later > time:
      entering = arriving[: states.num_cells].reshape(-1, arrays.num_links)
      self.waits[later] = states.waits(self._shares(entering, waiting))
    event = arrays.event(moves, self.waits[later])
    self._is_met[event.met] = True
    for each in event.due:
      self._is_due[each] = True
    if plays is not None:
      self._choosing[event.again, moves.next_cells] += arriving[
        moves.next_cells
      ]
      self._add(event.rows, arriving[event.sources])
    if moves.cells.size:
      self.events.append(event)

  def _who_waits(self, time: int, has_masses: bool) -> np.ndarray:
    """Returns the masses of waiting cars, by cells or summed over links."""
    arrays, horizon = self._arrays, self._arrays.horizon
    told = self._choosing[time + 1 : time + 1 + horizon]
    told = told.reshape(-1, arrays.num_links)
    if arrays.states.tells_waits_apart or not has_masses:
      return told
    later = self._choosing[time + 1 + horizon :].reshape(-1, arrays.num_links)
    sums = np.stack([told.sum(axis=0), later.sum(axis=0)])
    rows = arrays.states.waiting_rows[time]
    self._add(rows[rows >= 0], sums[rows >= 0])
    return sums[:1]

  def _shares(self, entering: np.ndarray, waiting: np.ndarray) -> np.ndarray:
    """Returns (K,): the fraction of cars on each link."""
    if self._arrays.states.tells_waits_apart:
      # NumPy adds rows one after the other, as OpenSpiel does.
      return np.concatenate([entering, waiting]).sum(axis=0)
    return entering.sum(axis=0) + waiting[0]
