"""What in a game depends on more than the observation string of a node.

OpenSpiel's mean-field utilities keep one value for each observation string. So
what happens at a node should be a function of its string, and of the mean
field. Whether it is cannot be read off a game. Here the game is walked with a
few states for each string, which came there on different paths; in addition
players may be told other things than when the layers were enumerated.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import itertools

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import telling

# Difference of two numbers that should be the same: of probabilities, and of
# rewards relative to the largest one.
TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class Difference:
  """What should be the same, and is not.

  Attributes:
    what: One of "reward", "chance outcomes", "legal actions", "next node",
      "node type".
    string: The node where it is largest.
    size: How large it is; the number of things that differ, where it is not
      one of numbers.
  """

  what: str
  string: str
  size: float

  def __str__(self) -> str:
    verb = "differs" if self.what in ("reward", "next node") else "differ"
    if self.what in ("reward", "chance outcomes"):
      verb += f" by {self.size:.3g}"
    return f"{self.what} at {self.string!r} {verb}"


@dataclasses.dataclass
class Probe:
  """What a walk showed.

  Attributes:
    by_path: For each `what` the largest difference between states of the same
      string that came there on different paths.
    by_mean_field: The first difference from the enumerated layers, other than
      in rewards; None if there is none. The walk ends with that layer.
    rewards: Of all nodes, layer after layer, under the mean field of the walk.
    num_histories: How many states were looked at.
  """

  by_path: dict[str, Difference]
  by_mean_field: Difference | None
  rewards: np.ndarray
  num_histories: int

  def worst(self) -> Difference | None:
    """Returns the path dependence to name first: that of the rewards."""
    for what in ("reward", *self.by_path):
      if what in self.by_path:
        return self.by_path[what]
    return None


def random_masses(
  layers: Sequence[enumeration.Layer], rng: np.random.Generator
) -> dict[int, np.ndarray]:
  """Returns uneven masses for each mean-field layer, a law a population."""
  masses = {}
  for index, layer in enumerate(layers):
    if layer.kind == enumeration.MEAN_FIELD:
      drawn = rng.exponential(size=len(layer)) ** 4
      totals = np.bincount(layer.populations, drawn)
      masses[index] = drawn / totals[layer.populations]
  return masses


Visit = Callable[[int, enumeration.Layer, list[list[pyspiel.State]]], None]


def count_histories(layers: Sequence[enumeration.Layer]) -> int:
  """Returns how many paths lead to the nodes of a game, in all."""
  total = 0
  counts = [1] * len(layers[0])
  for layer, below in itertools.pairwise([*layers, ()]):
    total += sum(counts)
    # Python's own numbers, for there may be more paths than fit a float.
    arriving = [0] * len(below)
    for origin, child in zip(layer.origins.tolist(), layer.children.tolist()):
      arriving[child] += counts[origin]
    counts = arriving
  return total


def probe(
  roots: Sequence[pyspiel.State],
  layers: Sequence[enumeration.Layer],
  tell: telling.Telling = telling.the_truth,
  num_states: int | None = 3,
  seed: int = 0,
  visit: Visit | None = None,
) -> Probe:
  """Walks through a game with several states for each node.

  Args:
    roots: Where plays start.
    layers: The enumerated game.
    tell: What players are told; what they were told in the enumeration, if not
      given.
    num_states: How many states are kept for a node: the one that comes first,
      and others drawn from those that come there; None for all.
    seed: Of these draws.
    visit: Called with the index, the layer and the states of each node.
  """
  largest_reward = max(np.abs(layer.rewards).max() for layer in layers)
  walk = _Walk(largest_reward, num_states, np.random.default_rng(seed))
  num_histories = 0
  groups = [[_Look(root)] for root in roots]
  rewards = []
  for index, layer in enumerate(layers):
    walk.compare(layer, groups)
    num_histories += sum(map(len, groups))
    if visit:
      visit(index, layer, [[look.state for look in group] for group in groups])
    rewards += [group[0].reward for group in groups]
    law_of = None
    if layer.kind == enumeration.MEAN_FIELD:
      law_of = tell(index, layer)
    if layer.kind != enumeration.TERMINAL and not walk.by_mean_field:
      groups = walk.advance(layer, layers[index + 1], groups, law_of)
    if walk.by_mean_field:
      break
  return Probe(
    walk.by_path, walk.by_mean_field, np.array(rewards), num_histories
  )


class _Look:
  """A state, and what is seen of it."""

  def __init__(self, state: pyspiel.State):
    self.state = state
    self.kind = state.get_type()
    self.moves = {}
    if self.kind in (enumeration.CHANCE, enumeration.DECISION):
      self.moves = dict(enumeration.moves(state))
    elif self.kind == enumeration.MEAN_FIELD:
      self.moves = {0: 1.0}
    self.reward = 0.0
    if self.kind != enumeration.CHANCE:
      self.reward = enumeration.reward(state)

  def child(self, action: int, law: list[float] | None) -> pyspiel.State:
    """Returns the next state; after a mean-field node, being told `law`."""
    if self.kind == enumeration.MEAN_FIELD:
      return enumeration.updated(self.state, law)
    return self.state.child(action)

  def move_differences(
    self, kind: pyspiel.StateType, moves: Mapping[int, float]
  ) -> list[tuple[str, float]]:
    """Returns what differs from a node of this type with these moves."""
    if self.kind != kind:
      return [("node type", 1)]
    if kind == enumeration.CHANCE:
      size = max(
        abs(self.moves.get(action, 0.0) - moves.get(action, 0.0))
        for action in self.moves.keys() | moves.keys()
      )
      return [("chance outcomes", size)] if size > TOLERANCE else []
    number = len(self.moves.keys() ^ moves.keys())
    return [("legal actions", number)] if number else []


class _Walk:
  """Compares the states of each node, and moves on.

  Attributes:
    by_path: As in `Probe`.
    by_mean_field: As in `Probe`.
  """

  def __init__(
    self,
    largest_reward: float,
    num_states: int | None,
    rng: np.random.Generator,
  ):
    self._largest_reward = largest_reward
    self._num_states = num_states
    self._rng = rng
    self.by_path: dict[str, Difference] = {}
    self.by_mean_field: Difference | None = None

  def compare(
    self, layer: enumeration.Layer, groups: Sequence[list[_Look]]
  ) -> None:
    """Compares the first state of each node to the layer, others to it."""
    for node, (first, *others) in enumerate(groups):
      string = layer.strings[node]
      enumerated = layer.moves_of(node)
      for what, size in first.move_differences(layer.kind, enumerated):
        self.by_mean_field = Difference(what, string, size)
      for other in others:
        for what, size in other.move_differences(first.kind, first.moves):
          self._note(what, string, size)
        size = abs(other.reward - first.reward)
        scale = max(self._largest_reward, first.reward, other.reward, key=abs)
        if size > TOLERANCE * abs(scale):
          self._note("reward", string, size)

  def advance(
    self,
    layer: enumeration.Layer,
    below: enumeration.Layer,
    groups: Sequence[list[_Look]],
    law_of: Callable[[int], list[float]] | None,
  ) -> list[list[_Look]]:
    """Returns the states of the nodes of the layer `below`."""
    index = {string: place for place, string in enumerate(below.strings)}
    firsts = [None] * len(below)
    others = [[] for _ in below.strings]
    arrivals = [0] * len(below)
    for node, (first, *rest) in enumerate(groups):
      string = layer.strings[node]
      law = law_of and law_of(node)
      places = layer.children_of(node)
      for action, expected in places.items():
        child = first.child(action, law)
        place = index.get(enumeration.node_string(child))
        if place != expected:
          self.by_mean_field = Difference("next node", string, 1)
          return []
        if below.parents[place] == node and (
          below.parent_actions[place] == action
        ):
          firsts[place] = child
        else:
          arrivals[place] += 1
          self._draw(others[place], arrivals[place], child)
      for other in rest:
        if other.kind != layer.kind:
          continue
        for action in other.moves:
          child = other.child(action, law)
          place = index.get(enumeration.node_string(child))
          if action in places and place != places[action]:
            self._note("next node", string, 1)
          if place is not None:
            arrivals[place] += 1
            self._draw(others[place], arrivals[place], child)
    return [
      [_Look(state) for state in (first, *rest)]
      for first, rest in zip(firsts, others)
    ]

  def _draw(self, kept: list, number: int, state: pyspiel.State) -> None:
    """Keeps each of the `number` states so far with the same probability."""
    if self._num_states is None or len(kept) < self._num_states - 1:
      kept.append(state)
    elif kept:
      place = int(self._rng.integers(number))
      if place < len(kept):
        kept[place] = state

  def _note(self, what: str, string: str, size: float) -> None:
    worst = self.by_path.get(what)
    if worst is None or size > worst.size:
      self.by_path[what] = Difference(what, string, size)
