"""Any OpenSpiel mean-field game, evaluated by OpenSpiel's own utilities.

States are the game's decision nodes, layer by layer. Mean fields come from
`distribution.DistributionPolicy`, values from `policy_value.PolicyValue` and
`best_response_value.BestResponse`, whose subclasses here add the entropy bonus.
This model is as slow as these utilities. It is the reference with which the
faster models are compared.
"""

from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import distribution as distribution_lib
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution as flow_lib
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.openspiel import games as openspiel_games
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation


class OpenSpielModel(mean_field_model.MeanFieldModel):
  """An OpenSpiel mean-field game of finite horizon.

  The N states of the interface are the decision nodes of all populations, in
  the order of their layers. A mean field holds the mass of each node; the nodes
  of a layer have total mass one per population. One step of `propagate` goes
  from one time (the layers between two mean-field nodes) to the next, and sets
  the first time to the initial distribution. Exploitability is OpenSpiel's
  NashConv.

  In a game over a `MeanFieldMDP`, rewards at time t include the factor gamma^t,
  and so does the entropy bonus.
  """

  def __init__(
    self, game: pyspiel.Game, root_state: pyspiel.State | None = None
  ):
    """Initializes the model, for which the game is traversed once.

    Args:
      game: A mean-field game.
      root_state: Where plays start; the initial states if not given.

    Raises:
      ValueError: If it is not a mean-field game, its plays are too long, a
        mean-field node does not lead to one decision node of its own, or
        transitions depend on the mean field (except in games of this package),
        so that states and their successors would be those of another mean
        field.
    """
    self.game = openspiel_games.check_game(game)
    recursion.check(game)
    self.root_state = root_state
    self._roots = [root_state] if root_state else game.new_initial_states()
    self._moves_check = None
    is_ours = isinstance(game, mdp_game.MDPGame)
    if not is_ours and not known_games.has_fixed_moves(game):
      self._moves_check = comparison.MovesCheck(self._roots)
    self._states: list[pyspiel.State] = []
    times: list[int] = []
    self._decision_of: dict[str, str] = {}  # Follows each mean-field node.
    first_layers: list[bool] = []  # Whether a node is in the first of its time.
    uniform = policy_lib.UniformRandomPolicy(game)
    previous = None
    for kind, states, edges in _walk(self._roots, uniform, _uniform_law):
      if kind == game_walk.DECISION:
        is_first = previous != game_walk.DECISION
        time = times[-1] + is_first if times else 0
        self._states += states.values()
        times += [time] * len(states)
        first_layers += [is_first] * len(states)
      elif kind == game_walk.MEAN_FIELD:
        self._decision_of.update((key, child) for key, child, _ in edges)
      previous = kind
    if not self._states:
      raise ValueError("game must have a decision node, it has none.")
    self._num_times = times[-1] + 1
    self._is_first = np.array(first_layers)
    keys = map(game_walk.node_string, self._states)
    self._rows = {key: row for row, key in enumerate(keys)}
    followers = set(self._decision_of.values())
    if len(followers) < len(self._decision_of) or followers - self._rows.keys():
      raise ValueError(
        "game must lead from each mean-field node to a decision node of its"
        f" own, {game} does not."
      )
    shape = (len(self._states), game.num_distinct_actions())
    self.legal_actions_mask = np.zeros(shape, dtype=bool)
    self._children = np.full(shape, "", dtype=object)
    for row, state in enumerate(self._states):
      for action in state.legal_actions():
        self.legal_actions_mask[row, action] = True
        child = game_walk.node_string(state.child(action))
        self._children[row, action] = child
    self._discount, start_time = mdp_game.discounting(game, root_state)
    self.discounts = self._discount ** (start_time + np.array(times))

  @property
  def observation_strings(self) -> list[str]:
    """Observation strings of the N nodes."""
    return list(self._rows)

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns `mean_field` after `num_steps` steps, None for the whole flow."""
    if num_steps is None:
      num_steps = self._num_times
    distribution = self._checked_distribution(mean_field)
    if validation.check_int("num_steps", num_steps, 0) >= self._num_times:
      return self._push(policy, distribution, 1.0, lambda row, arrived: arrived)
    for _ in range(num_steps):

      def departing(row: int, arrived: float, start=mean_field) -> float:
        return start[row] if self._is_first[row] else arrived

      mean_field = self._push(policy, distribution, 1.0, departing)
    return mean_field

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns the flow of `policy`.

    Raises:
      ValueError: If it reaches a node that does not exist under the uniform
        mean field (the nodes of such a game depend on the mean field).
    """
    flow = self._flow(policy)
    if self._moves_check:
      self._moves_check(flow)
    return np.array(
      [flow.value_str(key, 0.0) for key in self.observation_strings]
    )

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (N, A): Q_mu^pi."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    distribution = self._checked_distribution(mean_field)
    bonuses = self._entropy_weights(regularization) * softmax.entropy(policy)
    if bonus is not None:
      size = len(self._states)
      bonuses = bonuses + validation.check_finite("bonus", bonus, size)
    values = self._policy_values(distribution, policy, bonuses)
    own, following = self._own_and_following(values)
    legal = np.where(self.legal_actions_mask, following, 0.0)
    played = (policy * legal).sum(axis=1) + bonuses
    return following + (own - played)[:, None]

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (N, A): the maximum over policies of Q_mu^pi."""
    distribution = self._checked_distribution(mean_field)
    best_values = self._optimal_values(distribution, regularization)
    own, following = self._own_and_following(best_values)
    best = following.max(axis=1)
    if regularization:
      weights = self._entropy_weights(regularization)
      best = softmax.soft_maximum(following, weights)
    return following + (own - best)[:, None]

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns NashConv, with entropy bonuses if regularization > 0."""
    flow = self._flow(policy)
    bonuses = self._entropy_weights(regularization) * softmax.entropy(policy)
    own = self._policy_values(flow, policy, bonuses)
    best = self._optimal_values(flow, regularization)
    roots = map(game_walk.node_string, self._roots)
    return float(sum(best(root) - own(root) for root in roots))

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: states that `policy` reaches from `start` > 0."""
    start = validation.check_masses("start", start, len(self._states)) > 0
    if start.all():
      return start
    distribution = self._checked_distribution(mean_field)
    ends = self._is_first & (self._discount == 0)
    arrived = self._push(
      tabular_policies.uniform_policy(policy > 0),
      distribution,
      0.0,
      lambda row, arrived: float(start[row] or (arrived > 0 and not ends[row])),
    )
    return start | ((arrived > 0) & ~ends)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy of the game."""
    shape = self.legal_actions_mask.shape
    array = policies.policy_array(policy, self._states, shape)
    return validation.check_policy(array, self.legal_actions_mask)

  def _flow(self, policy: np.ndarray) -> flow_lib.DistributionPolicy:
    return flow_lib.DistributionPolicy(
      self.game, self.to_openspiel(policy), self.root_state
    )

  def _checked_distribution(
    self, mean_field: np.ndarray
  ) -> distribution_lib.Distribution:
    """Returns `to_distribution`; a ValueError if it changes a transition."""
    distribution = self.to_distribution(mean_field)
    if self._moves_check:
      self._moves_check(distribution)
    return distribution

  def _node_rows(self) -> dict[str, int]:
    followers = self._decision_of.items()
    return self._rows | {key: self._rows[child] for key, child in followers}

  def _push(
    self,
    policy: np.ndarray,
    distribution: distribution_lib.Distribution,
    root_mass: float,
    departing: Callable[[int, float], float],
  ) -> np.ndarray:
    """Returns the mass that arrives at each node in a traversal of the game.

    Mean-field nodes receive the distribution. The mass that leaves a node is
    `departing(row, mass that arrived)`; each root has `root_mass`.
    """

    def masses(state: pyspiel.State) -> list[float]:
      support = state.distribution_support()
      return [distribution.value_str(key, 0.0) for key in support]

    arrived = np.zeros(len(self._states))
    mass = {game_walk.node_string(state): root_mass for state in self._roots}
    played = self.to_openspiel(policy)
    for kind, states, edges in _walk(self._roots, played, masses):
      if kind == game_walk.DECISION:
        for key in states:
          row = self._rows[key]
          arrived[row] = mass[key]
          mass[key] = departing(row, mass[key])
      following = dict.fromkeys((child for _, child, _ in edges), 0.0)
      for key, child, probability in edges:
        following[child] += mass[key] * probability
      mass = following
    return arrived

  def _entropy_weights(self, regularization: float) -> np.ndarray:
    """Returns (N,): the weight of the entropy bonus in each state."""
    eta = validation.check_real("regularization", regularization, 0)
    return eta * self.discounts

  def _policy_values(
    self,
    distribution: distribution_lib.Distribution,
    policy: np.ndarray,
    bonuses: np.ndarray,
  ) -> value_lib.TabularValueFunction:
    """Returns the value of each node by its string, as OpenSpiel computes it.

    Mean-field nodes receive the distribution, and each state pays an additional
    bonus, (N,).
    """
    played = self.to_openspiel(policy)
    values = value_lib.TabularValueFunction(self.game)
    arguments = self.game, distribution, played, values, self.root_state
    with recursion.deep(self.game):
      if bonuses.any():
        _PaidPolicyValue(dict(zip(self._rows, bonuses.tolist())), *arguments)
      else:
        policy_value.PolicyValue(*arguments)
    return values

  def _optimal_values(
    self, distribution: distribution_lib.Distribution, regularization: float
  ) -> value_lib.TabularValueFunction:
    """Returns `_policy_values` of the best response."""
    weights = self._entropy_weights(regularization)
    values = value_lib.TabularValueFunction(self.game)
    arguments = self.game, distribution, values, self.root_state
    with recursion.deep(self.game):
      if regularization:
        weights_of = dict(zip(self._rows, weights.tolist()))
        _RegularizedBestResponse(weights_of, *arguments)
      else:
        best_response_value.BestResponse(*arguments)
    return values

  def _own_and_following(
    self, values: value_lib.TabularValueFunction
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values of the states, and those of their children."""
    following = np.full(self.legal_actions_mask.shape, -np.inf)
    following[self.legal_actions_mask] = [
      values(child) for child in self._children[self.legal_actions_mask]
    ]
    return np.array([values(key) for key in self._rows]), following


class _PaidPolicyValue(policy_value.PolicyValue):
  """PolicyValue with a bonus at each decision node, by its string."""

  def __init__(self, bonuses: dict[str, float], *args):
    self._bonuses = bonuses
    super().__init__(*args)

  def eval_state(self, state):
    key = game_walk.node_string(state)
    if not self._state_value.has(key):
      super().eval_state(state)
      if state.get_type() == game_walk.DECISION:
        self._state_value.add_value(key, self._bonuses[key])
    return self._state_value(key)


class _RegularizedBestResponse(best_response_value.BestResponse):
  """BestResponse with the soft maximum in place of the maximum."""

  def __init__(self, weights: dict[str, float], *args):
    self._weights = weights
    super().__init__(*args)

  def eval_state(self, state):
    key = game_walk.node_string(state)
    if self._state_value.has(key) or state.get_type() != game_walk.DECISION:
      return super().eval_state(state)
    following = np.array(
      [self.eval_state(state.child(action)) for action in state.legal_actions()]
    )
    best = softmax.soft_maximum(following[None], self._weights[key])[0]
    self._state_value.set_value(key, game_walk.reward(state) + best)
    return self._state_value(key)


# Returns the masses that a mean-field node receives.
_Masses = Callable[[pyspiel.State], list[float]]


def _uniform_law(state: pyspiel.State) -> list[float]:
  support = state.distribution_support()  # It may be empty.
  return [1.0 / len(support) for _ in support]


def _children(
  state: pyspiel.State, policy: policy_lib.Policy, masses: _Masses
) -> list[tuple[pyspiel.State, float]]:
  """Returns the successors of a node, with their probabilities."""
  kind = state.get_type()
  if kind == game_walk.TERMINAL:
    return []
  if kind == game_walk.MEAN_FIELD:
    return [(game_walk.updated(state, masses(state)), 1.0)]
  if kind == game_walk.CHANCE:
    law = state.chance_outcomes()
  else:
    law = policy.action_probabilities(state).items()
  return [(state.child(action), probability) for action, probability in law]


_Edge = tuple[str, str, float]


def _walk(
  roots: list[pyspiel.State], policy: policy_lib.Policy, masses: _Masses
) -> Iterator[tuple[pyspiel.StateType, dict[str, pyspiel.State], list[_Edge]]]:
  """Yields the type of each level, its nodes by their strings, and its edges.

  An edge consists of the string of a node, the string of one of its children,
  and the transition probability. All legal actions of the policy are followed.
  (This function does not use `game_walk.walk`, because results that depend on
  that function are compared with those of this model.)
  """
  states = {game_walk.node_string(state): state for state in roots}
  while states:
    edges: list[_Edge] = []
    following: dict[str, pyspiel.State] = {}
    for key, state in states.items():
      for child, probability in _children(state, policy, masses):
        child_key = game_walk.node_string(child)
        following.setdefault(child_key, child)
        edges.append((key, child_key, probability))
    yield next(iter(states.values())).get_type(), states, edges
    states = following
