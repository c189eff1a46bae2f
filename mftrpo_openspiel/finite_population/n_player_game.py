"""Any OpenSpiel mean-field game of one population, played by N players.

Each player has a state of the mean-field game of its own. A play is

    chance of player 0, ..., chance of player N - 1
    [ all players choose an action at the same time
   -> chance of player 0, ..., chance of player N - 1 ]*  and then terminal.

Where the states of the mean-field game come to mean-field nodes, all of them
are given the empirical distribution: how many players are at each node of the
support, divided by N. A state that gets there before the others waits for them.
These nodes are no nodes of the N-player game, nor are those where nobody has a
choice: they are passed at once.

A player is paid what its state pays at decision, mean-field and terminal nodes,
which are the rewards that OpenSpiel's mean-field utilities count. It is paid at
the next node where players choose, or at the end. What is due at the first such
node is paid at the second, as OpenSpiel's RL environment hands out no rewards
when a play begins. Rewards that contain the discount keep it.

    game = mftrpo_openspiel.NPlayerGame(mean_field_game, num_players=3)
    policy = game.n_player_policy(solver.get_policy())
    nash_conv.nash_conv(game, policy)  # Of open_spiel.python.algorithms.

or, loaded by name,

    pyspiel.load_game(
      "python_n_player_mean_field_game(game=python_mfg_two_islands(horizon=4),"
      "num_players=3,observation=counts)")
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.utils import validation

SHORT_NAME = "python_n_player_mean_field_game"
# What a player sees: its own node, or also how many players are at each node.
OBSERVATIONS = ("own", "counts")

_CHANCE = int(pyspiel.PlayerId.CHANCE)
_SIMULTANEOUS = int(pyspiel.PlayerId.SIMULTANEOUS)
_TERMINAL = int(pyspiel.PlayerId.TERMINAL)
_DEFAULT_PLAYER = pyspiel.PlayerId.DEFAULT_PLAYER_ID
# The action of a player who waits while others choose.
_WAIT = 0


def _game_type(has_tensor: bool, has_chance: bool) -> pyspiel.GameType:
  """Returns the OpenSpiel type; tensors are those of the mean-field game."""
  chance_mode = pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC
  if not has_chance:
    chance_mode = pyspiel.GameType.ChanceMode.DETERMINISTIC
  return pyspiel.GameType(
    short_name=SHORT_NAME,
    long_name="Python N-Player Mean Field Game",
    dynamics=pyspiel.GameType.Dynamics.SIMULTANEOUS,
    chance_mode=chance_mode,
    information=pyspiel.GameType.Information.IMPERFECT_INFORMATION,
    utility=pyspiel.GameType.Utility.GENERAL_SUM,
    reward_model=pyspiel.GameType.RewardModel.REWARDS,
    max_num_players=validation.INT32[1],
    min_num_players=1,
    provides_information_state_string=True,
    provides_information_state_tensor=False,
    provides_observation_string=True,
    provides_observation_tensor=has_tensor,
    parameter_specification={
      "game": {"name": "python_mfg_two_islands"},
      "num_players": 2,
      "observation": "own",
    },
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Node:
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
  previous: "tuple[_Node, tuple[int, ...]] | None"

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
    return state.legal_actions() if _decides(state) else [_WAIT]


def _node_string(state: pyspiel.State) -> str:
  """Returns what OpenSpiel's mean-field utilities tell nodes apart by."""
  return state.observation_string(_DEFAULT_PLAYER)


def _decides(state: pyspiel.State) -> bool:
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
  previous: tuple[_Node, tuple[int, ...]] | None,
) -> _Node:
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
      return _Node(
        _CHANCE, tuple(states), pending, tuple(due), nothing, returns, previous
      )
    actions = {
      i: state.legal_actions()
      for i, state in enumerate(states)
      if _decides(state)
    }
    is_over = all(state.is_terminal() for state in states)
    if is_over or any(len(choices) > 1 for choices in actions.values()):
      player = _TERMINAL if is_over else _SIMULTANEOUS
      if previous is None and not is_over:
        rewards, due = nothing, tuple(due)
      else:
        rewards, due = tuple(due), nothing
      returns = tuple(map(sum, zip(returns, rewards)))
      return _Node(player, tuple(states), (), due, rewards, returns, previous)
    if actions:
      changes = {i: states[i].child(choice) for i, (choice,) in actions.items()}
    else:
      changes = _with_crowd(states)
    states, due = _moved(states, due, changes)


