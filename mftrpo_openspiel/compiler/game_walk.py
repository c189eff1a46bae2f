"""The traversal of an OpenSpiel mean-field game, level by level.

OpenSpiel's mean-field utilities identify nodes by their observation strings,
and proceed from the roots in levels: the nodes of a level, all of one type, are
reached after the same number of moves. (A move is an action, a chance outcome,
or the single transition after a mean-field node.) `walk` proceeds in the same
way. All properties of a game's states are read in such a traversal: its levels
(`enumerate_levels`), the rewards of its nodes (`reward_sources`), and what
depends on the path or on the mean field (`comparison`, `lint`).

A string may be reached on several paths. Its node is then represented by the
first state found, where the actions of each node are taken in the order in
which the game lists them. Since all paths to a node have the same number of
moves, this is also the path on which OpenSpiel's recursive value functions
reach the string first: both use the first path in dictionary order. So if
rewards depend on the path, the rewards used here are those that OpenSpiel uses.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
import pyspiel

_PLAYER = pyspiel.PlayerId.DEFAULT_PLAYER_ID
CHANCE = pyspiel.StateType.CHANCE
DECISION = pyspiel.StateType.DECISION
MEAN_FIELD = pyspiel.StateType.MEAN_FIELD
TERMINAL = pyspiel.StateType.TERMINAL


def node_string(state: pyspiel.State) -> str:
  """Returns the string that identifies a state in OpenSpiel's utilities."""
  return state.observation_string(_PLAYER)


def reward(state: pyspiel.State) -> float:
  """Returns the reward of the state for its own population."""
  return state.rewards()[state.mean_field_population()]


def updated(state: pyspiel.State, distribution: list[float]) -> pyspiel.State:
  """Returns a copy of a mean-field state, updated with the `distribution`."""
  copy = state.clone()
  copy.update_distribution(distribution)
  return copy


# Actions with probabilities.
Moves = list[tuple[int, float]]


def moves(state: pyspiel.State) -> Moves:
  """Returns the actions of a state with their probabilities.

  Actions of decision nodes have equal probabilities. A mean-field node has the
  single action 0, a terminal node has none.
  """
  kind = state.get_type()
  if kind == CHANCE:
    return state.chance_outcomes()
  if kind == DECISION:
    actions = state.legal_actions()
    return [(action, 1.0 / len(actions)) for action in actions]
  return [(0, 1.0)] if kind == MEAN_FIELD else []


class Support(NamedTuple):
  """The distribution support of a mean-field node.

  Attributes:
    strings: The strings of the nodes whose masses it receives.
    nodes: (k,), their numbers in the level; -1 for a string that no play
      reaches.
  """

  strings: list[str]
  nodes: np.ndarray


@dataclasses.dataclass(eq=False)
class Level:
  """The n nodes that are reached after the same number of moves.

  The E moves are listed node by node, those of node i from `indptr[i]` to
  `indptr[i + 1]`. A mean-field node has one move, with action 0.

  Attributes:
    kind: The type of the nodes.
    strings: Their observation strings, in the order in which they are found.
    populations: (n,), the population of each node.
    masses: (n,), the mass of players that pass through each node.
    rewards: (n,), the reward of each node; 0 at chance nodes, where OpenSpiel's
      mean-field utilities do not read it.
    indptr: (n + 1,), the first move of each node.
    actions: (E,), the action of each move.
    probabilities: (E,), the probability of each move; 1 after a mean-field
      node.
    children: (E,), the node of the next level to which each move leads.
    supports: The different supports of the nodes of a mean-field level.
    support_of: (n,), the support of each node.
  """

  kind: pyspiel.StateType
  strings: list[str]
  populations: np.ndarray
  masses: np.ndarray
  rewards: np.ndarray
  indptr: np.ndarray
  actions: np.ndarray
  probabilities: np.ndarray
  children: np.ndarray
  supports: list[Support]
  support_of: np.ndarray

  def __len__(self) -> int:
    return len(self.strings)

  @property
  def num_moves(self) -> np.ndarray:
    """(n,): the number of moves of each node."""
    return np.diff(self.indptr)

  @property
  def origins(self) -> np.ndarray:
    """(E,): the node of each move."""
    return np.repeat(np.arange(len(self)), self.num_moves)

  def moves(self) -> list[Moves]:
    """Returns the moves of each node."""
    listed = list(zip(self.actions.tolist(), self.probabilities.tolist()))
    bounds = itertools.pairwise(self.indptr.tolist())
    return [listed[start:end] for start, end in bounds]

  def told(self, masses: np.ndarray) -> list[list[float]]:
    """Returns the distribution that each node receives, for (n,) `masses`."""
    laws = [
      np.where(support.nodes >= 0, masses[support.nodes], 0.0).tolist()
      for support in self.supports
    ]
    return [laws[which] for which in self.support_of.tolist()]


