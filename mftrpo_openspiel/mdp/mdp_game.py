"""Any mean-field MDP as an OpenSpiel mean-field game of finite horizon.

All games of this package share one game, state and observer class: a concrete
game builds its `MeanFieldMDP`, passes it to `MDPGame.__init__` and registers
itself. With state x, action a and time t, a play is

    init chance -> [ MEAN_FIELD (x,t)
                  -> decision   (x,t)    all actions; pays nothing
                  -> decision   (x,a,t)  one action; pays gamma^t r(x,a,mu_t)
                  -> chance     (x,a,t)  the kernel P(.|x,a,mu_t)
                   ] for t = 0, ..., horizon - 1, and then terminal (x,horizon)

Rewards are paid where OpenSpiel's utilities, its RL environment and its
simulation tests all count them: at a decision node that is not the first. Apart
from the mean field, they depend only on the observation string of the node, so
OpenSpiel's values, which are cached by that string, are exact. Rewards include
the discount factor. Because of the mean-field node after the initial chance
node, the rewards at t = 0 are those under mu_0.
"""

from collections.abc import Mapping
import functools
import itertools
from typing import Any
from typing import NamedTuple

import numpy as np
from open_spiel.python import observation
import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.mdp import observer
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.utils import validation

_DEFAULT_HORIZON = 40
# OpenSpiel stores the length of a play in 32 bits.
_MAX_HORIZON = 10**6

# As integers: states compare them often, and OpenSpiel accepts both.
_DEFAULT_PLAYER = pyspiel.PlayerId.DEFAULT_PLAYER_ID
_PLAYER = int(_DEFAULT_PLAYER)
_CHANCE = int(pyspiel.PlayerId.CHANCE)
_MEAN_FIELD = int(pyspiel.PlayerId.MEAN_FIELD)
_TERMINAL = int(pyspiel.PlayerId.TERMINAL)

_STATE_TYPES = {
  _PLAYER: pyspiel.StateType.DECISION,
  _CHANCE: pyspiel.StateType.CHANCE,
  _MEAN_FIELD: pyspiel.StateType.MEAN_FIELD,
  _TERMINAL: pyspiel.StateType.TERMINAL,
}
# Suffixes of the strings of nodes, as in OpenSpiel's crowd-modelling games.
_SUFFIXES = {_PLAYER: "", _TERMINAL: "", _CHANCE: "_a_mu", _MEAN_FIELD: "_a"}


def game_type(
  short_name: str, long_name: str, parameters: Mapping[str, Any]
) -> pyspiel.GameType:
  """Returns the OpenSpiel type of a game over a mean-field MDP.

  Args:
    short_name: The name for `pyspiel.load_game`.
    long_name: The name for display.
    parameters: Name and default value of each parameter of the game.
  """
  return pyspiel.GameType(
    short_name=short_name,
    long_name=long_name,
    dynamics=pyspiel.GameType.Dynamics.MEAN_FIELD,
    chance_mode=pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC,
    information=pyspiel.GameType.Information.PERFECT_INFORMATION,
    utility=pyspiel.GameType.Utility.GENERAL_SUM,
    reward_model=pyspiel.GameType.RewardModel.REWARDS,
    max_num_players=1,
    min_num_players=1,
    # OpenSpiel's TabularPolicy prefers the information state string, which
    # for a game in Python is the whole history.
    provides_information_state_string=False,
    provides_information_state_tensor=False,
    provides_observation_string=True,
    provides_observation_tensor=True,
    parameter_specification=dict(parameters),
  )


# The short name of games that belong to no registered type.
UNREGISTERED = "python_mfg_mdp"
_GAME_TYPE = game_type(
  UNREGISTERED, "Python Mean Field MDP", {"horizon": _DEFAULT_HORIZON}
)

_Outcomes = list[list[list[tuple[int, float]]]]


def _kernel_outcomes(kernel, num_actions: int) -> _Outcomes:
  """Returns the chance outcomes, [state][action] -> [(next, probability)]."""
  pairs = list(zip(kernel.indices.tolist(), kernel.data.tolist()))
  bounds = kernel.indptr.tolist()
  rows = [pairs[i:j] for i, j in itertools.pairwise(bounds)]
  return [rows[i : i + num_actions] for i in range(0, len(rows), num_actions)]


