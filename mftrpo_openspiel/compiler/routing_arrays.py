"""Arrays of a routing game that depend on its states only.

For given waiting times everything except the choices is deterministic. A car
that chooses at time t is on its next link k at t + 1, waits w(t + 1, k) steps,
and chooses again at t + 1 + w, unless the game has ended. Values are stored in
slots: first V(t, c) of all choices, then the rewards for arrival at each time
and for not arriving.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from mftrpo_openspiel.compiler import routing_states

# The number of events stored for the same choices.
_MAX_EVENTS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Event:
  """The consequences of choices at a time, for given waiting times after them.

  Attributes:
    moves: The moves of the choices.
    slots: (e,), the slots of the values after each move.
    entering_slots: The slots of the values after entering each cell; empty if
      states are aggregated.
    again: (n,), the times at which cars in `moves.next_cells` choose again; 2 T
      for all later times.
    met: The times and cells of those choices among them that are before the
      end.
    due: The different times among these.
    rows: The states that receive mass.
    sources: The targets of the moves through which they receive it.
  """

  moves: "Moves"
  slots: np.ndarray
  entering_slots: np.ndarray
  again: np.ndarray
  met: tuple[np.ndarray, np.ndarray]
  due: tuple[int, ...]
  rows: np.ndarray
  sources: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Moves:
  """The e moves of m choices at a time.

  Attributes:
    time: The time.
    cells: (m,), the cells of the choices.
    rows: (m,), their states.
    slots: (m,), the slots of their values.
    counts: (m,), the number of moves of each choice.
    begins: (m,), the first move of each choice.
    places: (e,), the indices of the moves in a flat (N, A) array.
    targets: (e,), where they lead; see `routing_states.Ways`.
    next_cells: (n,), the cells to which they lead; empty at the last time.
    next_links: (n,), the links of these cells.
    entering_places: The indices, in a flat (N, A) array, of the actions of cars
      that have just entered these cells; empty if states are aggregated.
    arrived: The destination links to which moves lead.
    sinks: The other sinks to which they lead.
    events: The events computed so far, by their waiting times.
  """

  time: int
  cells: np.ndarray
  rows: np.ndarray
  slots: np.ndarray
  counts: np.ndarray
  begins: np.ndarray
  places: np.ndarray
  targets: np.ndarray
  next_cells: np.ndarray
  next_links: np.ndarray
  entering_places: np.ndarray
  arrived: np.ndarray
  sinks: np.ndarray
  events: dict[bytes, Event] = dataclasses.field(default_factory=dict)


class RoutingArrays:
  """The arrays of a routing game with given states.

  Attributes:
    states: The states.
    horizon: T.
    num_links: K.
    legal_actions_mask: (N, A) of bool.
    blank: (N, A), 0 for legal actions, -inf for others.
    places: (T, E), the index of each move at each time in a flat (N, A) array;
      -1 if no car can ever make it.
    ends: (T + 1,), the rewards for arrival at each time, and for not arriving.
    first_end: The slot of the first of these.
    single_places: The indices, in a flat (N, A) array, of the actions of states
      with one action whose slot is known.
    single_slots: The slots of the values after these actions.
    has_no_choice: The states with one action.
    after: (N,), the next state of each state with one action, except for cars
      that have just entered a link; -1 for all others.
  """

  def __init__(self, states: routing_states.RoutingStates):
    self.states = states
    network, ways = states.network, states.ways
    self.horizon, self.num_links = network.horizon, len(network.names)
    rows = states.choice_rows[:, ways.origins]  # (T, E)
    shape = len(states), self.num_links + 1
    self.places = np.where(rows < 0, -1, rows * shape[1] + ways.actions)
    self.legal_actions_mask = np.zeros(shape, dtype=bool)
    self.legal_actions_mask.ravel()[self.places[self.places >= 0]] = True
    self.legal_actions_mask[~self.legal_actions_mask.any(axis=1), 0] = True
    self.blank = np.where(self.legal_actions_mask, 0.0, -np.inf)
    times = range(self.horizon)
    self.ends = np.array([*map(network.pay, times), network.pay(None)])
    self.first_end = self.horizon * states.num_cells
    single_rows, self.single_slots = self._singles()
    self.single_places = single_rows * shape[1]  # It is action 0.
    is_choice = self.legal_actions_mask.sum(axis=1) > 1
    self.has_no_choice = np.flatnonzero(~is_choice)
    self._told, self._told_places = self._reported_rows()
    self._positions, self._steps, self._lengths, self._track = self._tracks()
    self.after = self._followers()
    # The mean-field nodes to which decision nodes lead.
    self._told_after = np.where(states.nodes.is_told, -1, self.after)
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

  def _reported_rows(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns states whose masses nodes receive, and their places t * K + k.

    The states are in OpenSpiel's order.
    """
    nodes = self.states.nodes
    is_entering = nodes.kind == routing_states.ENTERING
    is_waiting = nodes.kind == routing_states.UNDERWAY
    times, waits = nodes.time, nodes.wait
    if self.states.tells_waits_apart:
      is_waiting &= nodes.is_told
    else:
      # A car that waits w steps at a decision node waits w - 1 steps at the
      # next mean-field node.
      is_waiting &= (nodes.wait > 0) & (nodes.time + 1 < self.horizon)
      times, waits = times + is_waiting, waits - is_waiting
    waits = np.where(is_entering, -1, waits)
    rows = np.flatnonzero(is_entering | (is_waiting & (waits < self.horizon)))
    times, waits = times[rows], waits[rows]
    places = times * self.num_links + nodes.link[rows]
    order = np.lexsort((nodes.destination[rows], waits, places))
    return rows[order], places[order]

  def _tracks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the sequences of states that cars pass until they choose again.

    They are given by a table of rows. For each state, the result has its
    position in the table, the step in the table from one time to the next, and
    the number of times; and the table.
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

  def _followers(self) -> np.ndarray:
    """Returns (N,): the next states of states with one action; see `after`.

    -1 for all states if they are aggregated.
    """
    states, nodes = self.states, self.states.nodes
    after = np.full(len(states), -1)
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
    return after

  def told_shares(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns (T, K): the fractions of cars on links that nodes receive."""
    shape = self.horizon, self.num_links
    shares = np.bincount(
      self._told_places, mean_field[self._told], minlength=shape[0] * shape[1]
    )
    return shares.reshape(shape)

  def spread(
    self, rows: Sequence[np.ndarray], masses: Sequence[np.ndarray]
  ) -> np.ndarray:
    """Returns (N,): the masses of all states that cars pass after the rows.

    From each row, mass passes to the next states, without a choice, until the
    next choice or the end.
    """
    first = np.concatenate(rows)
    lengths = self._lengths[first]
    steps = self._steps[first]
    ends = np.cumsum(lengths)
    # The start of each, minus the steps before it.
    bases = self._positions[first] - (ends - lengths) * steps
    places = np.repeat(bases, lengths) + np.arange(ends[-1]) * np.repeat(
      steps, lengths
    )
    weights = np.repeat(np.concatenate(masses), lengths)
    met = self._track[places]
    result = np.bincount(met, weights, minlength=len(self.states))
    told = self._told_after[met]
    leads_on = told >= 0
    # NumPy adds only once here, even if a state occurs several times.
    result[told[leads_on]] += result[met[leads_on]]
    return result

  def moves(self, time: int, is_met: np.ndarray) -> Moves:
    """Returns the moves from the cells with `is_met`, (C,) of bool."""
    key = time, is_met.tobytes()
    found = self._known_moves.get(key)
    if found is None:
      # The cells that plays reach change little from call to call.
      if len(self._known_moves) >= 4 * self.horizon:
        self._known_moves.clear()
      found = self._known_moves[key] = self._find_moves(time, is_met)
    return found

  def _find_moves(self, time: int, is_met: np.ndarray) -> Moves:
    states, num_cells = self.states, self.states.num_cells
    ways = states.ways
    chosen = np.flatnonzero(is_met[ways.origins])
    is_here = is_met[ways.cells]
    cells, counts = ways.cells[is_here], ways.counts[is_here]
    targets = ways.targets[chosen]
    different = np.unique(targets)
    ends = different[different >= num_cells] - num_cells
    next_cells = different[different < num_cells]
    if time + 1 == self.horizon:
      next_cells = next_cells[:0]
    entering = np.zeros(0, dtype=int)
    if states.tells_waits_apart and next_cells.size:
      entering = states.entering_rows[time + 1, next_cells]
    return Moves(
      time=time,
      cells=cells,
      rows=states.choice_rows[time, cells],
      slots=time * num_cells + cells,
      counts=counts,
      begins=np.cumsum(counts) - counts,
      places=self.places[time, chosen],
      targets=targets,
      next_cells=next_cells,
      next_links=next_cells % self.num_links,
      entering_places=entering * (self.num_links + 1),
      arrived=ends[ends < self.num_links],
      sinks=ends[ends >= self.num_links] - self.num_links,
    )

  def event(self, moves: Moves, waits: np.ndarray) -> Event:
    """Returns the event after moves, for the (K,) waiting times after them."""
    own = waits[moves.next_links]
    key = own.tobytes()
    found = moves.events.get(key)
    if found is None:
      if len(moves.events) >= _MAX_EVENTS:
        moves.events.clear()
      found = moves.events[key] = self._find_event(moves, own)
    return found

  def _find_event(self, moves: Moves, waits: np.ndarray) -> Event:
    num_cells, cells = self.states.num_cells, moves.next_cells
    again = np.minimum(moves.time + 1 + waits, 2 * self.horizon)
    is_in_time = again < self.horizon
    met = again[is_in_time], cells[is_in_time]
    slots = np.full(
      num_cells + 2 * self.num_links, self.first_end + self.horizon
    )
    slots[met[1]] = met[0] * num_cells + met[1]
    slots[num_cells + moves.arrived] = self.first_end + moves.time
    rows, sources = self._receivers(moves, waits)
    return Event(
      moves=moves,
      slots=slots[moves.targets],
      entering_slots=slots[cells[: moves.entering_places.size]],
      again=again,
      met=met,
      due=tuple(set(met[0].tolist())),
      rows=rows,
      sources=sources,
    )

  def _receivers(
    self, moves: Moves, waits: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the states after moves, and the targets of their masses."""
    states, later, cells = self.states, moves.time + 1, moves.next_cells
    arrived, sinks = moves.arrived, moves.sinks
    if later == self.horizon:
      return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    if states.tells_waits_apart:
      pairs = [
        (states.entering_rows[later, cells], cells),
        (states.waiting_rows[later, cells, waits], cells),
      ]
      arrivals = [
        table[later, moves.time, arrived]
        for table in (states.told_arrived_rows, states.arrived_rows)
      ]
      leavings = [
        table[later, sinks]
        for table in (states.told_sink_rows, states.sink_rows)
      ]
    else:
      links = moves.next_links
      pairs = [(states.entering_rows[later, links], cells)]
      arrivals = [states.arrived_rows[later, 0, arrived]]
      leavings = [states.sink_rows[later, sinks]]
    ends = states.num_cells + arrived
    pairs += [(rows, ends) for rows in arrivals]
    ends = states.num_cells + self.num_links + sinks
    pairs += [(rows, ends) for rows in leavings]
    found, sources = map(np.concatenate, zip(*pairs))
    return found, sources
