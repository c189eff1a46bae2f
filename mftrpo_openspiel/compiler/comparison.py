"""Finds what in a game depends on more than observation strings.

OpenSpiel's mean-field utilities store one value per observation string. So the
reward and the transitions at a node should be functions of its string and of
the mean field. The interface of a game does not say whether they are. This
module traverses the game with a few states per string, which were reached on
different paths. In addition, mean-field nodes may receive distributions other
than those with which the levels were enumerated.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

import numpy as np
from open_spiel.python.mfg import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk

# Differences up to this value count as equal: absolute for probabilities,
# relative to the largest reward for rewards.
TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class Difference:
  """A difference between things that should be equal.

  Attributes:
    what: One of "reward", "chance outcomes", "legal actions", "next node",
      "node type".
    string: The node with the largest difference.
    size: The absolute difference of rewards or probabilities; for other kinds,
      the number of items that differ.
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
  """The result of a traversal with several states per node.

  Attributes:
    by_path: For each `what`, the largest difference between states of the same
      string that were reached on different paths.
    by_mean_field: A difference from the known levels, other than in rewards, in
      the first level that has one. The traversal stops there.
    rewards: The rewards of all nodes, level by level, under the mean field of
      the traversal.
    num_histories: The number of states that were compared.
  """

  by_path: dict[str, Difference]
  by_mean_field: Difference | None
  rewards: np.ndarray
  num_histories: int

  def note(self, what: str, string: str, size: float) -> None:
    """Records a difference between paths if it is the largest of its kind."""
    worst = self.by_path.get(what)
    if worst is None or size > worst.size:
      self.by_path[what] = Difference(what, string, size)

  def worst(self) -> Difference | None:
    """Returns the difference to report first: that of rewards, if any."""
    return self.by_path.get("reward") or next(iter(self.by_path.values()), None)


Groups = list[list[game_walk.Look]]
# Receives the index of a level, the level, and the states of each node.
Visit = Callable[[int, game_walk.Level, Groups], None]


def compare(
  roots: Sequence[pyspiel.State],
  levels: Sequence[game_walk.Level],
  crowd: game_walk.Crowd = game_walk.UNIFORM,
  num_states: int | None = 3,
  seed: int = 0,
  visit: Visit | None = None,
) -> Comparison:
  """Compares the states of each node with one another and with known levels.

  Args:
    roots: The initial states.
    levels: The enumerated game.
    crowd: Determines the distributions that mean-field nodes receive. By
      default these are the ones used in the enumeration.
    num_states: The number of states kept per node: the first one, and a random
      sample of the others; None for all.
    seed: The seed of this sample.
    visit: A function called for each level of the traversal.
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
  """Returns how a state differs from a node of this type with these moves."""
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
  """Records moves whose next node is not the expected one.

  That is, not the one of the known level, or not the one of the first state.
  """
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
  """Rejects mean fields under which transitions change.

  They are compared with the transitions under the uniform policy.
  """

  def __init__(self, roots: list[pyspiel.State]):
    """Tries a random mean field, and populations that are all at one place.

    Raises:
      ValueError: If one of them changes a transition.
    """
    self._roots = roots
    self._levels = game_walk.enumerate_levels(roots)
    masses = crowds.random_masses(self._levels, np.random.default_rng(0))
    for crowd in (crowds.announced(masses), *crowds.EXTREMES):
      self._compare(crowd)

  def __call__(self, distribution: distribution_lib.Distribution) -> None:
    """Raises a ValueError if the distribution changes a transition."""

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
