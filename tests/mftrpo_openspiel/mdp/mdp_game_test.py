"""OpenSpiel's utilities on our games, compared with a dynamic program."""

import copy
import pickle

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib


class TimePolicy(policy_lib.Policy):
  """Uses the probabilities policies[t, x] in state x at time t."""

  def __init__(self, game, policies):
    super().__init__(game, [0])
    self._laws = {
      f"({x}, {t})": dict(enumerate(policies[t, x]))
      for t, x in np.ndindex(policies.shape[:2])
    }

  def action_probabilities(self, state, player_id=None):
    return self._laws.get(state.observation_string(0), {0: 1.0})


def random_law(rng, *shape):
  """Returns distributions over the last axis with some zeros."""
  weights = rng.exponential(size=shape) * (rng.random(shape) < 0.7)
  weights[..., 0] += 0.1
  return weights / weights.sum(axis=-1, keepdims=True)


def random_mdp(seed, num_states=4, num_actions=3, **fields):
  rng = np.random.default_rng(seed)
  base = rng.normal(size=(num_states, num_actions))
  slope = rng.normal(size=(num_states, num_states))
  return mdp_lib.MeanFieldMDP(
    **{
      "kernel": random_law(rng, num_states, num_actions, num_states),
      "reward": lambda mu: base * (1 + mu.max()) + (slope @ mu)[:, None],
      "discount": 0.85,
      "initial_distribution": random_law(rng, num_states),
      **fields,
    }
  )


def moving_mdp(seed):
  """An MDP whose kernel moves players away from crowded states."""
  rng = np.random.default_rng(seed)
  rows = random_law(rng, 4 * 3, 4)

  def kernel(mean_field):
    weights = rows * (1.0 - mean_field) + 0.01
    return weights / weights.sum(axis=1, keepdims=True)

  return random_mdp(seed, kernel=kernel)


def dynamic_program(mdp, policies):
  """Returns the flow (H + 1, S), the values and the best values (H + 1, S)."""
  horizon, num_states, num_actions = policies.shape
  flow = np.zeros((horizon + 1, num_states))
  flow[0] = mdp.initial_distribution
  kernels, rewards = [], []
  for t in range(horizon):
    kernel = mdp.kernel(flow[t]) if callable(mdp.kernel) else mdp.kernel
    kernel = kernel if isinstance(kernel, np.ndarray) else kernel.toarray()
    kernels.append(kernel.reshape(num_states, num_actions, num_states))
    rewards.append(mdp.discount**t * mdp.reward(flow[t]))
    flow[t + 1] = np.einsum("x,xa,xay->y", flow[t], policies[t], kernels[t])
  values, best = np.zeros_like(flow), np.zeros_like(flow)
  for t in reversed(range(horizon)):
    action_values = rewards[t] + kernels[t] @ values[t + 1]
    values[t] = (policies[t] * action_values).sum(axis=1)
    best[t] = (rewards[t] + kernels[t] @ best[t + 1]).max(axis=1)
  return flow, values, best


def registered(name, **parameters):
  return pyspiel.load_game(f"python_mfg_{name}", parameters)


GAMES = {
  "random": lambda: mdp_game.MDPGame(random_mdp(0), 6),
  "one_step": lambda: mdp_game.MDPGame(random_mdp(1), 1),
  "undiscounted_start": lambda: mdp_game.MDPGame(
    random_mdp(2, discount=0.0), 4
  ),
  "one_action": lambda: mdp_game.MDPGame(random_mdp(3, num_actions=1), 4),
  "one_state": lambda: mdp_game.MDPGame(random_mdp(4, num_states=1), 4),
  "moving": lambda: mdp_game.MDPGame(moving_mdp(5), 6),
  "four_rooms": lambda: registered("four_rooms", horizon=4),
  "four_rooms_poi": lambda: registered(
    "four_rooms_poi", horizon=4, room_size=2, initial_distribution="uniform"
  ),
  "two_islands": lambda: registered(
    "two_islands", horizon=10, reward_imbalance=0.5, bridge_cost=0.25
  ),
}


