"""Creates states of a routing game, and checks the game against its network."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import routing_states

# The number of jumps checked per link, on both sides, and of random plays.
NUM_JUMPS = 12
NUM_PLAYS = 20


class _Node(NamedTuple):
  """A node at some time.

  Attributes:
    is_decided: Whether it is a decision node; else it is a mean-field node.
    kind: As in `routing_states.Nodes`.
    place: The cell of a car that is underway or entering, otherwise the link.
    steps: The waiting time of a car that is underway; the time of arrival of a
      car that has arrived.
  """

  is_decided: bool
  kind: int
  place: int
  steps: int


def after_told(
  state: pyspiel.State, share: float, place: int = 0
) -> pyspiel.State:
  """Returns the state after a mean-field state, for a fraction on its link.

  Args:
    state: A mean-field state.
    share: The fraction of the cars that is on its link.
    place: The index in the support of the node at which all of it is.
  """
  law = [0.0] * len(state.distribution_support())
  if law:
    law[place % len(law)] = share
  return game_walk.updated(state, law)


def states_of(
  game: pyspiel.Game, states: routing_states.RoutingStates, rows: np.ndarray
) -> Iterator[pyspiel.State]:
  """Yields an OpenSpiel state for each of the rows, which must be in order.

  Cars on a link have entered it as late as possible.
  """
  player = _Player(game, states)
  wanted: dict[int, list[_Node]] = {}
  for row in rows.tolist():
    time = int(states.nodes.time[row])
    wanted.setdefault(time, []).append(player.node(row))
  last = max(wanted, default=-1)
  needed: dict[int, set[_Node]] = {time: set() for time in range(-1, last + 1)}
  for time in range(last, -1, -1):
    here = needed[time]
    here.update(wanted.get(time, ()))
    if time:
      here.update([player.told(node, time) for node in here if node.is_decided])
      needed[time - 1].update(
        [player.decided(node, time) for node in here if not node.is_decided]
      )
  earlier: dict[_Node, pyspiel.State] = {}
  for time in range(last + 1):
    now: dict[_Node, pyspiel.State] = {}
    for node in sorted(needed[time]):  # Mean-field nodes come first.
      now[node] = player.play(node, time, now if node.is_decided else earlier)
    for node in wanted.get(time, ()):
      yield now[node]
    earlier = now


class _Player:
  """Finds paths to the nodes of a routing game."""

  def __init__(self, game: pyspiel.Game, states: routing_states.RoutingStates):
    self._root = game.new_initial_state()
    self._states = states
    self._num_links = len(states.network.names)
    self._moves: dict[int, list[tuple[int, int]]] = {}
    ways = states.ways
    for origin, action, target in zip(
      ways.origins.tolist(), ways.actions.tolist(), ways.targets.tolist()
    ):
      self._moves.setdefault(target, []).append((origin, action))

  def node(self, row: int) -> _Node:
    """Returns the node of a state."""
    nodes = self._states.nodes
    kind, place, steps = int(nodes.kind[row]), int(nodes.link[row]), 0
    if kind in (routing_states.UNDERWAY, routing_states.ENTERING):
      place += int(nodes.destination[row]) * self._num_links
    if kind == routing_states.UNDERWAY:
      steps = int(nodes.wait[row])
    if kind == routing_states.ARRIVED:
      steps = int(nodes.arrival[row])
    return _Node(not nodes.is_told[row], kind, place, steps)

  def told(self, node: _Node, time: int) -> _Node:
    """Returns the mean-field node before a decision node, at the same time."""
    if node.kind == routing_states.UNDERWAY and self._enters(node, time):
      return _Node(False, routing_states.ENTERING, node.place, 0)
    return node._replace(is_decided=False)

  def decided(self, node: _Node, time: int) -> _Node:
    """Returns the decision node before a mean-field node."""
    if node.kind == routing_states.UNDERWAY:
      return node._replace(is_decided=True, steps=node.steps + 1)
    if self._has_stayed(node, time):
      return node._replace(is_decided=True)
    return _Node(True, routing_states.UNDERWAY, self._move(node, time)[0], 0)

  def _enters(self, node: _Node, time: int) -> bool:
    """Returns whether a car may have just entered, and wait this long."""
    link = node.place % self._num_links
    if not self._states.met.entering[time, node.place]:
      return False
    share = self._share(link, node.steps)
    if share is None:
      return False
    return self._states.network.waiting_time(link, share) == node.steps

  def _share(self, link: int, steps: int) -> float | None:
    """Returns the smallest fraction with this waiting time, None for none."""
    waits = self._states.waits
    least, largest = int(waits.least[link]), int(waits.largest[link])
    if steps < least:
      return None
    return waits.share(link, min(steps, largest))

  def _has_stayed(self, node: _Node, time: int) -> bool:
    """Returns whether a car that cannot continue was there before."""
    if node.kind == routing_states.ARRIVED:
      return node.steps < time - 1
    return node.kind == routing_states.IN_SINK and bool(
      self._states.met.leaving[: time - 1, node.place].any()
    )

  def _move(self, node: _Node, time: int) -> tuple[int, int]:
    """Returns a cell and an action through which a car reaches a node."""
    num_cells = self._states.num_cells
    offset = {
      routing_states.ENTERING: 0,
      routing_states.ARRIVED: num_cells,
      routing_states.IN_SINK: num_cells + self._num_links,
    }[node.kind]
    chooses = self._states.met.waiting[time - 1][:, 0]
    moves = self._moves[offset + node.place]
    return next(move for move in moves if chooses[move[0]])

  def play(
    self, node: _Node, time: int, before: dict[_Node, pyspiel.State]
  ) -> pyspiel.State:
    """Returns a state of a node, created from the states of earlier nodes."""
    if time == 0:
      return self._root.child(self._outcome(node))
    if not node.is_decided:
      parent = self.decided(node, time)
      is_choice = parent.kind == routing_states.UNDERWAY and parent.steps == 0
      action = self._move(node, time)[1] if is_choice else 0
      return before[parent].child(action)
    parent = self.told(node, time)
    share = None
    if parent.kind == routing_states.ENTERING:
      share = self._share(node.place % self._num_links, node.steps)
    return after_told(before[parent], share or 0.0)

  def _outcome(self, node: _Node) -> int:
    """Returns the first trip that begins at a node."""
    for outcome, trip in enumerate(self._states.network.trips):
      cell = trip.destination * self._num_links + trip.origin
      if (cell, trip.waiting_time) == (node.place, node.steps):
        return outcome
    raise AssertionError(f"no trip begins at {node}")


def agree(game: pyspiel.Game, states: routing_states.RoutingStates) -> bool:
  """Returns whether a game agrees with its network.

  This is checked in random plays whose nodes receive random fractions, and on
  both sides of the jumps of the waiting times of each link.
  """
  network = states.network
  roots = game.new_initial_states()
  shares = [share for _, share in roots[0].chance_outcomes()]
  if (
    len(roots) != 1
    or game.num_distinct_actions() != len(network.names) + 1
    or not np.allclose(shares, [trip.share for trip in network.trips])
  ):
    return False
  rng = np.random.default_rng(0)
  return all(
    _agrees_in_play(roots[0], states, rng) for _ in range(NUM_PLAYS)
  ) and _agrees_at_jumps(game, states, rng)


def _agrees_in_play(
  root: pyspiel.State,
  states: routing_states.RoutingStates,
  rng: np.random.Generator,
) -> bool:
  """Returns whether a random play is as expected."""
  network = states.network
  outcome = int(rng.integers(len(network.trips)))
  trip = network.trips[outcome]
  end = network.destinations[trip.destination]
  link, wait, arrival = trip.origin, trip.waiting_time, None
  is_over = False
  state = root.child(outcome)
  for time in range(network.horizon):
    string = (
      network.arrived(link, arrival, time, False)
      if is_over
      else network.underway(link, wait, time, trip.destination, False)
    )
    legal = [0]
    if not is_over and wait == 0:
      legal = [successor + 1 for successor in network.successors[link]]
    if not _is_as_expected(state, game_walk.DECISION, string, legal):
      return False
    action = int(rng.choice(legal))
    state = state.child(action)
    is_new = not is_over and wait == 0
    if is_new:
      link = action - 1
      arrival = time if link == end else None
      is_over = link == end or not network.successors[link]
    elif not is_over:
      wait -= 1
    if time + 1 == network.horizon:
      break
    string = (
      network.arrived(link, arrival, time + 1, True)
      if is_over
      else network.underway(
        link, -1 if is_new else wait, time + 1, trip.destination, True
      )
    )
    support = []
    if not is_over:
      support = [
        network.underway(link, steps, time + 1, destination, True)
        for steps in range(-1, network.horizon)
        for destination in range(len(network.destinations))
      ]
    if not _is_as_expected(state, game_walk.MEAN_FIELD, string, None):
      return False
    if state.distribution_support() != support:
      return False
    share = float(rng.random() ** 4)
    if is_new and not is_over:
      wait = network.waiting_time(link, share)
    place = int(rng.integers(len(support) or 1))
    state = after_told(state, share, place)
  reward = network.pay(arrival)
  return state.is_terminal() and abs(
    game_walk.reward(state) - reward
  ) <= comparison.TOLERANCE * abs(reward)


def _is_as_expected(
  state: pyspiel.State,
  kind: pyspiel.StateType,
  string: str,
  legal: list[int] | None,
) -> bool:
  """Returns whether a state has a type, string and actions, and no reward."""
  return (
    state.get_type() == kind
    and game_walk.node_string(state) == string
    and game_walk.reward(state) == 0
    and (legal is None or state.legal_actions() == legal)
  )


def _agrees_at_jumps(
  game: pyspiel.Game,
  states: routing_states.RoutingStates,
  rng: np.random.Generator,
) -> bool:
  """Returns whether waiting times are as expected, in particular near jumps."""
  nodes, network, waits = states.nodes, states.network, states.waits
  entering = np.flatnonzero(nodes.kind == routing_states.ENTERING)
  _, first = np.unique(nodes.link[entering], return_index=True)
  rows = np.sort(entering[first])
  for row, state in zip(rows.tolist(), states_of(game, states, rows)):
    link = int(nodes.link[row])
    jumps = waits.jumps[link][np.isfinite(waits.jumps[link])]
    chosen = np.linspace(0, len(jumps) - 1, min(len(jumps), NUM_JUMPS))
    jumps = jumps[chosen.astype(int)]
    jumps = jumps[jumps <= 1]
    shares = np.concatenate(
      [jumps, np.nextafter(jumps, 0.0), [0.0, 1.0], rng.random(3)]
    )
    for share in shares.tolist():
      after = after_told(state, share)
      wait = network.waiting_time(link, share)
      string = network.underway(
        link, wait, int(nodes.time[row]), int(nodes.destination[row]), False
      )
      if game_walk.node_string(after) != string:
        return False
      # The step functions agree up to the largest waiting time.
      at_link = np.zeros(len(network.names))
      at_link[link] = share
      if waits(at_link)[link] != min(wait, waits.largest[link]):
        return False
  return True
