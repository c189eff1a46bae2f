"""The states of a routing game, found without enumerating the game.

A car on link k with destination d is in cell c = d * K + k, of C cells. At time
t a car that waits w steps in cell c chooses its next link at time t + w. The
states of the model are

* for each time t the decision nodes: of cars that continue (w = 0), of cars
  that wait, and of cars that have arrived or are in another sink;
* for each time t >= 1 the mean-field nodes: of cars that have just entered a
  link, and do not know yet how long they wait, and of all other cars.

All nodes that can be reached, for any distributions that nodes receive, are
found in advance. If there are too many, states are aggregated: cars that do not
continue are not distinguished by waiting time and destination, nor by the time
of arrival. A state then has the total mass of these cars on a link. This is
sufficient, because nodes receive no more than these totals, and these cars have
no choice. The mean-field nodes are then those of cars that have just entered a
link; the masses that nodes receive about other cars are those of the decision
nodes before.
"""

from collections.abc import Iterator
import dataclasses

import numpy as np

from mftrpo_openspiel.compiler import road_network

# Above this number of states, states are aggregated.
MAX_STATES = 20_000
# The largest number of entries in the tables for counting states.
_MAX_ENTRIES = 10**7


@dataclasses.dataclass(frozen=True, eq=False)
class Ways:
  """The E moves of cars out of P cells.

  Attributes:
    cells: (P,), the cells that a car can leave.
    begins: (P,), the first move of each of these cells.
    counts: (P,), the number of moves of each of these cells.
    origins: (E,), the cell of each move.
    actions: (E,), the action of each move.
    targets: (E,), where each move leads: to a cell; to C + k for a car that
      arrives at link k, its destination; to C + K + k in another sink.
  """

  cells: np.ndarray
  begins: np.ndarray
  counts: np.ndarray
  origins: np.ndarray
  actions: np.ndarray
  targets: np.ndarray


def ways_through(network: road_network.RoadNetwork) -> Ways:
  """Returns all moves in a network."""
  num_links, num_destinations = len(network.names), len(network.destinations)
  num_cells = num_links * num_destinations
  moves = []
  for destination, end in enumerate(network.destinations):
    for link, successors in enumerate(network.successors):
      for target in successors:
        place = destination * num_links + target
        if target == end:
          place = num_cells + target
        elif not network.successors[target]:
          place = num_cells + num_links + target
        moves.append((destination * num_links + link, target + 1, place))
  origins, actions, targets = np.array(moves).T
  cells, begins, counts = np.unique(
    origins, return_index=True, return_counts=True
  )
  return Ways(cells, begins, counts, origins, actions, targets)


@dataclasses.dataclass(frozen=True, eq=False)
class Reach:
  """What cars can reach.

  Attributes:
    waiting: For each time, (C, W) of bool, whether a car in a cell may wait w
      steps; the last entry stands for W - 1 or more steps if `is_capped`.
    entering: (T, C) of bool, whether a car may have just entered a cell.
    arriving: (T, K) of bool, whether a car may choose, at a time, a link that
      is its destination.
    leaving: (T, K) of bool, the same for other sinks.
  """

  waiting: list[np.ndarray]
  entering: np.ndarray
  arriving: np.ndarray
  leaving: np.ndarray


def reach(
  network: road_network.RoadNetwork,
  ways: Ways,
  waits: road_network.WaitingTimes,
  width: int,
  is_capped: bool,
) -> Reach:
  """Returns what cars can reach, with `width` waiting times."""
  num_links, horizon = len(network.names), network.horizon
  num_cells = num_links * len(network.destinations)
  feasible = np.zeros((num_links, width), dtype=bool)
  found = waits.feasible()
  feasible[:, : found.shape[1]] = found
  feasible = np.tile(feasible, (len(network.destinations), 1))
  now = np.zeros((num_cells, width), dtype=bool)
  for trip in network.trips:
    cell = trip.destination * num_links + trip.origin
    now[cell, min(trip.waiting_time, width - 1)] = True
  waiting = []
  targets = np.zeros((horizon, num_cells + 2 * num_links), dtype=bool)
  for time in range(horizon):
    waiting.append(now)
    goes_on = now[:, 0]
    targets[time, ways.targets[goes_on[ways.origins]]] = True
    later = np.zeros_like(now)
    later[:, :-1] = now[:, 1:]
    if is_capped:
      later[:, -2:] = [False, True] & now[:, -1:]
    now = later | (feasible & targets[time, :num_cells, None])
  entering = np.zeros((horizon, num_cells), dtype=bool)
  entering[1:] = targets[:-1, :num_cells]
  return Reach(
    waiting,
    entering,
    targets[:, num_cells : num_cells + num_links],
    targets[:, num_cells + num_links :],
  )


