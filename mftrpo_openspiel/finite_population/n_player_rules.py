"""The rules of a mean-field game that N players play: what follows on what.

A play stands at a `Node`, which is never changed; `root`, `after_chance` and
`after_actions` give the next ones. `n_player_game` says in which order they
come and when players are paid, and makes an OpenSpiel game of them.
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
# The action of a player who waits while others choose.
WAIT = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
  """Where a play stands; never changed, and shared by clones of the state.

  Attributes:
    player: Whose turn it is, as a PlayerId.
    states: The states of the mean-field game, one for each player.
    pending: The players whose chance nodes come next.
    due: What each player has earned and was not paid yet.
    rewards: What each player is paid here.
    returns: What each player was paid so far, also here.
    previous: The last node where players chose, and what they chose.
  """

  player: int
  states: tuple[pyspiel.State, ...]
  pending: tuple[int, ...]
  due: tuple[float, ...]
  rewards: tuple[float, ...]
  returns: tuple[float, ...]
  previous: "tuple[Node, tuple[int, ...]] | None"

  # OpenSpiel clones a state by deep-copying every attribute of it.
  def __deepcopy__(self, memo):
    return self

  # Mean-field games written in C++ do not survive pickling: the state that
  # finds None instead plays its history again.
  def __reduce__(self):
    return type(None), ()

  @functools.cached_property
  def strings(self) -> list[str]:
    """The observation string of each player's state."""
    return [_node_string(state) for state in self.states]

  @functools.cached_property
  def counts(self) -> str:
    """How many players are at each node, as a text."""
    counts = sorted(collections.Counter(self.strings).items())
    return ", ".join(f"{string}: {count}" for string, count in counts)

  def legal_actions(self, player: int) -> list[int]:
    """Returns what `player` may do where players choose."""
    state = self.states[player]
    return state.legal_actions() if decides(state) else [WAIT]


def _node_string(state: pyspiel.State) -> str:
  """Returns what OpenSpiel's mean-field utilities tell nodes apart by."""
  return state.observation_string(DEFAULT_PLAYER)


def decides(state: pyspiel.State) -> bool:
  """Returns whether a player with this state chooses an action."""
  return state.get_type() == pyspiel.StateType.DECISION


def _moved(
  states: Sequence[pyspiel.State],
  due: Sequence[float],
  changes: Mapping[int, pyspiel.State],
) -> tuple[list[pyspiel.State], list[float]]:
  """Returns the states with these changes, and what is due then."""
  states, due = list(states), list(due)
  for player, state in changes.items():
    states[player] = state
    # What OpenSpiel's mean-field utilities count.
    if not state.is_chance_node():
      due[player] += state.rewards()[0]
  return states, due


def _with_crowd(states: Sequence[pyspiel.State]) -> dict[int, pyspiel.State]:
  """Returns what follows on the mean-field nodes among the states, by player.

  As in OpenSpiel, what is in the support of a node but not among the nodes of
  the players has mass 0.
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
  """Returns the next node, where chance or somebody with a choice acts.

  Args:
    states: Of the players.
    due: What each player has earned, also at these states.
    returns: What each player was paid so far.
    previous: The last node where players chose, and what they chose.
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
  """Returns what follows on the chance node of the first pending player."""
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
  """Returns what follows on the actions of all players.

  Raises:
    ValueError: If one of them is not legal; who has no choice may play any.
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