class _Stage(NamedTuple):
  """The MDP under one mean field; shared by the states of a layer."""

  law: tuple[float, ...]
  rewards: list[list[float]]  # By state and action, before discounting.
  outcomes: _Outcomes | None  # None if they do not depend on the mean field.


class _Node(NamedTuple):
  """The content of a state.

  OpenSpiel clones a state by deep-copying each of its attributes. So a state
  has only this one, which is immutable and shared by its clones.
  """

  player: int  # Whose turn it is, as a PlayerId.
  x: int | None  # State of the MDP; None before the initial chance node.
  action: int | None  # None if not yet chosen at time t.
  t: int
  stage: _Stage | None  # None while the mean field at t is not known.
  reward: float  # Of this node.
  returns: float  # Of the nodes up to and including this one.

  def __deepcopy__(self, memo):
    return self


# All states at a node share one string; the limit is for very large games.
@functools.lru_cache(maxsize=2**18)
def _node_string(player: int, x: int | None, action: int | None, t: int) -> str:
  if x is None:
    return "initial"
  place = f"({x}, {t})" if action is None else f"({x}, {action}, {t})"
  return place + _SUFFIXES[player]


_ROOT = _Node(_CHANCE, None, None, 0, None, 0.0, 0.0)


class MDPGame(pyspiel.Game):
  """A mean-field MDP played for `horizon` steps.

  OpenSpiel's utilities recurse through a play. With a horizon of more than 100
  they need the larger recursion limit of `recursion.deep`.
  """

  def __init__(
    self,
    mdp: mdp_lib.MeanFieldMDP,
    horizon: int = _DEFAULT_HORIZON,
    openspiel_type: pyspiel.GameType = _GAME_TYPE,
    parameters: Mapping[str, Any] | None = None,
  ):
    """Initializes the game.

    Args:
      mdp: The mean-field MDP.
      horizon: Number of actions in a play.
      openspiel_type: The type of a registered game. A game of the default type
        can be used and pickled, but neither loaded by name nor serialized by
        OpenSpiel.
      parameters: All parameters of a registered game.

    Raises:
      ValueError: If the horizon is less than one or more than a million.
    """
    validation.check_type("mdp", mdp, mdp_lib.MeanFieldMDP)
    horizon = validation.check_int("horizon", horizon, 1, _MAX_HORIZON)
    self.horizon = horizon
    self._mdp = mdp
    self.num_states = mdp.num_states
    info = pyspiel.GameInfo(
      num_distinct_actions=mdp.num_actions,
      max_chance_outcomes=mdp.num_states,
      num_players=1,
      min_utility=-np.inf,
      max_utility=np.inf,
      utility_sum=None,
      max_game_length=2 * horizon,
    )
    super().__init__(
      openspiel_type, info, dict(parameters or {"horizon": horizon})
    )
    self.all_actions = list(range(mdp.num_actions))
    self.discounts = [mdp.discount**t for t in range(horizon + 1)]
    self.initial_outcomes = [
      (x, p) for x, p in enumerate(mdp.initial_distribution.tolist()) if p > 0
    ]
    # A traversal of the game has one mean field per layer.
    self.stage = functools.lru_cache(maxsize=4 * horizon)(self._stage)
    self.support = functools.lru_cache(maxsize=None)(self._support)

  def __repr__(self) -> str:
    """Returns one line: the name, the size and the horizon."""
    return (
      f"{games.brief_name(self)}: {self.num_states} states,"
      f" {self._mdp.num_actions} actions, horizon {self.horizon}"
    )

  # Otherwise OpenSpiel unpickles games without their attributes.
  def __reduce__(self):
    if type(self) is MDPGame:
      return MDPGame, (self._mdp, self.horizon)
    return type(self), (self.get_parameters(),)

  def __deepcopy__(self, memo):
    return self

  def mean_field_mdp(self) -> mdp_lib.MeanFieldMDP:
    """Returns the mean-field MDP of the game."""
    return self._mdp

  # Computed at the first use: as lists a kernel takes ten times its memory.
  @functools.cached_property
  def outcomes(self) -> _Outcomes:
    """The chance outcomes of a kernel without dependence on the mean field."""
    return _kernel_outcomes(self._mdp.fixed_kernel, self._mdp.num_actions)

  def _stage(self, law: tuple[float, ...]) -> _Stage:
    """Returns the stage under the mean field `law`; cached as `stage`."""
    mean_field = np.array(law)
    outcomes = None
    if not self._mdp.has_fixed_kernel:
      kernel = self._mdp.kernel_at(mean_field)
      outcomes = _kernel_outcomes(kernel, self._mdp.num_actions)
    return _Stage(law, self._mdp.reward_at(mean_field).tolist(), outcomes)

  def _support(self, t: int) -> list[str]:
    """Returns the mean-field nodes' strings at time t; cached as `support`."""
    return [
      _node_string(_MEAN_FIELD, x, None, t) for x in range(self.num_states)
    ]

  def new_initial_state(self) -> "MDPState":
    """Returns the initial chance node."""
    return MDPState(self)

  def new_initial_state_for_population(self, population: int) -> "MDPState":
    """Returns the initial chance node of `population`, of which there is one.

    Raises:
      ValueError: If the population is not 0.
    """
    validation.check_int("population", population, 0, 0)
    return self.new_initial_state()

  def max_chance_nodes_in_history(self) -> int:
    """Returns the number of chance nodes in a play."""
    return self.horizon + 1

  def make_py_observer(self, iig_obs_type=None, params=None):
    """Returns an object used for observing game state."""
    if iig_obs_type is None or (
      iig_obs_type.public_info and not iig_obs_type.perfect_recall
    ):
      return observer.Observer(params, self)
    return observation.IIGObserverForPublicInfoGame(iig_obs_type, params)