@pytest.mark.parametrize("name", GAMES)
def test_openspiel_utilities_equal_a_dynamic_program(name):
  game = GAMES[name]()
  mdp = game.mean_field_mdp()
  policies = random_law(
    np.random.default_rng(6), game.horizon, mdp.num_states, mdp.num_actions
  )
  flow, values, best = dynamic_program(mdp, policies)
  policy = TimePolicy(game, policies)

  crowd = distribution.DistributionPolicy(game, policy)
  for t, x in np.ndindex(flow.shape):
    string = f"({x}, {t})"
    assert crowd.value_str(string, 0.0) == pytest.approx(flow[t, x], abs=1e-12)

  root = game.new_initial_state()
  value = policy_value.PolicyValue(game, crowd, policy)
  best_response = best_response_value.BestResponse(game, crowd)
  assert abs(value.value(root) - flow[0] @ values[0]) < 1e-10
  assert abs(best_response.value(root) - flow[0] @ best[0]) < 1e-10
  for state in mean_field_states(game, crowd):
    x, t = state.x, state.t
    assert abs(value.value(state) - values[t, x]) < 1e-10
    assert abs(best_response.value(state) - best[t, x]) < 1e-10

  gap = flow[0] @ (best[0] - values[0])
  assert abs(nash_conv.NashConv(game, policy).nash_conv() - gap) < 1e-10
  if mdp.num_actions > 1:
    assert gap > 1e-3


def mean_field_states(game, crowd):
  """Returns a mean-field node for each state of one random play."""
  rng = np.random.default_rng(7)
  state = game.new_initial_state()
  states = []
  while not state.is_terminal():
    if state.is_mean_field_node():
      states.append(state.clone())
      support = state.distribution_support()
      state.update_distribution([crowd.value_str(s, 0.0) for s in support])
    elif state.is_chance_node():
      actions, law = zip(*state.chance_outcomes())
      state.apply_action(int(rng.choice(actions, p=law)))
    else:
      action = rng.choice(np.flatnonzero(state.legal_actions_mask()))
      state.apply_action(int(action))
  return states


def test_the_kernel_of_the_moving_game_depends_on_the_mean_field():
  mdp = moving_mdp(5)
  kernels = [mdp.kernel_at(np.eye(4)[x]).toarray() for x in range(2)]
  assert np.abs(kernels[0] - kernels[1]).max() > 0.1


@pytest.fixture
def game():
  return registered("four_rooms", room_size=1, horizon=2)


def state_at(game, num_steps):
  """Returns the state `num_steps` from the start of a fixed play."""
  state = game.new_initial_state()
  size = game.mean_field_mdp().num_states
  for _ in range(num_steps):
    if state.is_mean_field_node():
      state.update_distribution([1.0 / size] * size)
    else:
      state.apply_action(state.legal_actions()[-1])
  return state


# Steps to the nodes of a play with horizon 2.
CHANCE, MEAN_FIELD, DECISION, FORCED, MOVE, TERMINAL = 0, 1, 2, 3, 4, 9


def test_order_of_the_nodes(game):
  strings = [str(state_at(game, step)) for step in range(TERMINAL + 1)]
  # From the top-left of the eight cells down to the cells 3 and 5.
  assert strings == [
    "initial",
    "(0, 0)_a",
    "(0, 0)",
    "(0, 4, 0)",
    "(0, 4, 0)_a_mu",
    "(3, 1)_a",
    "(3, 1)",
    "(3, 4, 1)",
    "(3, 4, 1)_a_mu",
    "(5, 2)",
  ]
  assert state_at(game, TERMINAL).is_terminal()


def answer(method, *arguments):
  try:
    return method(*arguments)
  except (RuntimeError, pyspiel.SpielError) as error:
    return str(error)