def _root(game: pyspiel.Game, num_players: int) -> _Node:
  """Returns the first node of a play."""
  state = game.new_initial_state()
  first: dict[int, pyspiel.State] = dict.fromkeys(range(num_players), state)
  nothing = (0.0,) * num_players
  return _settled(*_moved([state] * num_players, nothing, first), nothing, None)


def _after_chance(node: _Node, outcome: int) -> _Node:
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


def _after_actions(node: _Node, actions: Sequence[int]) -> _Node:
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
    if _decides(state):
      changes[player] = state.child(action)
  states, due = _moved(node.states, node.due, changes)
  previous = node, tuple(actions)
  return _settled(states, due, node.returns, previous)


class NPlayerGame(pyspiel.Game):
  """A mean-field game of one population, played by N players.

  Attributes:
    mean_field_game: The game that each player plays in the crowd of all.
    observation: One of `OBSERVATIONS`: what a player sees. The information
      state is all that it has seen and done so far (perfect recall).
  """

  def __init__(
    self, game: pyspiel.Game, num_players: int, observation: str = "own"
  ):
    """Initializes the game.

    Args:
      game: A mean-field game of one population.
      num_players: N, at least 1.
      observation: "own": a player sees the node of its own state, which tells
        state and time; "counts": also how many players are at each node.

    Raises:
      ValueError: If an argument is none of these.
    """
    games.check_game(game)
    if game.num_players() != 1:
      raise ValueError(
        "game must be of one population, got"
        f" {game.get_type().short_name!r} of {game.num_players()}."
      )
    num_players = validation.check_int(
      "num_players", num_players, 1, validation.INT32[1]
    )
    self.mean_field_game = game
    self.observation = validation.check_choice(
      "observation", observation, OBSERVATIONS
    )
    info = pyspiel.GameInfo(
      num_distinct_actions=game.num_distinct_actions(),
      max_chance_outcomes=game.max_chance_outcomes(),
      num_players=num_players,
      min_utility=game.min_utility(),
      max_utility=game.max_utility(),
      utility_sum=None,
      max_game_length=game.max_game_length(),
    )
    parameters = {
      "game": {"name": game.get_type().short_name, **game.get_parameters()},
      "num_players": num_players,
      "observation": observation,
    }
    self.has_tensor = game.get_type().provides_observation_tensor
    has_chance = game.max_chance_nodes_in_history() > 0
    super().__init__(_game_type(self.has_tensor, has_chance), info, parameters)

  # OpenSpiel would unpickle games without their attributes, also those written
  # in Python that are played here.
  def __reduce__(self):
    game_type = self.mean_field_game.get_type()
    if game_type.short_name in pyspiel.registered_names():
      return Loader, (self.get_parameters(),)
    return NPlayerGame, (
      self.mean_field_game,
      self.num_players(),
      self.observation,
    )

  def __deepcopy__(self, memo):
    return self

  def new_initial_state(self) -> "NPlayerState":
    """Returns the first node of a play."""
    return NPlayerState(self)

  def max_chance_nodes_in_history(self) -> int:
    """Returns the number of chance nodes in a play."""
    number = self.mean_field_game.max_chance_nodes_in_history()
    return number * self.num_players()

  def make_py_observer(
    self,
    iig_obs_type: pyspiel.IIGObservationType | None = None,
    params: Any = None,
  ) -> "Observer":
    """Returns what observes states; see `Observer`.

    Args:
      iig_obs_type: What it sees; None for what one player sees, without recall.
      params: None, or empty.

    Raises:
      ValueError: If there are parameters, or it should see what all players do.
    """
    if params:
      raise ValueError(f"observation parameters must be none, got {params}.")
    default = pyspiel.IIGObservationType(perfect_recall=False)
    return Observer(self, iig_obs_type or default)

  def n_player_policy(self, policy: policy_lib.Policy) -> "NPlayerPolicy":
    """Returns the policy by which all players play `policy`.

    Args:
      policy: A policy of the mean-field game, such as the `get_policy()` of an
        algorithm, or OpenSpiel's.

    Raises:
      ValueError: If it is no OpenSpiel policy.
    """
    return NPlayerPolicy(self, policy)

  @functools.cached_property
  def root(self) -> _Node:
    """The first node of a play."""
    return _root(self.mean_field_game, self.num_players())

  def replay(self, history: Iterable[int]) -> _Node:
    """Returns the node after these outcomes and actions, in their order."""
    node, items = self.root, iter(history)
    for item in items:
      if node.player == _CHANCE:
        node = _after_chance(node, item)
      else:
        rest = [next(items) for _ in range(self.num_players() - 1)]
        node = _after_actions(node, [item, *rest])
    return node


