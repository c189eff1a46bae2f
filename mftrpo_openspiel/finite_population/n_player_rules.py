"""The rules of N-player versions of mean-field games.

The current position of a play is a `Node`, which is immutable; `root`,
`after_chance` and `after_actions` return nodes. The order of nodes and the
times of rewards are described in `n_player_game`, which defines the OpenSpiel
game.
"""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools

import pyspiel

CHANCE = int(pyspiel.PlayerId.CHANCE)
SIMULTANEOUS = int(pyspiel.PlayerId.SIMULTANEOUS)
TERMINAL = int(pyspiel.PlayerId.TERMINAL)
DEFAULT_PLAYER = pyspiel.PlayerId.DEFAULT_PLAYER_ID
# The action of a player that waits while others choose.
WAIT = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
  """A position of a play. It is immutable, and shared by clones of the state.

  Attributes:
    player: The current player, as a PlayerId.
    states: The state of each player in the mean-field game.
    pending: The players whose chance nodes come next.
    due: Rewards of each player that are not paid yet.
    rewards: The reward that each player receives at this node.
    returns: The sum of rewards of each player up to and including this node.
    previous: The last node where players chose, and their actions.
  """

  player: int
  states: tuple[pyspiel.State, ...]
  pending: tuple[int, ...]
  due: tuple[float, ...]
  rewards: tuple[float, ...]
  returns: tuple[float, ...]
  previous: "tuple[Node, tuple[int, ...]] | None"

  # OpenSpiel clones a state by deep-copying all its attributes.
  def __deepcopy__(self, memo):
    return self

  # States of mean-field games written in C++ cannot be pickled. A node is
  # restored as None, and the state then replays its history.
  def __reduce__(self):
    return type(None), ()

  @functools.cached_property
  def strings(self) -> list[str]:
    """The observation string of each player's state."""
    return [_node_string(state) for state in self.states]

  @functools.cached_property
  def counts(self) -> str:
    """The number of players at each node, as text."""
    counts = sorted(collections.Counter(self.strings).items())
    return ", ".join(f"{string}: {count}" for string, count in counts)

  def legal_actions(self, player: int) -> list[int]:
    """Returns the legal actions of `player` where players choose."""
    state = self.states[player]
    return state.legal_actions() if decides(state) else [WAIT]


def _node_string(state: pyspiel.State) -> str:
  """Returns the string that identifies nodes in OpenSpiel's MFG utilities."""
  return state.observation_string(DEFAULT_PLAYER)


def decides(state: pyspiel.State) -> bool:
  """Returns whether a player with this state chooses an action."""
  return state.get_type() == pyspiel.StateType.DECISION


def _moved(
  states: Sequence[pyspiel.State],
  due: Sequence[float],
  changes: Mapping[int, pyspiel.State],
) -> tuple[list[pyspiel.State], list[float]]:
  """Returns the states with these changes, and the rewards due after them."""
  states, due = list(states), list(due)
  for player, state in changes.items():
    states[player] = state
    # OpenSpiel's mean-field utilities count these rewards.
    if not state.is_chance_node():
      due[player] += state.rewards()[0]
  return states, due


def _with_crowd(states: Sequence[pyspiel.State]) -> dict[int, pyspiel.State]:
  """Returns the states after the mean-field nodes among `states`, by player.

  As in OpenSpiel, nodes of the support where no player is have mass 0.
  """
  strings = {
    i: _node_string(state)
    for i, state in enumerate(states)
    if state.is_mean_field_node()
  }
  counts = collections.Counter(strings.values())
  distributions: dict[str, list[float]] = {}
  after = {}
  for i, string in strings.items():
    if string not in distributions:
      support = states[i].distribution_support()
      distributions[string] = [counts[x] / len(states) for x in support]
    after[i] = states[i].clone()
    after[i].update_distribution(distributions[string])
  return after


def _settled(
  states: Sequence[pyspiel.State],
  due: Sequence[float],
  returns: tuple[float, ...],
  previous: tuple[Node, tuple[int, ...]] | None,
) -> Node:
  """Returns the next node where chance or a player with a choice acts.

  Args:
    states: The states of the players.
    due: Unpaid rewards of each player, including those of `states`.
    returns: The sum of rewards that each player has received.
    previous: The last node where players chose, and their actions.
  """
  nothing = (0.0,) * len(states)
  while True:
    pending = tuple(i for i, s in enumerate(states) if s.is_chance_node())
    if pending:
      return Node(
        CHANCE, tuple(states), pending, tuple(due), nothing, returns, previous
      )
    actions = {
      i: state.legal_actions()
      for i, state in enumerate(states)
      if decides(state)
    }
    is_over = all(state.is_terminal() for state in states)
    if is_over or any(len(choices) > 1 for choices in actions.values()):
      player = TERMINAL if is_over else SIMULTANEOUS
      if previous is None and not is_over:
        rewards, due = nothing, tuple(due)
      else:
        rewards, due = tuple(due), nothing
      returns = tuple(map(sum, zip(returns, rewards)))
      return Node(player, tuple(states), (), due, rewards, returns, previous)
    if actions:
      changes = {i: states[i].child(choice) for i, (choice,) in actions.items()}
    else:
      changes = _with_crowd(states)
    states, due = _moved(states, due, changes)


def root(game: pyspiel.Game, num_players: int) -> Node:
  """Returns the first node of a play."""
  state = game.new_initial_state()
  first: dict[int, pyspiel.State] = dict.fromkeys(range(num_players), state)
  nothing = (0.0,) * num_players
  return _settled(*_moved([state] * num_players, nothing, first), nothing, None)


def after_chance(node: Node, outcome: int) -> Node:
  """Returns the node after the chance node of the first pending player."""
  player = node.pending[0]
  state = node.states[player].child(outcome)
  states, due = _moved(node.states, node.due, {player: state})
  pending = node.pending[0 if state.is_chance_node() else 1 :]
  if not pending:
    return _settled(states, due, node.returns, node.previous)
  return dataclasses.replace(
    node, states=tuple(states), pending=pending, due=tuple(due)
  )


def after_actions(node: Node, actions: Sequence[int]) -> Node:
  """Returns the node after the actions of all players.

  Actions of players with only one legal action are ignored.

  Raises:
    ValueError: If an action is not legal.
  """
  changes = {}
  for player, (state, action) in enumerate(zip(node.states, actions)):
    legal = node.legal_actions(player)
    if len(legal) == 1:
      action = legal[0]
    elif action not in legal:
      raise ValueError(
        f"action of player {player} must be one of {legal} at"
        f" {node.strings[player]}, got {action}."
      )
    if decides(state):
      changes[player] = state.child(action)
  states, due = _moved(node.states, node.due, changes)
  previous = node, tuple(actions)
  return _settled(states, due, node.returns, previous)