@pytest.mark.parametrize("step", range(TERMINAL + 1))
def test_overrides_answer_as_openspiel_does(game, step):
  state, openspiel = state_at(game, step), pyspiel.State
  assert state.get_type() == openspiel.get_type(state)
  assert state.legal_actions() == openspiel.legal_actions(state)
  assert state.is_terminal() == openspiel.is_terminal(state)
  for player in (0, 1, -1, -4, -5):
    assert answer(state.legal_actions, player) == answer(
      openspiel.legal_actions, state, player
    )
  players = [
    *(0, 1, -1, -5),
    pyspiel.PlayerId.DEFAULT_PLAYER_ID,
    pyspiel.PlayerId.MEAN_FIELD,
  ]
  for player in players:
    assert answer(state.observation_string, player) == answer(
      openspiel.observation_string, state, player
    )
  if state.is_player_node():
    assert state.observation_string() == openspiel.observation_string(state)
    assert sum(state.legal_actions_mask()) == len(state.legal_actions())


def test_answers_are_copies(game):
  state = state_at(game, DECISION)
  state.legal_actions().clear()
  state.distribution_support().clear()
  assert state.legal_actions() == [0, 1, 2, 3, 4]
  assert len(state.distribution_support()) == 8
  for step in (CHANCE, MOVE):
    state = state_at(game, step)
    state.chance_outcomes().clear()
    assert state.chance_outcomes()


@pytest.mark.parametrize("step", [MEAN_FIELD, TERMINAL])
def test_nobody_acts_at_mean_field_and_terminal_nodes(game, step):
  state = state_at(game, step)
  before = str(state), state.history()
  with pytest.raises(ValueError, match="No action can be applied"):
    state.apply_action(0)
  assert (str(state), state.history()) == before


@pytest.mark.parametrize(
  ("step", "action", "allowed"),
  [
    (DECISION, 5, r"\[0, 4\]"),
    (DECISION, -2, r"\[0, 4\]"),
    (CHANCE, 8, r"\[0, 7\]"),
    (CHANCE, -3, r"\[0, 7\]"),
    (MOVE, 8, r"\[0, 7\]"),
    (MOVE, -2, r"\[0, 7\]"),
  ],
)
def test_actions_out_of_range(game, step, action, allowed):
  state = state_at(game, step)
  before = str(state), state.history()
  with pytest.raises(ValueError, match=f"{allowed}.*got {action}"):
    state.apply_action(action)
  assert (str(state), state.history()) == before
  with pytest.raises(pyspiel.SpielError, match="kInvalidAction"):
    state.apply_action(-1)


@pytest.mark.parametrize("action", [0, 1, 4, 77])
def test_the_node_with_one_action_takes_any(game, action):
  state = state_at(game, FORCED)
  assert state.legal_actions() == [0]
  assert state.action_to_string(0) == "continue"
  state.apply_action(action)
  assert str(state) == "(0, 4, 0)_a_mu"


@pytest.mark.parametrize("step", [CHANCE, DECISION, FORCED, MOVE, TERMINAL])
def test_distribution_is_updated_at_mean_field_nodes_only(game, step):
  with pytest.raises(ValueError, match="is not a mean-field node"):
    state_at(game, step).update_distribution([0.125] * 8)


@pytest.mark.parametrize("size", [0, 7, 9])
def test_distribution_of_a_wrong_length(game, size):
  with pytest.raises(ValueError, match=f"each of the 8 states, got {size}"):
    state_at(game, MEAN_FIELD).update_distribution([0.125] * size)


def test_distribution_with_nan(game):
  with pytest.raises(ValueError, match="reward must be finite"):
    state_at(game, MEAN_FIELD).update_distribution([np.nan] * 8)


@pytest.mark.parametrize("step", [MEAN_FIELD, DECISION, FORCED, TERMINAL])
def test_chance_outcomes_exist_at_chance_nodes_only(game, step):
  with pytest.raises(ValueError, match="is not a chance node"):
    state_at(game, step).chance_outcomes()


def test_action_names(game):
  state = state_at(game, DECISION)
  names = [state.action_to_string(action) for action in state.legal_actions()]
  assert names == ["stay", "left", "right", "up", "down"]
  assert state_at(game, CHANCE).action_to_string(0) == "x=0"


def test_reward_is_paid_at_the_node_with_one_action(game):
  rewards = [state_at(game, step).rewards() for step in range(TERMINAL + 1)]
  paid = -0.2 * np.log(1 / 8) - 0.2
  expected = np.zeros(TERMINAL + 1)
  expected[FORCED], expected[FORCED + 4] = paid, 0.9 * paid
  np.testing.assert_allclose(np.ravel(rewards), expected, rtol=1e-14)


