"""Flows and values in a routing game, time by time.

Under given waiting times everything is certain but the choices. A car that
chooses at time t is on its next link k at t + 1, waits w(t + 1, k) steps, and
chooses again at t + 1 + w, if the game is not over by then. So plays are paths
in a graph of choices (t, c), of which only those are looked at that some play
leads to:

    Q(t, c, k) = V(t + 1 + w(t + 1, k), c'),  or what is paid at the end.

The flow finds the waiting times on its way. X(t, c) is the mass that chooses at
time t in cell c. At time t a link k holds the cars that have just entered, and
those with X(t + w, c), w = 0, 1, ..., T - 1, for all cells c of the link: the
sum that players are told, in the order in which OpenSpiel takes it.
"""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy import special

from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_states
from mftrpo_openspiel.values import layered_mdp


class Moves(NamedTuple):
  """The e moves of m choices at a time.

  Attributes:
    cells: (m,), the cells of the choices.
    counts: (m,), how many moves each has.
    begins: (m,), the first of these.
    places: (e,), where the moves are in an (N, A) array.
    targets: (e,), where they lead; see `routing_states.Ways`.
    slots: (e,), where the value of what follows is, at the end of a play; that
      of never arriving for moves that go on.
    goes_on: Which moves lead to a cell.
    next_links: On which links these are.
    next_cells: The different cells that they lead to.
    entering_places: Where the actions of those who have just entered a cell are
      in an (N, A) array, by the moves that lead there; none where these are not
      told apart.
    ends: The links where moves arrive, and those of other sinks.
  """

  cells: np.ndarray
  counts: np.ndarray
  begins: np.ndarray
  places: np.ndarray
  targets: np.ndarray
  slots: np.ndarray
  goes_on: np.ndarray
  next_links: np.ndarray
  next_cells: np.ndarray
  entering_places: np.ndarray
  ends: tuple[np.ndarray, np.ndarray]


class Event(NamedTuple):
  """Choices that plays lead to at a time, and what follows.

  Attributes:
    time: The time.
    moves: Their moves.
    slots: (e,), where in an array of values that of what follows is.
  """

  time: int
  moves: Moves
  slots: np.ndarray


