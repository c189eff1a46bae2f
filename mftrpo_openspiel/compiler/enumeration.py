"""The nodes and moves of an OpenSpiel mean-field game, layer by layer.

OpenSpiel's mean-field utilities tell nodes apart by their observation string,
and walk from the roots in layers of one node type. The same walk, made once and
written into arrays, is all that is needed to run them without OpenSpiel.

A string may be met on several paths. Its node is then the state that came
first, with the actions of each node taken in the order that the game gives
them. As all paths to a node have the same number of moves, that is also the
path on which OpenSpiel's recursive value functions, which go down before they
go sideways, meet the string first: both take the path that is first in the
order of a dictionary. So the rewards of a game whose rewards depend on the path
are those that OpenSpiel uses.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import itertools
from typing import Protocol

import numpy as np
import pyspiel

_PLAYER = pyspiel.PlayerId.DEFAULT_PLAYER_ID
CHANCE = pyspiel.StateType.CHANCE
DECISION = pyspiel.StateType.DECISION
MEAN_FIELD = pyspiel.StateType.MEAN_FIELD
TERMINAL = pyspiel.StateType.TERMINAL


def node_string(state: pyspiel.State) -> str:
  """Returns the string by which OpenSpiel's mean-field utilities know it."""
  return state.observation_string(_PLAYER)


def reward(state: pyspiel.State) -> float:
  """Returns what the state pays to its own population."""
  return state.rewards()[state.mean_field_population()]


def updated(state: pyspiel.State, distribution: list[float]) -> pyspiel.State:
  """Returns a copy of a mean-field state that knows the `distribution`."""
  copy = state.clone()
  copy.update_distribution(distribution)
  return copy


def moves(state: pyspiel.State) -> list[tuple[int, float]]:
  """Returns the actions of a chance or decision node, with probabilities.

  Those of a decision node are uniform.
  """
  if state.get_type() == CHANCE:
    return state.chance_outcomes()
  actions = state.legal_actions()
  return [(action, 1.0 / len(actions)) for action in actions]


@dataclasses.dataclass(eq=False)
class Layer:
  """The n nodes that are met after the same number of moves.

  The moves are listed node after node, those of node i from `indptr[i]` to
  `indptr[i + 1]`. A mean-field node has one, with action 0.

  Attributes:
    kind: The type of the nodes.
    strings: Their observation strings, in the order in which they are met.
    populations: (n,), whose nodes they are.
    parents: (n,), the node of the layer before from which each is met first;
      -1 for roots.
    parent_actions: (n,), with which action.
    masses: (n,), how many play through each node.
    rewards: (n,), what each pays; 0 at chance nodes, where OpenSpiel's mean
      field utilities do not look.
    indptr: (n + 1,), where the moves of each node begin.
    actions: (E,), the action of each move.
    probabilities: (E,), how often it is taken; 1 after a mean-field node.
    children: (E,), the node of the next layer that it leads to.
    supports: For mean-field nodes, the different lists of nodes whose masses
      they ask for; -1 stands for a string that no play leads to.
    support_of: (n,), which of these lists each node asks for.
  """

  kind: pyspiel.StateType
  strings: list[str]
  populations: np.ndarray
  parents: np.ndarray
  parent_actions: np.ndarray
  masses: np.ndarray
  rewards: np.ndarray
  indptr: np.ndarray
  actions: np.ndarray
  probabilities: np.ndarray
  children: np.ndarray
  supports: list[np.ndarray]
  support_of: np.ndarray

  def __len__(self) -> int:
    return len(self.strings)

  @property
  def num_moves(self) -> np.ndarray:
    """(n,): how many moves each node has."""
    return np.diff(self.indptr)

  @property
  def origins(self) -> np.ndarray:
    """(E,): the node of each move."""
    return np.repeat(np.arange(len(self)), self.num_moves)

  def moves_of(self, node: int) -> dict[int, float]:
    """Returns the probability of each action of a node."""
    here = slice(self.indptr[node], self.indptr[node + 1])
    return dict(
      zip(self.actions[here].tolist(), self.probabilities[here].tolist())
    )

  def children_of(self, node: int) -> dict[int, int]:
    """Returns the node of the next layer after each action of a node."""
    here = slice(self.indptr[node], self.indptr[node + 1])
    return dict(zip(self.actions[here].tolist(), self.children[here].tolist()))


class Flow(Protocol):
  """How a crowd plays, and what the players are told of it."""

  def probabilities(
    self, layer: Layer, states: Sequence[pyspiel.State]
  ) -> np.ndarray:
    """Returns the (E,) probabilities of the moves of a decision layer."""

  def told(self, layer: Layer, support: Sequence[str]) -> list[float]:
    """Returns the masses of the nodes in `support`, of a mean-field layer."""


class UniformFlow:
  """Everybody plays the uniform policy, and players are told the truth."""

  def probabilities(
    self, layer: Layer, states: Sequence[pyspiel.State]
  ) -> np.ndarray:
    """Returns the uniform law."""
    return layer.probabilities

  def told(self, layer: Layer, support: Sequence[str]) -> list[float]:
    """Returns the masses; zero where nobody comes."""
    masses = dict(zip(layer.strings, layer.masses.tolist()))
    return [masses.get(string, 0.0) for string in support]


Visit = Callable[[int, Layer, list[pyspiel.State]], None]