@pytest.mark.parametrize(
  ("step", "hot"),
  [
    (CHANCE, [8 + 5]),
    (MEAN_FIELD, [0, 8 + 5]),
    (DECISION, [0, 8 + 5]),
    (FORCED, [0, 8 + 4, 8 + 5]),
    (MOVE + 1, [3, 8 + 5 + 1]),
    (TERMINAL, [5, 8 + 5 + 2]),
  ],
)
def test_observation_tensor(game, step, hot):
  tensor = np.array(state_at(game, step).observation_tensor(0))
  assert tensor.size == game.observation_tensor_size() == 8 + 5 + 3
  np.testing.assert_array_equal(np.flatnonzero(tensor), hot)
  assert set(tensor) <= {0.0, 1.0}


def test_observers(game):
  with pytest.raises(ValueError, match="not supported"):
    game.make_py_observer(None, {"tensor": True})
  observer = game.make_py_observer()
  observer.set_from(state_at(game, FORCED), player=0)
  parts = {name: part.tolist() for name, part in observer.dict.items()}
  assert parts == {
    "x": np.eye(8)[0].tolist(),
    "action": np.eye(5)[4].tolist(),
    "t": np.eye(3)[0].tolist(),
  }


@pytest.mark.parametrize("horizon", [0, -1, 1.0, True, "3", None, 10**6 + 1])
def test_bad_horizon(horizon):
  with pytest.raises(ValueError, match="horizon must be a whole number"):
    mdp_game.MDPGame(random_mdp(0), horizon)


def test_horizon_may_be_a_numpy_integer():
  game = mdp_game.MDPGame(random_mdp(0), np.int64(3))
  assert game.get_parameters() == {"horizon": 3}
  assert game.max_game_length() == 6
  assert game.max_chance_nodes_in_history() == 4


def test_the_only_population(game):
  assert str(game.new_initial_state_for_population(0)) == "initial"
  with pytest.raises(ValueError, match="population"):
    game.new_initial_state_for_population(1)


def test_state_keeps_its_game_alive():
  state = registered("two_islands", horizon=2).new_initial_state()
  assert isinstance(state.get_game(), mdp_game.MDPGame)
  assert state.child(2).distribution_support()[13] == "(13, 0)_a"


def test_clones_share_the_game(game):
  state = state_at(game, FORCED)
  assert state.get_game() is game
  assert state.clone().get_game() is game
  assert copy.deepcopy(state).get_game() is game


def test_game_that_is_not_registered_is_pickled():
  mdp = random_mdp(0, reward=mdp_lib.CrowdAversion(np.zeros((4, 3)), 1.0))
  game = mdp_game.MDPGame(mdp, 3)
  other = pickle.loads(pickle.dumps(game))
  assert other.horizon == 3
  assert (other.mean_field_mdp().kernel != mdp.kernel).nnz == 0
  state = state_at(game, FORCED)
  copied = pickle.loads(pickle.dumps(state))
  assert str(copied) == str(state)
  assert copied.rewards() == state.rewards() != [0.0]
  assert copied.history() == state.history()


def test_pickle_keeps_every_digit():
  # str(game) keeps 15 decimals.
  game = registered("four_rooms", room_size=1, slip_probability=1 / 3)
  for other in (
    pickle.loads(pickle.dumps(game)),
    pickle.loads(pickle.dumps(game.new_initial_state())).get_game(),
  ):
    assert other.get_parameters()["slip_probability"] == 1 / 3


def test_decision_states(game):
  for t in range(game.horizon):
    states = mdp_game.decision_states(game, t)
    assert [str(state) for state in states] == [f"({x}, {t})" for x in range(8)]
    assert all(state.legal_actions() == [0, 1, 2, 3, 4] for state in states)


def test_package_registers_its_games():
  assert mftrpo_openspiel.games.four_rooms
  names = pyspiel.registered_names()
  for name in ("four_rooms", "four_rooms_poi", "two_islands"):
    assert f"python_mfg_{name}" in names
  # A game that is not registered cannot be loaded.
  assert "python_mfg_mdp" not in names