class RoutingArrays:
  """What follows from the states of a routing game alone.

  Values are kept in slots: first V(t, c) of all choices, then what is paid for
  arrival at each time and for not arriving.

  Attributes:
    states: The states.
    horizon: T.
    num_links: K.
    legal_actions_mask: (N, A) of bool.
    blank: (N, A), 0 for legal actions, -inf for others.
    ends: (T + 1,), what is paid for arrival at each time, and for none.
    first_end: The slot of the first of these.
    single_rows: The states with one action of which the slot is known.
    single_slots: The slots of what follows these.
  """

  def __init__(self, states: routing_states.RoutingStates):
    self.states = states
    network, ways = states.network, states.ways
    self.horizon, self.num_links = network.horizon, len(network.names)
    rows = states.choice_rows[:, ways.origins]  # (T, E)
    shape = len(states), self.num_links + 1
    self._places = np.where(rows < 0, -1, rows * shape[1] + ways.actions)
    self.legal_actions_mask = np.zeros(shape, dtype=bool)
    self.legal_actions_mask.ravel()[self._places[self._places >= 0]] = True
    self.legal_actions_mask[~self.legal_actions_mask.any(axis=1), 0] = True
    self.blank = np.where(self.legal_actions_mask, 0.0, -np.inf)
    times = range(self.horizon)
    self.ends = np.array([*map(network.pay, times), network.pay(None)])
    self.first_end = self.horizon * states.num_cells
    self.single_rows, self.single_slots = self._singles()
    is_choice = self.legal_actions_mask.sum(axis=1) > 1
    self.has_no_choice = np.flatnonzero(~is_choice)
    self._told, self._told_places = self._who_is_told_of()
    self._positions, self._steps, self._lengths, self._track = self._tracks()
    self.after, self._copies, self._sources = self._followers()
    self._known_moves: dict[tuple[int, bytes], Moves] = {}

  def _singles(self) -> tuple[np.ndarray, np.ndarray]:
    states, nodes = self.states, self.states.nodes
    never = self.first_end + self.horizon
    if not states.tells_waits_apart:
      return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    cells = nodes.destination * self.num_links + nodes.link
    choosing = nodes.time + nodes.wait
    slots = np.select(
      [
        nodes.kind == routing_states.ARRIVED,
        (nodes.kind == routing_states.UNDERWAY) & (choosing < self.horizon),
      ],
      [self.first_end + nodes.arrival, choosing * states.num_cells + cells],
      never,
    )
    is_choice = (nodes.kind == routing_states.UNDERWAY) & (nodes.wait == 0)
    is_choice &= ~nodes.is_told
    is_known = ~is_choice & (nodes.kind != routing_states.ENTERING)
    rows = np.flatnonzero(is_known)
    return rows, slots[rows]

  def _who_is_told_of(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns states in OpenSpiel's order, and when and where: t * K + k."""
    nodes = self.states.nodes
    is_entering = nodes.kind == routing_states.ENTERING
    is_waiting = nodes.kind == routing_states.UNDERWAY
    times, waits = nodes.time, nodes.wait
    if self.states.tells_waits_apart:
      is_waiting &= nodes.is_told
    else:
      # Who waits w steps at a decision node waits w - 1 at the next node.
      is_waiting &= (nodes.wait > 0) & (nodes.time + 1 < self.horizon)
      times, waits = times + is_waiting, waits - is_waiting
    waits = np.where(is_entering, -1, waits)
    rows = np.flatnonzero(is_entering | (is_waiting & (waits < self.horizon)))
    times, waits = times[rows], waits[rows]
    places = times * self.num_links + nodes.link[rows]
    order = np.lexsort((nodes.destination[rows], waits, places))
    return rows[order], places[order]

  def _tracks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns where those go who can do nothing until they choose again.

    That is for each state where it is in a table of rows, how far from one time
    to the next, and for how many times; and the table.
    """
    states, nodes = self.states, self.states.nodes
    positions, steps = np.zeros((2, len(states)), dtype=int)
    lengths = np.ones(len(states), dtype=int)
    parts: list[np.ndarray] = []

    def add(table: np.ndarray, is_here: np.ndarray, step: int) -> None:
      offset = sum(part.size for part in parts)
      parts.append(table.ravel())
      places = np.flatnonzero(table.ravel() >= 0)
      positions[table.ravel()[places]] = offset + places
      steps[is_here] = step

    is_underway = (nodes.kind == routing_states.UNDERWAY) & ~nodes.is_told
    is_arrived = (nodes.kind == routing_states.ARRIVED) & ~nodes.is_told
    is_in_sink = (nodes.kind == routing_states.IN_SINK) & ~nodes.is_told
    waiting, arrived = states.waiting_rows, states.arrived_rows
    if states.tells_waits_apart:
      add(waiting, is_underway, waiting[0].size - 1)
      last = np.minimum(nodes.time + nodes.wait, self.horizon - 1)
      lengths[is_underway] = (last - nodes.time + 1)[is_underway]
    else:
      add(states.choice_rows, is_underway & (nodes.wait == 0), 0)
      add(waiting, is_underway & (nodes.wait > 0), 0)
    add(arrived, is_arrived, arrived[0].size)
    add(states.sink_rows, is_in_sink, self.num_links)
    is_over = is_arrived | is_in_sink
    lengths[is_over] = self.horizon - nodes.time[is_over]
    add(np.flatnonzero(nodes.is_told), nodes.is_told, 0)
    return positions, steps, lengths, np.concatenate(parts)

  def _followers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns what follows those states without a choice of which it is known.

    That is for each state the next one, -1 where that is not known; and the
    mean-field nodes to which a decision node leads, with these. Nothing if
    waiting times are not told apart.
    """
    states, nodes = self.states, self.states.nodes
    after, sources = np.full((2, len(states)), -1)
    if states.tells_waits_apart:
      cells = nodes.destination * self.num_links + nodes.link
      index = {
        routing_states.UNDERWAY: (nodes.time, cells, nodes.wait),
        routing_states.ARRIVED: (nodes.time, nodes.arrival, nodes.link),
        routing_states.IN_SINK: (nodes.time, nodes.link),
      }
      tables = {
        routing_states.UNDERWAY: (
          states.waiting_rows,
          states.told_waiting_rows,
        ),
        routing_states.ARRIVED: (states.arrived_rows, states.told_arrived_rows),
        routing_states.IN_SINK: (states.sink_rows, states.told_sink_rows),
      }
      goes_on = ~nodes.is_told & (nodes.time + 1 < self.horizon)
      for kind, (decided, told) in tables.items():
        here = nodes.kind == kind
        rows = np.flatnonzero(here & nodes.is_told)
        after[rows] = decided[tuple(part[rows] for part in index[kind])]
        waits = (kind == routing_states.UNDERWAY) & (nodes.wait == 0)
        rows = np.flatnonzero(here & goes_on & ~waits)
        time, *place = (part[rows] for part in index[kind])
        if kind == routing_states.UNDERWAY:
          place[-1] = place[-1] - 1
        after[rows] = told[(time + 1, *place)]
        sources[after[rows]] = rows
    copies = np.flatnonzero(sources >= 0)
    return after, copies, sources[copies]

  def told_shares(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns (T, K): the shares that are told about each link at each time."""
    shape = self.horizon, self.num_links
    shares = np.bincount(
      self._told_places, mean_field[self._told], minlength=shape[0] * shape[1]
    )
    return shares.reshape(shape)

  def spread(
    self, rows: Sequence[np.ndarray], masses: Sequence[np.ndarray]
  ) -> np.ndarray:
    """Returns (N,): the masses that come to the rows, and stay on their way.

    From each row a mass goes on to the states after it, without a choice, until
    the next choice or the end.
    """
    first = np.concatenate(rows)
    lengths = self._lengths[first]
    steps = self._steps[first]
    ends = np.cumsum(lengths)
    # Where each begins, less its steps so far.
    bases = self._positions[first] - (ends - lengths) * steps
    places = np.repeat(bases, lengths) + np.arange(ends[-1]) * np.repeat(
      steps, lengths
    )
    weights = np.repeat(np.concatenate(masses), lengths)
    result = np.bincount(
      self._track[places], weights, minlength=len(self.states)
    )
    result[self._copies] += result[self._sources]
    return result

  def layered(self, waits: np.ndarray) -> layered_mdp.LayeredMDP:
    """Returns the game under (T, K) waiting times, in layers of all states.

    Raises:
      ValueError: If waiting times are not told apart.
    """
    states, nodes = self.states, self.states.nodes
    if not states.tells_waits_apart:
      raise ValueError(
        "game must have few enough states for waiting times to be told apart,"
        f" got a network of {len(states)} states where they are not."
      )
    targets = np.full(self.legal_actions_mask.shape, -1)
    targets[:, 0] = self.after
    rows = np.flatnonzero(nodes.kind == routing_states.ENTERING)
    times, links = nodes.time[rows], nodes.link[rows]
    cells = nodes.destination[rows] * self.num_links + links
    targets[rows, 0] = states.waiting_rows[times, cells, waits[times, links]]
    for time, places in enumerate(self._places[:-1]):
      arriving = (
        states.entering_rows[time + 1],
        states.told_arrived_rows[time + 1, time],
        states.told_sink_rows[time + 1],
      )
      met = places >= 0
      moves = states.ways.targets[met]
      targets.ravel()[places[met]] = np.concatenate(arriving)[moves]
    layers = 2 * nodes.time - nodes.is_told
    starts = np.flatnonzero(np.diff(layers, prepend=-1))
    parts = np.split(targets, starts[1:])
    afterstates = [
      np.where(part < 0, -1, part - start)
      for part, start in zip(parts, starts[1:])
    ]
    own = np.arange(parts[-1].size).reshape(parts[-1].shape)
    afterstates.append(np.where(self.legal_actions_mask[starts[-1] :], own, -1))
    kernels: list[sparse.csr_array | None] = [None] * (len(parts) - 1)
    kernels.append(sparse.csr_array((parts[-1].size, 0)))
    initial = np.zeros(len(parts[0]))
    for trip in states.network.trips:
      cell = trip.destination * self.num_links + trip.origin
      initial[states.waiting_rows[0, cell, trip.waiting_time]] += trip.share
    return layered_mdp.LayeredMDP(
      initial, afterstates, kernels, nodes.time[starts]
    )

  def last_pay(self, ends: np.ndarray | None) -> np.ndarray | None:
    """Returns what the afterstates of the `layered` game pay.

    Args:
      ends: (T + 1,), what arrival at each time pays, and no arrival; None for
        nothing.
    """
    if ends is None:
      return None
    last = self.horizon - 1
    nodes = self.states.nodes
    is_last = (nodes.time == last) & ~nodes.is_told
    start = int(np.flatnonzero(is_last)[0])
    slots = np.full(self.legal_actions_mask.shape, self.horizon)
    slots[self.single_rows, 0] = self.single_slots - self.first_end
    moves = self._find_moves(last, self.states.choice_rows[last] >= 0)
    slots.ravel()[moves.places] = moves.slots - self.first_end
    # All states but the first ones are afterstates of the layer before.
    first = int((nodes.time == 0).sum())
    return np.concatenate(
      [np.zeros(len(nodes.time) - first), ends[slots[start:].ravel()]]
    )

  def moves(self, time: int, is_met: np.ndarray) -> Moves:
    """Returns the moves from the cells where `is_met`, (C,) of bool."""
    key = time, is_met.tobytes()
    found = self._known_moves.get(key)
    if found is None:
      # What plays lead to changes little from call to call.
      if len(self._known_moves) >= 4 * self.horizon:
        self._known_moves.clear()
      found = self._known_moves[key] = self._find_moves(time, is_met)
    return found

  def _find_moves(self, time: int, is_met: np.ndarray) -> Moves:
    ways, num_cells = self.states.ways, self.states.num_cells
    chosen = np.flatnonzero(is_met[ways.origins])
    is_here = is_met[ways.cells]
    counts = ways.counts[is_here]
    targets = ways.targets[chosen]
    goes_on = targets < num_cells
    links = targets[~goes_on] - num_cells
    arrives = (targets >= num_cells) & (targets < num_cells + self.num_links)
    slots = self.first_end + np.where(arrives, time, self.horizon)
    return Moves(
      ways.cells[is_here],
      counts,
      np.cumsum(counts) - counts,
      self._places[time, chosen],
      targets,
      slots,
      np.flatnonzero(goes_on),
      targets[goes_on] % self.num_links,
      np.unique(targets[goes_on]),
      self._entering_places(time + 1, targets[goes_on]),
      (
        np.unique(links[links < self.num_links]),
        np.unique(links[links >= self.num_links]) - self.num_links,
      ),
    )

  def _entering_places(self, time: int, cells: np.ndarray) -> np.ndarray:
    if not self.states.tells_waits_apart or time == self.horizon:
      return np.zeros(0, dtype=int)
    return self.states.entering_rows[time, cells] * (self.num_links + 1)


class Play:
  """Everybody plays a policy: what is met, and the masses of the states.

  Attributes:
    waits: (T, K), the waiting times at the times at which anybody may enter a
      link.
    events: The choices that are met, in order of time.
  """

  def __init__(
    self,
    arrays: RoutingArrays,
    policy: np.ndarray | None = None,
    waits: np.ndarray | None = None,
    start: np.ndarray | None = None,
  ):
    """Goes through the game.

    Args:
      arrays: The game.
      policy: (N, A); None if no masses are asked for.
      waits: (T, K), the waiting times; None for those of the masses.
      start: (N,) of bool, where plays start instead, and nobody is counted more
        than once.
    """
    self._arrays = arrays
    shape = arrays.horizon, arrays.states.num_cells
    # Whoever would choose at 2 T or later is not told of before the end.
    self._choosing = np.zeros((2 * shape[0] + 1, shape[1]))
    self._is_met = np.zeros(shape, dtype=bool)
    self._is_due = [not arrays.states.tells_waits_apart] * shape[0]
    # Where masses come in, and these.
    self._rows: list[np.ndarray] = []
    self._masses: list[np.ndarray] = []
    self._finds_waits = waits is None
    if waits is None:
      waits = np.zeros((shape[0], arrays.num_links), dtype=int)
    self.waits: np.ndarray = waits
    self.events: list[Event] = []
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
    states = self._arrays.states
    for trip in states.network.trips:
      cell = trip.destination * self._arrays.num_links + trip.origin
      self._send(
        0,
        np.array([cell]),
        np.array([trip.waiting_time]),
        np.array([trip.share * has_masses]),
      )

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
        # They may be bound for any destination, and wait longer.
        by_link = self._choosing.reshape(last + 1, -1, num_links)
        is_one = (kind == routing_states.UNDERWAY) & (nodes.wait[here] == 0)
        for row in here[~is_one].tolist():
          by_link[nodes.time[row] :, :, nodes.link[row]] = 1.0

  def _send(
    self, time: int, cells: np.ndarray, waits: np.ndarray, masses: np.ndarray
  ) -> None:
    """Lets (m,) masses in different cells wait until they choose again."""
    arrays = self._arrays
    times = time + waits
    places = np.minimum(times, len(self._choosing) - 1)
    self._choosing[places, cells] += masses
    is_in_time = times < arrays.horizon
    times = times[is_in_time]
    self._is_met[times, cells[is_in_time]] = True
    for each in set(times.tolist()):
      self._is_due[each] = True
    if arrays.states.tells_waits_apart:
      self._add(arrays.states.waiting_rows[time, cells, waits], masses)

  def _add(self, rows: np.ndarray, masses: np.ndarray) -> None:
    """Notes masses that come to rows."""
    self._rows.append(rows)
    self._masses.append(masses)

  def _choose(self, time: int, plays: np.ndarray | None) -> None:
    """Lets everybody choose whose time it is."""
    arrays, states = self._arrays, self._arrays.states
    moves = arrays.moves(time, self._is_met[time])
    arriving: np.ndarray = np.zeros(states.num_cells + 2 * arrays.num_links)
    if plays is not None:
      masses = np.minimum(self._choosing[time, moves.cells], self._most)
      weights = masses.repeat(moves.counts) * plays[moves.places]
      arriving = np.bincount(moves.targets, weights, minlength=arriving.size)
      if not states.tells_waits_apart:
        self._add(states.choice_rows[time, moves.cells], masses)
    slots = moves.slots
    waiting = self._who_waits(time, plays is not None)
    if time + 1 < arrays.horizon:
      entering = arriving[: states.num_cells].reshape(-1, arrays.num_links)
      if self._finds_waits:
        shares = self._shares(entering, waiting)
        self.waits[time + 1] = states.waits(shares)
      waits = self.waits[time + 1]
      later = time + 1 + waits
      slots = slots.copy()
      again = later[moves.next_links]
      is_in_time = again < arrays.horizon
      slots[moves.goes_on[is_in_time]] = (
        again * states.num_cells + moves.targets[moves.goes_on]
      )[is_in_time]
      cells = moves.next_cells
      masses = entering.ravel()[cells]
      self._send(time + 1, cells, waits[cells % arrays.num_links], masses)
      if plays is not None:
        self._arrive(time, moves, entering, arriving[states.num_cells :])
    if moves.cells.size:
      self.events.append(Event(time, moves, slots))

  def _who_waits(self, time: int, has_masses: bool) -> np.ndarray:
    """Returns the masses of those who wait, by cells or summed up on links."""
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
    """Returns (K,): which share of the cars is on each link."""
    if self._arrays.states.tells_waits_apart:
      # Numpy adds rows up one after the other, as OpenSpiel does.
      return np.concatenate([entering, waiting]).sum(axis=0)
    return entering.sum(axis=0) + waiting[0]

  def _arrive(
    self, time: int, moves: Moves, entering: np.ndarray, ending: np.ndarray
  ) -> None:
    """Notes the masses that come to links after the choices at a time."""
    states, num_links = self._arrays.states, self._arrays.num_links
    if states.tells_waits_apart:
      cells = moves.next_cells
      rows = states.entering_rows[time + 1, cells]
      self._add(rows, entering.ravel()[cells])
    else:
      rows = states.entering_rows[time + 1]
      self._add(rows[rows >= 0], entering.sum(axis=0)[rows >= 0])
    arrived, sinks = moves.ends
    arrival = time if states.tells_waits_apart else 0
    if states.tells_waits_apart:
      rows = states.told_arrived_rows[time + 1, arrival, arrived]
      self._add(rows, ending[arrived])
      rows = states.told_sink_rows[time + 1, sinks]
      self._add(rows, ending[num_links + sinks])
    self._add(states.arrived_rows[time + 1, arrival, arrived], ending[arrived])
    self._add(states.sink_rows[time + 1, sinks], ending[num_links + sinks])


class RoutingMDP:
  """A routing game under one mean field, as the methods of a `LayeredMDP`.

  Attributes:
    num_steps: T.
  """

  def __init__(
    self,
    arrays: RoutingArrays,
    mean_field: np.ndarray,
    events: Sequence[Event] | None = None,
  ):
    """Initializes the game under a mean field.

    Args:
      arrays: The game.
      mean_field: (N,).
      events: What plays lead to under it, if that is known.

    Raises:
      ValueError: If more than all cars are on a link.
    """
    self.num_steps = arrays.horizon
    self._arrays = arrays
    self._mean_field = mean_field
    if events is None:
      events = Play(arrays, waits=self._waits).events
    self._events = events

  @functools.cached_property
  def _waits(self) -> np.ndarray:
    """(T, K): the waiting times."""
    shares = self._arrays.told_shares(self._mean_field)
    network = self._arrays.states.network
    if shares.max() > road_network.LARGEST_SHARE:
      time, link = divmod(int(shares.argmax()), shares.shape[1])
      raise ValueError(
        "mean_field must have at most the mass 1 on each link, it has"
        f" {shares.max():.6g} on {network.names[link]!r} at time {time}."
      )
    return self._arrays.states.waits(shares)

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when everybody plays `policy`, (N, A)."""
    return Play(self._arrays, policy, self._waits).mean_field()

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): `masses` moved on by a time step, the initial ones in it.

    Raises:
      ValueError: If waiting times are not told apart.
    """
    if not self._arrays.states.tells_waits_apart:
      raise ValueError(
        f"num_steps must be None or at least {self.num_steps} in a network of"
        " so many states that waiting times are not told apart."
      )
    return self._layered.step(policy, masses)

  def reached(
    self, policy: np.ndarray, start: np.ndarray, at_once: bool = False
  ) -> np.ndarray:
    """Returns (N,) of bool: where `policy` leads to from the states `start`.

    Args:
      policy: (N, A).
      start: (N,) of bool, which count as reached.
      at_once: Whether only states of the same time step count.
    """
    del at_once  # These games are not discounted.
    plays = (policy > 0).astype(np.float64)
    play = Play(self._arrays, plays, self._waits, start)
    return start | (play.mean_field() > 0)

  def evaluate(
    self,
    policy: np.ndarray,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the action values of `policy`.

    Args:
      policy: (N, A).
      rewards: (N,), of the states; or (N, A), of their actions.
      afterstate_rewards: (T + 1,), what arrival at each time pays, and no
        arrival; None for nothing.
      temperatures: (N,), the weights of the entropy bonus; None for no bonus.

    Returns:
      Q, (N, A), without the bonus of the state itself; -inf where an action is
      not legal, and 0 in choices to which no play leads.
    """
    if not self._are_of_choices(rewards):
      pay = self._arrays.last_pay(afterstate_rewards)
      values = self._layered.evaluate(policy, rewards, pay, temperatures)
      return self._only_where_met(values, rewards)
    plays = policy.ravel()

    def value(event: Event, action_values: np.ndarray) -> np.ndarray:
      laws = plays[event.moves.places]
      values = np.add.reduceat(laws * action_values, event.moves.begins)
      if temperatures is None:
        return values
      entropy = np.add.reduceat(special.entr(laws), event.moves.begins)
      return values + self._at(event, temperatures) * entropy

    return self._sweep(value, rewards, afterstate_rewards)

  def optimize(
    self,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the largest action values, over all policies.

    For arguments and result see `evaluate`.
    """
    if not self._are_of_choices(rewards):
      pay = self._arrays.last_pay(afterstate_rewards)
      values = self._layered.optimize(rewards, pay, temperatures)
      return self._only_where_met(values, rewards)

    def value(event: Event, action_values: np.ndarray) -> np.ndarray:
      moves = event.moves
      largest = np.maximum.reduceat(action_values, moves.begins)
      if temperatures is None:
        return largest
      scale = self._at(event, temperatures)
      excess = action_values - largest.repeat(moves.counts)
      weights = np.exp(excess / scale.repeat(moves.counts))
      return largest + scale * np.log(np.add.reduceat(weights, moves.begins))

    return self._sweep(value, rewards, afterstate_rewards)

  def _at(self, event: Event, values: np.ndarray) -> np.ndarray:
    """Returns (m,): the entries of (N,) values for the choices of an event."""
    return values[
      self._arrays.states.choice_rows[event.time, event.moves.cells]
    ]

  def _sweep(
    self,
    value: Callable[[Event, np.ndarray], np.ndarray],
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
  ) -> np.ndarray:
    """Returns the action values, in a sweep back through the events.

    Args:
      value: Gives the (m,) values of choices from those of their e moves.
      rewards: (N,), of the choices; those of other states are 0.
      afterstate_rewards: As in `evaluate`.
    """
    arrays = self._arrays
    values = np.zeros(arrays.first_end + arrays.horizon + 1)
    if afterstate_rewards is not None:
      values[arrays.first_end :] = afterstate_rewards
    result = arrays.blank.copy()
    flat = result.ravel()  # A view.
    pays = rewards.any()
    for event in reversed(self._events):
      action_values = values[event.slots]
      flat[event.moves.places] = action_values
      slots = event.time * arrays.states.num_cells + event.moves.cells
      values[slots] = value(event, action_values)
      if pays:
        values[slots] += self._at(event, rewards)
      if event.moves.entering_places.size:
        flat[event.moves.entering_places] = action_values[event.moves.goes_on]
    result[arrays.single_rows, 0] = values[arrays.single_slots]
    if pays:
      result += rewards[:, None]
    return result

  def _only_where_met(
    self, action_values: np.ndarray, rewards: np.ndarray
  ) -> np.ndarray:
    """Returns action values of what is paid at once in choices not met."""
    rows = self._arrays.states.choice_rows
    is_unmet = rows >= 0
    for event in self._events:
      is_unmet[event.time, event.moves.cells] = False
    unmet = rows[is_unmet]
    action_values[unmet] = self._arrays.blank[unmet]
    if rewards.ndim == 1:
      action_values[unmet] += rewards[unmet, None]
    return action_values

  def _are_of_choices(self, rewards: np.ndarray) -> bool:
    """Returns whether nothing is paid but (N,) rewards of choices."""
    if rewards.ndim > 1:
      return False
    return not rewards.any() or not rewards[self._arrays.has_no_choice].any()

  @functools.cached_property
  def _layered(self) -> layered_mdp.LayeredMDP:
    """The same as any game is; takes as long as many sweeps."""
    return self._arrays.layered(self._waits)

  @property
  def initial(self) -> np.ndarray:
    """(n_0,), the masses that plays start with."""
    return self._layered.initial

  @property
  def layers(self) -> list[slice]:
    """The states of each layer."""
    return self._layered.layers

  @property
  def kernels(self) -> list[sparse.csr_array | None]:
    """For each layer, the laws of the next state after each afterstate."""
    return self._layered.kernels

  def num_afterstates(self, k: int) -> int:
    """Returns m_k, the number of afterstates of layer k."""
    return self._layered.num_afterstates(k)

  def afterstates(self, k: int) -> np.ndarray:
    """Returns (n_k, A): where actions lead; anything where one is not legal."""
    return self._layered.afterstates(k)

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): the next state's law, row s * A + a for a."""
    return self._layered.transitions(k)

  def action_rewards(
    self, rewards: np.ndarray, afterstate_rewards: np.ndarray | None
  ) -> np.ndarray:
    """Returns (N, A): what actions pay in all; 0 where one is not legal.

    The arguments are those of `evaluate`.
    """
    pay = self._arrays.last_pay(afterstate_rewards)
    return self._layered.action_rewards(rewards, pay)