class Crowd(NamedTuple):
  """The policy of all players, and the distributions that nodes receive.

  By default this is the uniform policy and its true distribution.

  Attributes:
    probabilities: A function of a decision level and the states of its nodes,
      which returns the (E,) probabilities of its moves.
    told: A function of the index of a mean-field level and the level, which
      returns the distribution that each of its nodes receives.
  """

  probabilities: Callable[[Level, Sequence[pyspiel.State]], np.ndarray] = (
    lambda level, _: level.probabilities
  )
  told: Callable[[int, Level], list[list[float]]] = lambda _, level: level.told(
    level.masses
  )


UNIFORM = Crowd()


class Look:
  """A state, and its properties.

  Attributes:
    state: The state.
    kind: Its type.
    moves: Its actions, with probabilities.
    reward: Its reward; 0 for a chance node.
    children: The strings of the nodes to which its moves lead. Filled in when
      the traversal continues to the next level.
  """

  __slots__ = ("children", "kind", "moves", "reward", "state")

  def __init__(self, state: pyspiel.State):
    self.state = state
    self.kind = state.get_type()
    self.moves = moves(state)
    self.reward = 0.0 if self.kind == CHANCE else reward(state)
    self.children: list[str] = []

  def follow(
    self, moves: Moves, law: list[float] | None
  ) -> Iterator[tuple[str, pyspiel.State]]:
    """Fills in the children after `moves`, and yields them with their states.

    Args:
      moves: The moves to follow.
      law: The distribution that a mean-field node receives; None for other
        nodes.
    """
    if law is None:
      states = [self.state.child(action) for action, _ in moves]
    else:
      states = [updated(self.state, law)]
    self.children = [node_string(state) for state in states]
    return zip(self.children, states)


def walk(
  roots: Sequence[pyspiel.State],
  crowd: Crowd = UNIFORM,
  known: Sequence[Level] | None = None,
  num_states: int | None = 1,
  rng: np.random.Generator | None = None,
) -> Iterator[tuple[Level, list[list[Look]]]]:
  """Yields the levels of a game, each with the states of its nodes.

  The first state of a node represents it. The `children` of a level and of its
  states are filled in when the next level is yielded.

  Args:
    roots: The initial states, each with mass one.
    crowd: The policy of all players, and the distributions that nodes receive.
    known: The levels of the game, whose moves are followed; enumerated on the
      way if not given. With known levels, the states of a node may have other
      moves and lead to other nodes if nodes receive other distributions than
      before. The caller must detect this and stop the traversal.
    num_states: The number of states kept for a node of known levels: the first
      one, and a random sample of the others; None for all.
    rng: The generator for this sample.

  Raises:
    ValueError: If a node has no move, nodes of a level have different types, or
      a string occurs in two levels. OpenSpiel's DistributionPolicy does not
      support such games either.
  """
  strings = [node_string(root) for root in roots]
  groups = [[Look(root)] for root in roots]
  masses = np.ones(len(roots))
  seen: set[str] = set()
  for index in itertools.count():
    if known is not None:
      level = known[index]
    else:
      firsts = [group[0] for group in groups]
      level = _new_level(strings, firsts, masses)
      if not seen.isdisjoint(strings):
        again = next(string for string in strings if string in seen)
        raise ValueError(
          "game must not have a node in two levels, but it has"
          f" {again!r} twice."
        )
      seen.update(strings)
      if level.kind == DECISION:
        states = [look.state for look in firsts]
        level.probabilities = crowd.probabilities(level, states)
    yield level, groups
    if level.kind == TERMINAL:
      return
    laws = crowd.told(index, level) if level.kind == MEAN_FIELD else None
    others = None
    if known is not None and num_states != 1:
      others = _Sample(known[index + 1].strings, num_states, rng)
    reached = _reached(level, groups, laws, others)
    strings = list(reached)
    if known is None:
      masses = _arrive(level, firsts, strings)
    groups = [[Look(state)] for state in reached.values()]
    if others:
      for string, group in zip(strings, groups):
        group += map(Look, others.kept.get(string, ()))


def enumerate_levels(
  roots: Sequence[pyspiel.State], crowd: Crowd = UNIFORM
) -> list[Level]:
  """Returns all levels of a game; for arguments and errors see `walk`."""
  return [level for level, _ in walk(roots, crowd)]