def _restored_state(game: MDPGame, text: str) -> "MDPState":
  """Returns the state of `game` that was serialized as `text`."""
  return game.deserialize_state(text)


class MDPState(pyspiel.State):
  """A node of a play; the module docstring shows the order of the nodes."""

  # A class attribute until the first action; states without a constructor of
  # their own are cloned faster.
  _node = _ROOT

  def __reduce__(self):
    return _restored_state, (self.get_game(), self.serialize())

  @property
  def x(self) -> int | None:
    """State of the MDP, None before the initial chance node."""
    return self._node.x

  @property
  def t(self) -> int:
    """Time, from 0 to the horizon."""
    return self._node.t

  @property
  def pending_action(self) -> int | None:
    """The action chosen at time t, None before the choice."""
    return self._node.action

  # OpenSpiel (PySpiel) API functions are below.

  def mean_field_population(self) -> int:
    """Returns the index of the only population."""
    return 0

  def current_player(self) -> int:
    """Returns the id of the player to move, or TERMINAL."""
    return self._node.player

  def is_terminal(self) -> bool:
    """Returns whether the play is over."""
    return self._node.player == _TERMINAL

  def _legal_actions(self, player: int) -> list[int]:
    """Returns the legal actions of a decision node."""
    del player
    return [] if self._node.player == _MEAN_FIELD else self.legal_actions()

  # The next three methods answer the common case directly. Otherwise
  # OpenSpiel's utilities would make a call through C++ at every node.

  def legal_actions(self, player: int | None = None) -> list[int]:
    """Returns the legal actions of the player to move, or of `player`."""
    if player is not None:
      return super().legal_actions(player)
    if self._node.player != _PLAYER:
      return super().legal_actions()
    if self._node.action is not None:
      return [0]
    return self.get_game().all_actions[:]

  def observation_string(self, player: int = _DEFAULT_PLAYER) -> str:
    """Returns the string that identifies the node."""
    if player is _DEFAULT_PLAYER or player == _PLAYER:
      return _node_string(*self._node[:4])
    return super().observation_string(player)

  def get_type(self) -> pyspiel.StateType:
    """Returns the type of the node."""
    return _STATE_TYPES[self._node.player]

  def chance_outcomes(self) -> list[tuple[int, float]]:
    """Returns the next states of the MDP with their probabilities.

    Raises:
      ValueError: If this is no chance node.
    """
    player, x, action, _, stage, _, _ = self._node
    if player != _CHANCE:
      raise ValueError(f"{self} is not a chance node.")
    if x is None or action is None or stage is None:
      return self.get_game().initial_outcomes[:]
    outcomes = stage.outcomes or self.get_game().outcomes
    return outcomes[x][action][:]

  def _apply_action(self, action: int) -> None:
    """Applies an action of the player, or of chance.

    Raises:
      ValueError: If the action is out of range (a node with one action accepts
        any), or this is a mean-field or terminal node.
    """
    player, x, pending, t, stage, _, returns = self._node
    if player == _CHANCE:
      game = self.get_game()
      if not 0 <= action < game.num_states:
        raise self._out_of_range(action, game.num_states)
      if x is not None:
        t += 1
      last = t == game.horizon
      self._node = _Node(
        _TERMINAL if last else _MEAN_FIELD, action, None, t, None, 0.0, returns
      )
    elif x is None or stage is None:  # Mean-field and terminal nodes.
      raise ValueError(f"No action can be applied at {self}.")
    elif pending is None:
      rewards = stage.rewards[x]
      if not 0 <= action < len(rewards):
        raise self._out_of_range(action, len(rewards))
      reward = self.get_game().discounts[t] * rewards[action]
      self._node = _Node(_PLAYER, x, action, t, stage, reward, returns + reward)
    else:
      self._node = _Node(_CHANCE, x, pending, t, stage, 0.0, returns)

  def _out_of_range(self, action: int, number: int) -> ValueError:
    return ValueError(
      f"action must be in [0, {number - 1}] at {self}, got {action}."
    )

  def distribution_support(self) -> list[str]:
    """Returns the strings of all mean-field nodes at this time."""
    return self.get_game().support(self._node.t)[:]

  def update_distribution(self, distribution: list[float]) -> None:
    """Sets the mean field to the probabilities of `distribution_support`.

    Raises:
      ValueError: If this is not a mean-field node, or the length is wrong.
    """
    node = self._node
    game = self.get_game()
    if node.player != _MEAN_FIELD:
      raise ValueError(f"{self} is not a mean-field node.")
    if len(distribution) != game.num_states:
      raise ValueError(
        f"distribution must have an entry for each of the {game.num_states}"
        f" states, got {len(distribution)}."
      )
    stage = game.stage(tuple(distribution))
    self._node = node._replace(player=_PLAYER, stage=stage)

  def rewards(self) -> list[float]:
    """Returns the reward of this node, in a list of one."""
    return [self._node.reward]

  def returns(self) -> list[float]:
    """Returns the rewards up to and including this node, in a list of one."""
    return [self._node.returns]

  def _action_to_string(self, player: int, action: int) -> str:
    """Returns the name of an action for display."""
    if player == _CHANCE:
      return f"x={action}"
    if self._node.action is not None:
      return "continue"
    return self.get_game().mean_field_mdp().action_names[action]

  def __str__(self) -> str:
    """A string that identifies the node among all nodes of the game."""
    return _node_string(*self._node[:4])


def discounting(
  game: pyspiel.Game, root_state: pyspiel.State | None
) -> tuple[float, int]:
  """Returns the discount that rewards of a game include.

  Args:
    game: Any game; its discount is 1 if it is not over an MDP.
    root_state: Where plays start; None for the initial states.

  Returns:
    The discount gamma, and the time t at the beginning of plays, at which
    rewards include the factor gamma^t.
  """
  if not isinstance(game, MDPGame):
    return 1.0, 0
  return game.mean_field_mdp().discount, root_state.t if root_state else 0


def decision_strings(game: MDPGame, t: int) -> list[str]:
  """Returns the strings of the S ordinary decision nodes of time t."""
  return [_node_string(_PLAYER, x, None, t) for x in range(game.num_states)]


def decision_states(game: MDPGame, t: int) -> list[MDPState]:
  """Returns the S ordinary decision nodes of time t, under uniform masses."""
  stage = game.stage((1.0 / game.num_states,) * game.num_states)
  states = [game.new_initial_state() for _ in range(game.num_states)]
  for x, state in enumerate(states):
    state._node = _Node(_PLAYER, x, None, t, stage, 0.0, 0.0)
  return states