# The kinds of nodes.
UNDERWAY, ENTERING, ARRIVED, IN_SINK = range(4)


@dataclasses.dataclass(frozen=True, eq=False)
class Nodes:
  """The nodes of n states.

  Attributes:
    kind: (n,), one of UNDERWAY, ENTERING, ARRIVED, IN_SINK.
    is_told: (n,) of bool, whether it is a mean-field node.
    time: (n,), its time.
    link: (n,), the link of the car.
    destination: (n,), the destination of a car that is underway or entering.
    wait: (n,), the remaining waiting time of a car that is underway.
    arrival: (n,), the time of arrival of a car that has arrived.
  """

  kind: np.ndarray
  is_told: np.ndarray
  time: np.ndarray
  link: np.ndarray
  destination: np.ndarray
  wait: np.ndarray
  arrival: np.ndarray


class RoutingStates:
  """The N states of a routing game in rows, ordered by time.

  Attributes:
    network: The roads.
    waits: The waiting times.
    ways: The moves.
    num_cells: C.
    tells_waits_apart: Whether cars that do not continue have a state for each
      waiting time, destination and time of arrival. Otherwise these states are
      aggregated.
    nodes: The node of each row; for an aggregated state, one of its nodes.
    choice_rows: (T, C), the rows of cars that continue; -1 for none.
    entering_rows: (T, C), the rows of cars that have just entered a cell; (T,
      K) if states are aggregated.
    waiting_rows: (T, C, W), the rows of cars by waiting time, 0 included. If
      states are aggregated, (T, 2, K), the rows of all cars that wait, first
      those for up to T steps, then those for longer.
    arrived_rows: (T, T, K), the rows of cars that have arrived, by time, time
      of arrival and link; (T, 1, K) if states are aggregated.
    sink_rows: (T, K), the rows of cars in other sinks.
    told_waiting_rows, told_arrived_rows, told_sink_rows: The same for
      mean-field nodes, if states are not aggregated.
    met: What cars can reach.
  """

  def __init__(
    self, network: road_network.RoadNetwork, max_states: int = MAX_STATES
  ):
    """Finds all states.

    Args:
      network: The roads.
      max_states: If there would be more states, they are aggregated.
    """
    self.network = network
    self.ways = ways_through(network)
    num_links = len(network.names)
    self.num_cells = num_links * len(network.destinations)
    self._rows: list[Nodes] = []
    self._count = 0
    self.tells_waits_apart = self._list_all_nodes(max_states)
    if not self.tells_waits_apart:
      self._list_aggregated_nodes()
    self.nodes = Nodes(
      *(
        np.concatenate([getattr(rows, field.name) for rows in self._rows])
        for field in dataclasses.fields(Nodes)
      )
    )

  def __len__(self) -> int:
    return self._count

  def _add(
    self,
    kind: int,
    time: int,
    link: np.ndarray,
    destination: np.ndarray | int = 0,
    wait: np.ndarray | int = 0,
    arrival: np.ndarray | int = 0,
    is_told: bool = False,
  ) -> np.ndarray:
    """Adds a state for each of the links, and returns the rows."""
    columns = np.broadcast_arrays(
      kind, is_told, time, link, destination, wait, arrival
    )
    self._rows.append(Nodes(*columns))
    rows = np.arange(self._count, self._count + len(link))
    self._count += len(link)
    return rows

  def _list_all_nodes(self, max_states: int) -> bool:
    """Creates a state for each node; returns False if there are too many."""
    network, horizon = self.network, self.network.horizon
    num_links = len(network.names)
    longest = max(
      network.waiting_time(link, road_network.LARGEST_SHARE)
      for link in range(num_links)
    )
    longest = max([longest, *(trip.waiting_time for trip in network.trips)])
    if horizon * self.num_cells * (longest + 1) > _MAX_ENTRIES:
      return False
    if horizon * horizon * num_links > _MAX_ENTRIES:
      return False
    self.waits = road_network.WaitingTimes(network, longest)
    width = longest + 1
    met = reach(network, self.ways, self.waits, width, is_capped=False)
    self.met = met
    times = np.arange(horizon)
    spans = (horizon - 1 - times)[:, None]
    # An upper bound on the number of decision and mean-field nodes.
    num_states = (
      2 * sum(int(waiting.sum()) for waiting in met.waiting)
      + int(met.entering.sum())
      + 2 * int((met.arriving * spans).sum())
      + 2 * int((met.leaving.any(axis=0)).sum() * horizon)
    )
    if num_states > max_states:
      return False
    self.choice_rows = np.full((horizon, self.num_cells), -1)
    self.entering_rows = np.full((horizon, self.num_cells), -1)
    self.waiting_rows = np.full((horizon, self.num_cells, longest + 1), -1)
    self.arrived_rows = np.full((horizon, horizon, num_links), -1)
    self.sink_rows = np.full((horizon, num_links), -1)
    self.told_waiting_rows = np.full_like(self.waiting_rows, -1)
    self.told_arrived_rows = np.full_like(self.arrived_rows, -1)
    self.told_sink_rows = np.full_like(self.sink_rows, -1)
    for time, waiting in enumerate(met.waiting):
      arrivals, ends = np.nonzero(met.arriving[:time])
      sinks = np.flatnonzero(met.leaving[:time].any(axis=0))
      if time:
        cells = np.flatnonzero(met.entering[time])
        self.entering_rows[time, cells] = self._add(
          ENTERING, time, cells % num_links, cells // num_links, is_told=True
        )
        # A car that waits w steps at a decision node waits w - 1 steps at the
        # next mean-field node.
        self._add_nodes(
          time,
          met.waiting[time - 1][:, 1:],
          arrivals,
          ends,
          sinks,
          is_told=True,
        )
      self._add_nodes(time, waiting, arrivals, ends, sinks, is_told=False)
    self.choice_rows = self.waiting_rows[:, :, 0]
    return True

  def _add_nodes(
    self,
    time: int,
    waiting: np.ndarray,
    arrivals: np.ndarray,
    ends: np.ndarray,
    sinks: np.ndarray,
    is_told: bool,
  ) -> None:
    """Adds decision or mean-field nodes, except those of entering cars.

    Args:
      time: Their time.
      waiting: (C, W'), whether a car in a cell may wait w steps.
      arrivals: (n,), the times of arrival of cars that have arrived.
      ends: (n,), the links on which they have arrived.
      sinks: The other sinks in which a car may be.
      is_told: Whether they are mean-field nodes.
    """
    num_links = len(self.network.names)
    steps, cells = np.nonzero(waiting.T)
    tables = (self.waiting_rows, self.arrived_rows, self.sink_rows)
    if is_told:
      tables = (
        self.told_waiting_rows,
        self.told_arrived_rows,
        self.told_sink_rows,
      )
    on_link, arrived, in_sink = tables
    on_link[time, cells, steps] = self._add(
      UNDERWAY,
      time,
      cells % num_links,
      cells // num_links,
      steps,
      is_told=is_told,
    )
    arrived[time, arrivals, ends] = self._add(
      ARRIVED, time, ends, arrival=arrivals, is_told=is_told
    )
    in_sink[time, sinks] = self._add(IN_SINK, time, sinks, is_told=is_told)

  def _list_aggregated_nodes(self) -> None:
    """Creates a state for each choice, and aggregated states for the rest."""
    network, horizon = self.network, self.network.horizon
    num_links = len(network.names)
    # Cars that wait longer do not occur in distributions before the end.
    width = 2 * horizon + 1
    self.waits = road_network.WaitingTimes(network, width - 1)
    met = reach(network, self.ways, self.waits, width, is_capped=True)
    self.met = met
    self.choice_rows = np.full((horizon, self.num_cells), -1)
    self.entering_rows = np.full((horizon, num_links), -1)
    self.waiting_rows = np.full((horizon, 2, num_links), -1)
    self.arrived_rows = np.full((horizon, 1, num_links), -1)
    self.sink_rows = np.full((horizon, num_links), -1)
    for time, waiting in enumerate(met.waiting):
      entering = met.entering[time].reshape(-1, num_links)
      links = np.flatnonzero(entering.any(axis=0))
      self.entering_rows[time, links] = self._add(
        ENTERING,
        time,
        links,
        entering[:, links].argmax(axis=0),
        is_told=True,
      )
      cells = np.flatnonzero(waiting[:, 0])
      self.choice_rows[time, cells] = self._add(
        UNDERWAY, time, cells % num_links, cells // num_links
      )
      for part, steps in enumerate(
        (slice(1, horizon + 1), slice(horizon + 1, width))
      ):
        # (W', D * K): the shortest wait first.
        found = waiting[:, steps].T.reshape(-1, num_links)
        links = np.flatnonzero(found.any(axis=0))
        first = found[:, links].argmax(axis=0)
        wait, destination = np.divmod(first, len(network.destinations))
        wait += steps.start
        for place in np.flatnonzero(wait == width - 1).tolist():
          cell = destination[place] * num_links + links[place]
          wait[place] = self._longest_wait(cell, time)
        self.waiting_rows[time, part, links] = self._add(
          UNDERWAY, time, links, destination, wait
        )
      first = met.arriving.argmax(axis=0)
      links = np.flatnonzero(met.arriving[:time].any(axis=0))
      self.arrived_rows[time, 0, links] = self._add(
        ARRIVED, time, links, arrival=first[links]
      )
      links = np.flatnonzero(met.leaving[:time].any(axis=0))
      self.sink_rows[time, links] = self._add(IN_SINK, time, links)

  def _longest_wait(self, cell: int, time: int) -> int:
    """Returns the longest possible waiting time if waiting times are capped."""
    link = cell % len(self.network.names)
    entered = np.flatnonzero(self.met.entering[: time + 1, cell])
    if self.waits.feasible()[link, self.waits.largest.max()] and entered.size:
      share = self.waits.share(link, int(self.waits.largest[link]))
      return self.network.waiting_time(link, share) - (time - int(entered[-1]))
    starts = [
      trip.waiting_time
      for trip in self.network.trips
      if trip.destination * len(self.network.names) + trip.origin == cell
    ]
    return max(starts) - time

  def string(self, row: int) -> str:
    """Returns the observation string of the node of a row."""
    nodes, network = self.nodes, self.network
    kind, time, link = nodes.kind[row], int(nodes.time[row]), nodes.link[row]
    is_told, destination = bool(nodes.is_told[row]), nodes.destination[row]
    if kind in (UNDERWAY, ENTERING):
      wait = -1 if kind == ENTERING else int(nodes.wait[row])
      return network.underway(link, wait, time, destination, is_told)
    arrival = int(nodes.arrival[row]) if kind == ARRIVED else None
    return network.arrived(link, arrival, time, is_told)

  def told_strings(self) -> Iterator[tuple[str, int]]:
    """Yields mean-field nodes that are not states, and rows of their masses.

    There are such nodes if states are aggregated: one for the cars that wait on
    a link, with a string of waiting time 0.
    """
    network = self.network
    if self.tells_waits_apart:
      return
    for time, rows in enumerate(self.waiting_rows[:-1, 0]):
      for row in rows[rows >= 0].tolist():
        link, destination = self.nodes.link[row], self.nodes.destination[row]
        yield network.underway(link, 0, time + 1, destination, True), row
