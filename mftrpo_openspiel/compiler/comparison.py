"""What in a game depends on more than the observation string of a node.

OpenSpiel's mean-field utilities keep one value for each observation string. So
what happens at a node should be a function of its string, and of the mean
field. Whether it is cannot be read off a game. Here the game is walked with a
few states for each string, which came there on different paths; in addition
players may be told other things than when the levels were enumerated.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

import numpy as np
from open_spiel.python.mfg import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk

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
class Comparison:
  """What a walk with several states for each node showed.

  Attributes:
    by_path: For each `what` the largest difference between states of the same
      string that came there on different paths.
    by_mean_field: A difference from the known levels, other than in rewards, in
      the first level where there is one. The walk ends there.
    rewards: Of all nodes, level after level, under the mean field of the walk.
    num_histories: How many states were looked at.
  """

  by_path: dict[str, Difference]
  by_mean_field: Difference | None
  rewards: np.ndarray
  num_histories: int

  def note(self, what: str, string: str, size: float) -> None:
    """Notes a difference between paths, if it is the largest of its kind."""
    worst = self.by_path.get(what)
    if worst is None or size > worst.size:
      self.by_path[what] = Difference(what, string, size)

  def worst(self) -> Difference | None:
    """Returns the path dependence to name first: that of the rewards."""
    return self.by_path.get("reward") or next(iter(self.by_path.values()), None)


Groups = list[list[game_walk.Look]]
# Is shown the index of a level, the level, and the states of each node.
Visit = Callable[[int, game_walk.Level, Groups], None]


def compare(
  roots: Sequence[pyspiel.State],
  levels: Sequence[game_walk.Level],
  crowd: game_walk.Crowd = game_walk.UNIFORM,
  num_states: int | None = 3,
  seed: int = 0,
  visit: Visit | None = None,
) -> Comparison:
  """Compares the states of each node with one another, and with known levels.

  Args:
    roots: Where plays start.
    levels: The enumerated game.
    crowd: What players are told; what they were told when the game was
      enumerated, if not given.
    num_states: How many states are kept for a node: the one that comes first,
      and others drawn from those that come there; None for all.
    seed: Of these draws.
    visit: Called for each level on the way.
  """
  largest_reward = max(np.abs(level.rewards).max() for level in levels)
  result = Comparison({}, None, np.zeros(0), 0)
  rewards: list[float] = []
  above: tuple[game_walk.Level, Groups] | None = None
  rng = np.random.default_rng(seed)
  steps = game_walk.walk(roots, crowd, levels, num_states, rng)
  for index, (level, groups) in enumerate(steps):
    if above is not None:
      _compare_children(*above, level, result)
      if result.by_mean_field:
        break
    moves = level.moves()
    for node, (first, *others) in enumerate(groups):
      string = level.strings[node]
      for what, size in _move_differences(first, level.kind, moves[node]):
        result.by_mean_field = Difference(what, string, size)
      for other in others:
        for what, size in _move_differences(other, first.kind, first.moves):
          result.note(what, string, size)
        size = abs(other.reward - first.reward)
        scale = max(largest_reward, first.reward, other.reward, key=abs)
        if size > TOLERANCE * abs(scale):
          result.note("reward", string, size)
    result.num_histories += sum(map(len, groups))
    if visit:
      visit(index, level, groups)
    rewards += [first.reward for first, *_ in groups]
    if result.by_mean_field:
      break
    above = level, groups
  result.rewards = np.array(rewards)
  return result


def _move_differences(
  look: game_walk.Look, kind: pyspiel.StateType, moves: game_walk.Moves
) -> list[tuple[str, float]]:
  """Returns what differs from a node of this type with these moves."""
  if look.kind != kind:
    return [("node type", 1)]
  if look.moves == moves:
    return []
  own, expected = dict(look.moves), dict(moves)
  if kind == game_walk.CHANCE:
    size = max(
      abs(own.get(action, 0.0) - expected.get(action, 0.0))
      for action in own.keys() | expected.keys()
    )
    return [("chance outcomes", size)] if size > TOLERANCE else []
  number = len(own.keys() ^ expected.keys())
  return [("legal actions", number)] if number else []


def _compare_children(
  level: game_walk.Level,
  groups: Groups,
  below: game_walk.Level,
  result: Comparison,
) -> None:
  """Notes moves that lead elsewhere than known, or than the first state's."""
  children = level.children.tolist()
  strings = [string for first, *_ in groups for string in first.children]
  for move, (child, string) in enumerate(zip(children, strings)):
    if string != below.strings[child]:
      node = int(level.origins[move])
      result.by_mean_field = Difference("next node", level.strings[node], 1)
      return
  moves = level.moves()
  for node, (first, *others) in enumerate(groups):
    if others:
      expected = dict(zip(dict(moves[node]), first.children))
    for other in others:
      for (action, _), string in zip(other.moves, other.children):
        if string != expected.get(action, string):
          result.note("next node", level.strings[node], 1)


class MovesCheck:
  """Refuses mean fields under which moves are not those of a uniform crowd."""

  def __init__(self, roots: list[pyspiel.State]):
    """Tries random mean fields, and crowds at one place.

    Raises:
      ValueError: If they change a move.
    """
    self._roots = roots
    self._levels = game_walk.enumerate_levels(roots)
    masses = crowds.random_masses(self._levels, np.random.default_rng(0))
    for crowd in (crowds.announced(masses), *crowds.EXTREMES):
      self._compare(crowd)

  def __call__(self, distribution: distribution_lib.Distribution) -> None:
    """Raises a ValueError if the distribution changes a move."""

    def told(_: int, level: game_walk.Level) -> list[list[float]]:
      masses = [distribution.value_str(key, 0.0) for key in level.strings]
      return level.told(np.array(masses))

    self._compare(game_walk.Crowd(told=told))

  def _compare(self, crowd: game_walk.Crowd) -> None:
    found = compare(self._roots, self._levels, crowd, num_states=1)
    if found.by_mean_field:
      raise ValueError(
        "game must have transitions that do not depend on the mean field for"
        f" model 'openspiel', but with it {found.by_mean_field}; model"
        " 'compiled' supports such games."
      )
