"""N-player games from OpenSpiel mean-field games of one population.

Each player has its own state of the mean-field game. A play is

    chance of player 0, ..., chance of player N - 1
    [ all players choose an action at the same time
   -> chance of player 0, ..., chance of player N - 1 ]*  and then terminal.

At mean-field nodes, the states receive the empirical distribution: the number
of players at each node of the support, divided by N. A state that reaches a
mean-field node before the others waits for them. These nodes are not nodes of
the N-player game, and neither are decision nodes where no player has more than
one legal action: the game continues immediately.

A player receives the rewards of its state at decision, mean-field and terminal
nodes, which are the rewards that OpenSpiel's mean-field utilities count. It
receives them at the next node where players choose actions, or at the end.
Rewards due at the first such node are paid at the second, because OpenSpiel's
RL environment ignores rewards at the beginning of a play. Rewards that include
the discount factor are not changed.

    game = mftrpo_openspiel.NPlayerGame(mean_field_game, num_players=3)
    policy = game.n_player_policy(solver.get_policy())
    nash_conv.nash_conv(game, policy)  # Of open_spiel.python.algorithms.

or, by name,

    pyspiel.load_game(
      "python_n_player_mean_field_game(game=python_mfg_two_islands(horizon=4),"
      "num_players=3,observation=counts)")
"""

from collections.abc import Iterable
from collections.abc import Mapping
import functools
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.finite_population import n_player_rules
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.utils import validation

SHORT_NAME = "python_n_player_mean_field_game"
# What a player observes: its own node, or also the number of players at each
# node.
OBSERVATIONS = ("own", "counts")


def _game_type(has_tensor: bool, has_chance: bool) -> pyspiel.GameType:
  """Returns the OpenSpiel game type."""
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