def _restored_state(game: NPlayerGame, text: str) -> "NPlayerState":
  """Returns the state of `game` that was serialized as `text`."""
  return game.deserialize_state(text)


class NPlayerState(pyspiel.State):
  """A node of a play; see the module for the order in which they come."""

  # Until it is asked for; without a constructor of its own, a state is cloned
  # faster.
  _node: _Node | None = None

  def __reduce__(self):
    return _restored_state, (self.get_game(), self.serialize())

  @property
  def node(self) -> _Node:
    """Where the play stands."""
    if self._node is None:
      self._node = self.get_game().replay(self.history())
    return self._node

  def mean_field_state(self, player: int) -> pyspiel.State:
    """Returns the state of the mean-field game that `player` has.

    It belongs to this state: clone it before you change it.
    """
    return self.node.states[player]

  # OpenSpiel (PySpiel) API functions are below.

  def current_player(self) -> int:
    """Returns whose turn it is: of chance, of all players, or TERMINAL."""
    return self.node.player

  def is_terminal(self) -> bool:
    """Returns whether the play is over."""
    return self.node.player == _TERMINAL

  def _legal_actions(self, player: int) -> list[int]:
    """Returns the legal actions of a player where players choose.

    Who waits for the others has the action 0 alone.
    """
    if player < 0:
      raise ValueError(f"player must be given where players choose at {self}.")
    return self.node.legal_actions(player)

  def chance_outcomes(self) -> list[tuple[int, float]]:
    """Returns the outcomes of the player whose chance node it is.

    Raises:
      ValueError: If this is no chance node.
    """
    node = self.node
    if node.player != _CHANCE:
      raise ValueError(f"{self} is not a chance node.")
    return node.states[node.pending[0]].chance_outcomes()

  def _apply_action(self, action: int) -> None:
    """Applies an outcome of chance.

    Raises:
      ValueError: If it is none, or this is no chance node.
    """
    outcomes = [outcome for outcome, _ in self.chance_outcomes()]
    if action not in outcomes:
      raise ValueError(
        f"action must be one of {outcomes} at {self}, got {action}."
      )
    self._node = _after_chance(self.node, action)

  def _apply_actions(self, actions: list[int]) -> None:
    """Applies the actions of all players; who has no choice may play any.

    Raises:
      ValueError: If one is not legal, or players do not choose here.
    """
    if self.node.player != _SIMULTANEOUS:
      raise ValueError(f"players do not choose at {self}.")
    self._node = _after_actions(self.node, actions)

  def rewards(self) -> list[float]:
    """Returns what each player is paid at this node."""
    return list(self.node.rewards)

  def returns(self) -> list[float]:
    """Returns what each player was paid up to and with this node."""
    return list(self.node.returns)

  def _action_to_string(self, player: int, action: int) -> str:
    """Returns an action for people to read."""
    node = self.node
    if player == _CHANCE:
      mover = node.pending[0]
      text = node.states[mover].action_to_string(player, action)
      return f"player {mover}: {text}"
    state = node.states[player]
    if not _decides(state):
      return "wait"
    return state.action_to_string(_DEFAULT_PLAYER, action)

  def __str__(self) -> str:
    """A string with the nodes of all players, and whose chance comes next."""
    text = "; ".join(f"{i}: {x}" for i, x in enumerate(self.node.strings))
    pending = self.node.pending
    return f"{text}; chance of {pending[0]}" if pending else text