def enumerate_layers(
  roots: Sequence[pyspiel.State],
  flow: Flow | None = None,
  visit: Visit | None = None,
) -> list[Layer]:
  """Returns all layers of a mean-field game, down to the terminal one.

  Args:
    roots: Where plays start, each with mass one.
    flow: How everybody plays; uniformly if not given.
    visit: Called with the index, the layer and the states that represent its
      nodes, once all of the layer but `children` is known.

  Raises:
    ValueError: If a node has no move, a layer mixes types of nodes, or a string
      occurs in two layers: OpenSpiel's DistributionPolicy does not take such a
      game either.
  """
  flow = flow or UniformFlow()
  layers = []
  seen = set()
  states = list(roots)
  none = np.full(len(states), -1)
  arrivals = (none, none, np.ones(len(states)))
  while True:
    layer = _new_layer(states, *arrivals)
    if not seen.isdisjoint(layer.strings):
      again = next(string for string in layer.strings if string in seen)
      raise ValueError(f"game must not meet a node twice, it does {again!r}.")
    seen.update(layer.strings)
    if layer.kind == DECISION:
      layer.probabilities = flow.probabilities(layer, states)
    laws = None
    if layer.kind == MEAN_FIELD:
      laws = _ask(layer, states, flow)
    layers.append(layer)
    if visit:
      visit(len(layers) - 1, layer, states)
    if layer.kind == TERMINAL:
      return layers
    states, arrivals = _advance(layer, states, laws)


def _new_layer(states, parents, parent_actions, masses) -> Layer:
  """Returns the layer of `states`, without children and supports."""
  kinds = {state.get_type() for state in states}
  if len(kinds) > 1:
    raise ValueError(
      "game must have nodes of one type after each number of moves, got"
      f" {sorted(kind.name for kind in kinds)} at {node_string(states[0])!r}."
    )
  (kind,) = kinds
  if kind == MEAN_FIELD:
    listed = [[(0, 1.0)]] * len(states)
  elif kind == TERMINAL:
    listed = [[]] * len(states)
  else:
    listed = [moves(state) for state in states]
    if not all(listed):
      raise ValueError(
        "game must have a move at every node but the last ones, it has none at"
        f" {node_string(states[listed.index([])])!r}."
      )
  rewards = np.zeros(len(states))
  if kind != CHANCE:
    rewards[:] = [reward(state) for state in states]
  flat = [move for node in listed for move in node]
  return Layer(
    kind=kind,
    strings=[node_string(state) for state in states],
    populations=np.array([state.mean_field_population() for state in states]),
    parents=parents,
    parent_actions=parent_actions,
    masses=masses,
    rewards=rewards,
    indptr=np.cumsum([0] + [len(node) for node in listed]),
    actions=np.array([action for action, _ in flat], dtype=np.int64),
    probabilities=np.array([p for _, p in flat], dtype=np.float64),
    children=np.zeros(len(flat), dtype=np.int64),
    supports=[],
    support_of=np.zeros(0, dtype=np.int64),
  )


def _ask(layer: Layer, states, flow: Flow) -> list[list[float]]:
  """Fills in the supports; returns what the players of each are told."""
  index = {string: node for node, string in enumerate(layer.strings)}
  laws = []
  support_of = []
  last = None
  for state in states:
    support = state.distribution_support()
    if support != last:
      last = support
      layer.supports.append(np.array([index.get(s, -1) for s in support], int))
      laws.append(flow.told(layer, support))
    support_of.append(len(laws) - 1)
  layer.support_of = np.array(support_of)
  return laws


def _advance(layer: Layer, states, laws):
  """Fills in the children of `layer`; returns their states and arrivals."""
  new_states, parents, parent_actions, children = [], [], [], []
  index = {}
  actions = layer.actions.tolist()
  bounds = layer.indptr.tolist()
  for node, state in enumerate(states):
    for action in actions[bounds[node] : bounds[node + 1]]:
      if laws is None:
        child = state.child(action)
      else:
        child = updated(state, laws[layer.support_of[node]])
      place = index.setdefault(node_string(child), len(new_states))
      if place == len(new_states):
        new_states.append(child)
        parents.append(node)
        parent_actions.append(action)
      children.append(place)
  layer.children = np.array(children)
  weights = layer.masses[layer.origins] * layer.probabilities
  masses = np.bincount(layer.children, weights, minlength=len(new_states))
  return new_states, (np.array(parents), np.array(parent_actions), masses)


def replay(
  roots: Sequence[pyspiel.State], layers: Sequence[Layer]
) -> Iterator[list[pyspiel.State]]:
  """Yields the states that represent the nodes of each layer, made anew.

  Mean-field nodes are told the masses in `layers`.
  """
  states = list(roots)
  yield states
  for layer, below in itertools.pairwise(layers):
    laws = None
    if layer.kind == MEAN_FIELD:
      laws = [told(layer.masses, support) for support in layer.supports]
    new_states = []
    for node, action in zip(below.parents, below.parent_actions):
      if laws is None:
        new_states.append(states[node].child(int(action)))
      else:
        law = laws[layer.support_of[node]]
        new_states.append(updated(states[node], law))
    states = new_states
    yield states


def told(masses: np.ndarray, support: np.ndarray) -> list[float]:
  """Returns the (n,) `masses` of a layer at the nodes of a support."""
  return np.where(support >= 0, masses[support], 0.0).tolist()