class NPlayerGame(pyspiel.Game):
  """A mean-field game of one population, played by N players.

  Attributes:
    mean_field_game: The mean-field game.
    observation: One of `OBSERVATIONS`: what a player observes. The information
      state consists of all its past observations and actions (perfect recall).
  """

  def __init__(
    self, game: pyspiel.Game, num_players: int, observation: str = "own"
  ):
    """Initializes the game.

    Args:
      game: A mean-field game of one population.
      num_players: N, at least 1.
      observation: "own": a player observes the node of its own state, which
        contains state and time; "counts": also the number of players at each
        node.

    Raises:
      ValueError: If an argument is not valid.
    """
    games.check_game(game)
    if game.num_players() != 1:
      raise ValueError(
        "game must have one population, got"
        f" {game.get_type().short_name!r} with {game.num_players()}."
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

  # Without this, OpenSpiel would unpickle games without their Python
  # attributes, including `mean_field_game` if it is written in Python.
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
    """Returns an observer of states; see `Observer`.

    Args:
      iig_obs_type: The type of observation; None for that of one player,
        without recall.
      params: None, or empty.

    Raises:
      ValueError: If there are parameters, or `iig_obs_type` includes the
        private information of all players.
    """
    if params:
      raise ValueError(f"observation parameters must be none, got {params}.")
    default = pyspiel.IIGObservationType(perfect_recall=False)
    return Observer(self, iig_obs_type or default)

  def n_player_policy(self, policy: policy_lib.Policy) -> "NPlayerPolicy":
    """Returns the policy of this game in which all players use `policy`.

    Args:
      policy: A policy of the mean-field game, such as the `get_policy()` of an
        algorithm, or OpenSpiel's.

    Raises:
      ValueError: If it is not an OpenSpiel policy.
    """
    return NPlayerPolicy(self, policy)

  @functools.cached_property
  def root(self) -> n_player_rules.Node:
    """The first node of a play."""
    return n_player_rules.root(self.mean_field_game, self.num_players())

  def replay(self, history: Iterable[int]) -> n_player_rules.Node:
    """Returns the node after these outcomes and actions, in order."""
    node, items = self.root, iter(history)
    for item in items:
      if node.player == n_player_rules.CHANCE:
        node = n_player_rules.after_chance(node, item)
      else:
        rest = [next(items) for _ in range(self.num_players() - 1)]
        node = n_player_rules.after_actions(node, [item, *rest])
    return node


def _restored_state(game: NPlayerGame, text: str) -> "NPlayerState":
  """Returns the state of `game` that was serialized as `text`."""
  return game.deserialize_state(text)


class NPlayerState(pyspiel.State):
  """A node of a play; see the module for their order."""

  # None until it is needed. A state without a Python constructor is cloned
  # faster.
  _node: n_player_rules.Node | None = None

  def __reduce__(self):
    return _restored_state, (self.get_game(), self.serialize())

  @property
  def node(self) -> n_player_rules.Node:
    """The current node of the play."""
    if self._node is None:
      self._node = self.get_game().replay(self.history())
    return self._node

  def mean_field_state(self, player: int) -> pyspiel.State:
    """Returns the state of `player` in the mean-field game.

    Clone it before you change it: it is not a copy.
    """
    return self.node.states[player]

  # OpenSpiel (PySpiel) API functions are below.

  def current_player(self) -> int:
    """Returns CHANCE, SIMULTANEOUS (all players choose) or TERMINAL."""
    return self.node.player

  def is_terminal(self) -> bool:
    """Returns whether the play is over."""
    return self.node.player == n_player_rules.TERMINAL

  def _legal_actions(self, player: int) -> list[int]:
    """Returns the legal actions of a player where players choose.

    A player that waits for the others has only the action 0.
    """
    if player < 0:
      raise ValueError(f"player must be given where players choose, at {self}.")
    return self.node.legal_actions(player)

  def chance_outcomes(self) -> list[tuple[int, float]]:
    """Returns the outcomes of the player whose chance node it is.

    Raises:
      ValueError: If this is not a chance node.
    """
    node = self.node
    if node.player != n_player_rules.CHANCE:
      raise ValueError(f"{self} is not a chance node.")
    return node.states[node.pending[0]].chance_outcomes()

  def _apply_action(self, action: int) -> None:
    """Applies an outcome of chance.

    Raises:
      ValueError: If it is not an outcome, or this is not a chance node.
    """
    outcomes = [outcome for outcome, _ in self.chance_outcomes()]
    if action not in outcomes:
      raise ValueError(
        f"action must be one of {outcomes} at {self}, got {action}."
      )
    self._node = n_player_rules.after_chance(self.node, action)

  def _apply_actions(self, actions: list[int]) -> None:
    """Applies the actions of all players.

    Actions of players with only one legal action are ignored.

    Raises:
      ValueError: If an action is not legal, or players do not choose here.
    """
    if self.node.player != n_player_rules.SIMULTANEOUS:
      raise ValueError(f"players do not choose at {self}.")
    self._node = n_player_rules.after_actions(self.node, actions)

  def rewards(self) -> list[float]:
    """Returns the reward of each player at this node."""
    return list(self.node.rewards)

  def returns(self) -> list[float]:
    """Returns the sums of the rewards of each player, including this node."""
    return list(self.node.returns)

  def _action_to_string(self, player: int, action: int) -> str:
    """Returns a readable description of an action."""
    node = self.node
    if player == n_player_rules.CHANCE:
      mover = node.pending[0]
      text = node.states[mover].action_to_string(player, action)
      return f"player {mover}: {text}"
    state = node.states[player]
    if not n_player_rules.decides(state):
      return "wait"
    return state.action_to_string(n_player_rules.DEFAULT_PLAYER, action)

  def __str__(self) -> str:
    """Returns the nodes of all players, and whose chance event is next."""
    text = "; ".join(f"{i}: {x}" for i, x in enumerate(self.node.strings))
    pending = self.node.pending
    return f"{text}; chance of {pending[0]}" if pending else text


class Observer:
  """Observer, conforming to the PyObserver interface (see observation.py).

  The node of a player's state is its private information. With the observation
  "counts" the number of players at each node is public information; otherwise
  nothing is public. With perfect recall, an observation also contains the
  observations at all past nodes where players chose, and the actions of the
  player there.

  Attributes:
    tensor: Without recall, and if the mean-field game has observation tensors:
      the tensor of the player's state, and for "counts" the mean of the tensors
      of all players. None otherwise.
    dict: The parts of the tensor by name: "own" and "crowd".
  """

  def __init__(
    self, game: NPlayerGame, iig_obs_type: pyspiel.IIGObservationType
  ):
    """Initializes an empty observation.

    Args:
      game: The game.
      iig_obs_type: The type of observation.

    Raises:
      ValueError: If it includes the private information of all players.
    """
    if iig_obs_type.private_info == pyspiel.PrivateInfoType.ALL_PLAYERS:
      raise ValueError(
        "iig_obs_type must contain the private information of one player or"
        " none, got that of all players."
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
      self.dict["own"][:] = states[player].observation_tensor(
        n_player_rules.DEFAULT_PLAYER
      )
    if "crowd" in self.dict:
      tensors = [
        other.observation_tensor(n_player_rules.DEFAULT_PLAYER)
        for other in states
      ]
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

  def _seen(self, node: n_player_rules.Node, player: int) -> str:
    own = self._shows_own * [node.strings[player]]
    counts = self._shows_counts * [f"{{{node.counts}}}"]
    return " ".join(own + counts)


class NPlayerPolicy(policy_lib.Policy):
  """A policy of the mean-field game, used by all players.

  It is defined at states of an `NPlayerGame`, and of the turn-based game that
  `pyspiel.convert_to_turn_based` returns for it.
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
      state: A state where players choose.
      player_id: The player; optional in the turn-based game.

    Raises:
      ValueError: If no player is given and all players choose at this state.
    """
    if player_id is None:
      player_id = state.current_player()
    if player_id < 0:
      raise ValueError("player_id must be given if all players choose.")
    if isinstance(state, pyspiel.TurnBasedSimultaneousState):
      state = state.simultaneous_game_state()
    own = state.mean_field_state(player_id)
    if not n_player_rules.decides(own):
      return {n_player_rules.WAIT: 1.0}
    return self._policy.action_probabilities(own, n_player_rules.DEFAULT_PLAYER)


class Loader:
  """Creates the game for OpenSpiel: `Loader(parameters)` is an `NPlayerGame`.

  It is a class because OpenSpiel releases registered objects after the
  interpreter has exited, which causes a crash for functions.
  """

  def __new__(cls, parameters: Mapping[str, Any]) -> NPlayerGame:
    """Returns the game with these parameters.

    Raises:
      ValueError: If there is no such game, or a parameter is not valid.
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
      raise ValueError(f"OpenSpiel cannot load game: {reason}") from None
    return NPlayerGame(
      game, parameters["num_players"], parameters["observation"]
    )


pyspiel.register_game(_game_type(has_tensor=True, has_chance=True), Loader)