def _new_level(
  strings: list[str], looks: Sequence[Look], masses: np.ndarray
) -> Level:
  """Returns the level of the nodes that are represented by `looks`."""
  kinds = {look.kind for look in looks}
  if len(kinds) > 1:
    raise ValueError(
      "game must have nodes of one type after each number of moves, got"
      f" {sorted(kind.name for kind in kinds)} at {strings[0]!r}."
    )
  (kind,) = kinds
  for string, look in zip(strings, looks):
    if kind != TERMINAL and not look.moves:
      raise ValueError(
        "game must have a move at every node that is not terminal, but it has"
        f" none at {string!r}."
      )
  listed = [move for look in looks for move in look.moves]
  supports: list[Support] = []
  support_of = []
  if kind == MEAN_FIELD:
    nodes = {string: node for node, string in enumerate(strings)}
    for look in looks:
      asked = look.state.distribution_support()
      if not supports or asked != supports[-1].strings:
        places = [nodes.get(string, -1) for string in asked]
        supports.append(Support(asked, np.array(places, int)))
      support_of.append(len(supports) - 1)
  return Level(
    kind=kind,
    strings=strings,
    populations=np.array(
      [look.state.mean_field_population() for look in looks]
    ),
    masses=masses,
    rewards=np.array([look.reward for look in looks], dtype=np.float64),
    indptr=np.cumsum([0] + [len(look.moves) for look in looks]),
    actions=np.array([action for action, _ in listed], dtype=np.int64),
    probabilities=np.array([p for _, p in listed], dtype=np.float64),
    children=np.zeros(len(listed), dtype=np.int64),
    supports=supports,
    support_of=np.array(support_of, dtype=np.int64),
  )


class _Sample:
  """States of the nodes of a known level, in addition to the first ones."""

  def __init__(
    self,
    strings: Sequence[str],
    num_states: int | None,
    rng: np.random.Generator | None,
  ):
    self._most = None if num_states is None else num_states - 1
    self._rng = rng
    self._counts: collections.Counter[str] = collections.Counter()
    self.kept: dict[str, list[pyspiel.State]] = {s: [] for s in strings}

  def add(self, string: str, state: pyspiel.State) -> None:
    """Adds a state, so that each state of a node is kept equally likely."""
    kept = self.kept.get(string)
    if kept is None:
      return
    self._counts[string] += 1
    if self._most is None or len(kept) < self._most:
      kept.append(state)
    elif kept and self._rng is not None:
      place = self._rng.integers(self._counts[string])
      if place < len(kept):
        kept[place] = state


def _reached(
  level: Level,
  groups: Sequence[list[Look]],
  laws: list[list[float]] | None,
  others: _Sample | None,
) -> dict[str, pyspiel.State]:
  """Returns the nodes of the next level with their first states.

  Args:
    level: A level.
    groups: The states of its nodes.
    laws: For a mean-field level, the distributions that its nodes receive.
    others: Collects all further states; None if they are not needed.
  """
  result: dict[str, pyspiel.State] = {}
  moves = level.moves()
  for node, (first, *rest) in enumerate(groups):
    law = None if laws is None else laws[node]
    for string, state in first.follow(moves[node], law):
      if result.setdefault(string, state) is not state and others:
        others.add(string, state)
    for look in rest:
      if look.kind == level.kind and others:
        for string, state in look.follow(look.moves, law):
          others.add(string, state)
  return result


def _arrive(
  level: Level, looks: Sequence[Look], strings: Sequence[str]
) -> np.ndarray:
  """Fills in the children of `level`, and returns the (n',) masses below.

  Args:
    level: A level.
    looks: The states that represent its nodes.
    strings: The n' strings of the next level.
  """
  nodes = {string: node for node, string in enumerate(strings)}
  level.children = np.array(
    [nodes[string] for look in looks for string in look.children]
  )
  weights = level.masses[level.origins] * level.probabilities
  return np.bincount(level.children, weights, minlength=len(strings))


def first_states_below(
  level: Level, states: Sequence[pyspiel.State], masses: np.ndarray
) -> list[pyspiel.State]:
  """Returns the states that represent the nodes of the next level.

  Args:
    level: A level.
    states: The states that represent its nodes.
    masses: (n,), the masses of these nodes; a mean-field level receives them.
  """
  _, first_moves = np.unique(level.children, return_index=True)
  nodes = level.origins[first_moves].tolist()
  if level.kind == MEAN_FIELD:
    laws = level.told(masses)
    return [updated(states[node], laws[node]) for node in nodes]
  actions = level.actions[first_moves].tolist()
  return [states[node].child(action) for node, action in zip(nodes, actions)]


def replay(
  roots: Sequence[pyspiel.State], levels: Sequence[Level]
) -> Iterator[list[pyspiel.State]]:
  """Yields the states that represent the nodes of each level, created again."""
  states = list(roots)
  yield states
  for level in levels[:-1]:
    states = first_states_below(level, states, level.masses)
    yield states