class Observer:
  """Observer, conforming to the PyObserver interface (see observation.py).

  The node of a player's state is its private information. With the observation
  "counts" it is public how many players are at each node, and nothing is public
  otherwise. With perfect recall an observer also has what was seen at all nodes
  where players chose, and what the player did there.

  Attributes:
    tensor: Without recall, and where the mean-field game has tensors: that of
      the player's state, and for "counts" the mean of those of all players.
      None otherwise.
    dict: The parts of it by name: "own" and "crowd".
  """

  def __init__(
    self, game: NPlayerGame, iig_obs_type: pyspiel.IIGObservationType
  ):
    """Initializes an empty observation.

    Args:
      game: Of which.
      iig_obs_type: What is seen.

    Raises:
      ValueError: If that is the private information of all players.
    """
    if iig_obs_type.private_info == pyspiel.PrivateInfoType.ALL_PLAYERS:
      raise ValueError(
        "iig_obs_type must be of the private information of one player or none,"
        " got that of all players."
      )
    single = pyspiel.PrivateInfoType.SINGLE_PLAYER
    self._shows_own = iig_obs_type.private_info == single
    self._shows_counts = (
      iig_obs_type.public_info and game.observation == "counts"
    )
    self._has_recall = iig_obs_type.perfect_recall
    names = self._shows_own * ["own"] + self._shows_counts * ["crowd"]
    self.tensor: np.ndarray | None = None
    self.dict: dict[str, np.ndarray] = {}
    if game.has_tensor and names and not self._has_recall:
      size = game.mean_field_game.observation_tensor_size()
      self.tensor = np.zeros(size * len(names), np.float32)
      self.dict = dict(zip(names, np.split(self.tensor, len(names))))

  def set_from(self, state: NPlayerState, player: int) -> None:
    """Updates `tensor` and `dict` to reflect `state` from PoV of `player`."""
    states = state.node.states
    if "own" in self.dict:
      self.dict["own"][:] = states[player].observation_tensor(_DEFAULT_PLAYER)
    if "crowd" in self.dict:
      tensors = [other.observation_tensor(_DEFAULT_PLAYER) for other in states]
      self.dict["crowd"][:] = np.mean(tensors, axis=0)

  def string_from(self, state: NPlayerState, player: int) -> str:
    """Observation of `state` from the PoV of `player`, as a string."""
    parts = [self._seen(state.node, player)]
    if not self._has_recall:
      return parts[0]
    previous = state.node.previous
    while previous is not None:
      node, actions = previous
      if self._shows_own:
        parts.append(str(actions[player]))
      parts.append(self._seen(node, player))
      previous = node.previous
    text = " -> ".join(reversed(parts))
    return f"player {player}: {text}" if self._shows_own else text

  def _seen(self, node: _Node, player: int) -> str:
    own = self._shows_own * [node.strings[player]]
    counts = self._shows_counts * [f"{{{node.counts}}}"]
    return " ".join(own + counts)


class NPlayerPolicy(policy_lib.Policy):
  """A policy of the mean-field game, played by all players.

  It answers at states of an `NPlayerGame`, and of the turn-based game that
  `pyspiel.convert_to_turn_based` makes of it.
  """

  def __init__(self, game: NPlayerGame, policy: policy_lib.Policy):
    """Initializes the policy; see `NPlayerGame.n_player_policy`."""
    validation.check_type("policy", policy, policy_lib.Policy)
    super().__init__(game, list(range(game.num_players())))
    self._policy = policy

  def action_probabilities(
    self, state: pyspiel.State, player_id: int | None = None
  ) -> dict[int, float]:
    """Returns {action: probability} for the legal actions of a player.

    Args:
      state: Where players choose.
      player_id: Of the player; may be left out in the turn-based game.

    Raises:
      ValueError: If no player is given where all of them choose.
    """
    if player_id is None:
      player_id = state.current_player()
    if player_id < 0:
      raise ValueError("player_id must be given where all players choose.")
    if isinstance(state, pyspiel.TurnBasedSimultaneousState):
      state = state.simultaneous_game_state()
    own = state.mean_field_state(player_id)
    if not _decides(own):
      return {_WAIT: 1.0}
    return self._policy.action_probabilities(own, _DEFAULT_PLAYER)


class Loader:
  """What OpenSpiel makes the game by: `Loader(parameters)` is an `NPlayerGame`.

  It is a class because OpenSpiel lets go of what is registered after the end of
  the interpreter, which functions do not survive.
  """

  def __new__(cls, parameters: Mapping[str, Any]) -> NPlayerGame:
    """Returns the game with these parameters.

    Raises:
      ValueError: If there is no such game, or a parameter is refused.
    """
    mean_field = dict(parameters["game"])
    name = mean_field.pop("name")
    if name not in pyspiel.registered_names():
      raise ValueError(
        f"game must be registered with OpenSpiel, got {name!r}; importing"
        " open_spiel.python.mfg.games registers its mean-field games in Python."
      )
    try:
      game = pyspiel.load_game(name, mean_field)
    except pyspiel.SpielError as error:
      reason = " ".join(str(error).split())
      raise ValueError(f"game is refused by OpenSpiel: {reason}") from None
    return NPlayerGame(
      game, parameters["num_players"], parameters["observation"]
    )


pyspiel.register_game(_game_type(has_tensor=True, has_chance=True), Loader)
