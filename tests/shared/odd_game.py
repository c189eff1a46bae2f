"""An odd game, which importing this module registers.

`python_odd_game` has everything that OpenSpiel's own mean-field games avoid.

A play of time t = 0, 1, ..., horizon - 1 from the place x in {0, 1, 2} goes

    init chance -> [ MEAN_FIELD (x,z,t)  z: a coin tossed by chance
                  -> decision   (x,t)    two actions, one in place 2
                  -> decision   (x,a,t)  three actions
                  -> chance     (x,b,t)
                   ]* -> terminal (x)

so that two mean-field nodes lead to the same decision node, each time step has
two decisions, and the mean field includes places that no play reaches. `pays`
lists the nodes with rewards: "mean_field", "first", "second", "terminal".
Rewards depend on the last mean field that the state received, or on the one
before it if "memory" is in the list. All are multiplied by `scale`.

A `jam` of "what:low:high" changes the moves of players in places whose mass is
between low and high. "told": they move to another place at once. "legal": they
have only one action at the first decision. "chance": chance never moves them.
"next": they stay, regardless of chance. "pay": the second decisions have
rewards even if they are not in `pays`.
"""

import numpy as np
from open_spiel.python import observation
import pyspiel

_MEAN_FIELD, _FIRST, _SECOND, _CHANCE = "mean_field", "first", "second", "end"

GAME_TYPE = pyspiel.GameType(
  short_name="python_odd_game",
  long_name="Odd Game",
  dynamics=pyspiel.GameType.Dynamics.MEAN_FIELD,
  chance_mode=pyspiel.GameType.ChanceMode.EXPLICIT_STOCHASTIC,
  information=pyspiel.GameType.Information.PERFECT_INFORMATION,
  utility=pyspiel.GameType.Utility.GENERAL_SUM,
  reward_model=pyspiel.GameType.RewardModel.REWARDS,
  max_num_players=1,
  min_num_players=1,
  provides_information_state_string=False,
  provides_information_state_tensor=False,
  provides_observation_string=True,
  provides_observation_tensor=False,
  parameter_specification={
    "pays": "first",
    "horizon": 3,
    "coin": True,
    "jam": "never:1.0:0.0",
    "scale": 1.0,
  },
)


class OddGame(pyspiel.Game):
  def __init__(self, params=None):
    params = {**GAME_TYPE.parameter_specification, **(params or {})}
    self.pays = params["pays"].split("+")
    self.horizon = params["horizon"]
    self.coin = params["coin"]
    self.jam, low, high = params["jam"].split(":")
    self.jam_bounds = (float(low), float(high))
    self.scale = params["scale"]
    info = pyspiel.GameInfo(
      num_distinct_actions=3,
      max_chance_outcomes=6,
      num_players=1,
      min_utility=-np.inf,
      max_utility=np.inf,
      utility_sum=None,
      max_game_length=2 * self.horizon,
    )
    super().__init__(GAME_TYPE, info, params)

  def new_initial_state(self):
    return OddState(self)

  def max_chance_nodes_in_history(self):
    return self.horizon + 1

  def make_py_observer(self, iig_obs_type=None, params=None):
    return observation.IIGObserverForPublicInfoGame(iig_obs_type, params)


class OddState(pyspiel.State):
  def __init__(self, game):
    super().__init__(game)
    self.kind = _CHANCE
    self.x = None
    self.coin = 0
    self.action = None
    self.t = 0
    self.told = (0.5, 0.3, 0.2)
    self.told_before = (0.2, 0.2, 0.6)
    self.jam = None

  def current_player(self):
    if self.is_terminal():
      return pyspiel.PlayerId.TERMINAL
    return {
      _MEAN_FIELD: pyspiel.PlayerId.MEAN_FIELD,
      _CHANCE: pyspiel.PlayerId.CHANCE,
    }.get(self.kind, 0)

  def is_terminal(self):
    return self.t == self.get_game().horizon

  def mean_field_population(self):
    return 0

  def _legal_actions(self, player):
    if self.kind == _MEAN_FIELD:
      return []
    if self.kind == _FIRST:
      return [1] if self.x == 2 or self.jam == "legal" else [0, 1]
    return [0, 1, 2]

  def chance_outcomes(self):
    if self.x is None:
      return [(0, 0.75), (1, 0.25)]
    # Outcomes count coins and then places; place 2 cannot be left by action 0.
    law = np.zeros(3)
    law[(self.x + self.action) % 3] += 0.6
    law[self.x] += 0.4
    if self.jam == "chance":
      law = np.eye(3)[self.x]
    if not self.get_game().coin:
      return [(x, p) for x, p in enumerate(law.tolist())]
    return [(2 * x + z, p / 2) for x, p in enumerate(law) for z in (0, 1)]

  def _apply_action(self, action):
    if self.kind == _CHANCE:
      if self.x is None:
        self.x = action
      else:
        x, self.coin = action, 0
        if self.get_game().coin:
          x, self.coin = divmod(action, 2)
        if self.jam != "next":
          self.x = x
        self.t += 1
      self.action = None
      self.kind = _MEAN_FIELD
    elif self.kind == _FIRST:
      self.action = action
      self.kind = _SECOND
    else:
      self.action = (self.action + action) % 3
      self.kind = _CHANCE

  def distribution_support(self):
    return [self._string(x, z) for x in range(4) for z in (0, 1)]

  def update_distribution(self, distribution):
    masses = np.reshape(distribution, (4, 2)).sum(axis=1)
    self.told_before = self.told
    self.told = tuple(masses[:3].tolist())
    low, high = self.get_game().jam_bounds
    is_jammed = low <= self.told[self.x] <= high
    self.jam = self.get_game().jam if is_jammed else None
    if self.jam == "told":
      self.x = (self.x + 1) % 3
    self.kind = _FIRST

  def rewards(self):
    pays = self.get_game().pays
    kind = "terminal" if self.is_terminal() else self.kind
    scale = self.get_game().scale
    if self.jam == "pay" and kind == _SECOND:
      return [scale * (1.0 + self.action)]
    if self.x is None or kind not in pays:
      return [0.0]
    told = self.told_before if "memory" in pays else self.told
    reward = 1.0 + self.x - 2 * told[self.x]
    return [scale * (reward + 0.3 * (self.action or 0) * told[0])]

  def returns(self):
    return [0.0]

  def _string(self, x, coin):
    if self.x is None:
      return "initial"
    place = f"{x}"
    if self.kind == _MEAN_FIELD and not self.is_terminal():
      place = f"{x}, coin {coin}"
    return f"({place}, {self.action}, {self.t}, {self.kind})"

  def __str__(self):
    return self._string(self.x, self.coin)

  def observation_string(self, player=0):
    return str(self)

  def _action_to_string(self, player, action):
    return str(action)


pyspiel.register_game(GAME_TYPE, OddGame)


def crowding(model):
  """Returns a policy that stays in place 0 and moves there from place 1.

  It leads 0.75 + 0.6 * 0.25 = 0.9 of the crowd to place 0 at time 1.
  """
  policy = np.zeros(model.legal_actions_mask.shape)
  for row, string in enumerate(model.observation_strings):
    place, action, *_ = string.strip("()").split(", ")
    if model.legal_actions_mask[row].sum() == 1:
      policy[row] = model.legal_actions_mask[row]
    elif place == "1" and action != "None":
      policy[row, 2 - int(action)] = 1.0
    else:
      policy[row, 0] = 1.0
  return policy
