"""Tests Q-learning by hand, with exact values and OpenSpiel's class."""

import numpy as np
from open_spiel.python import rl_agent_policy
from open_spiel.python import rl_environment
from open_spiel.python import rl_tools
from open_spiel.python.algorithms import tabular_qlearner
import pyspiel
import pytest
import small_mdps

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import learning_task
from mftrpo_openspiel.simulators import q_learning
from mftrpo_openspiel.utils import tabular_policies

MASK = np.array([[True, True, True], [True, False, True]])


def test_updates_by_hand():
  table = q_learning.Table(MASK, None, step_size_exponent=0.5)
  first, second = np.array([0]), np.array([1])
  table.update(first, second, np.array([3.0]))
  # The other actions were never tried.
  np.testing.assert_array_equal(table.values[0], [3, 3, 3])
  table.update(first, second, np.array([5.0]))
  expected = (1 - 2**-0.5) * 3 + 2**-0.5 * 5
  np.testing.assert_allclose(table.values[0], [expected] * 3)
  table.update(first, np.array([2]), np.array([-1.0]))
  mean = (expected - 1) / 2
  np.testing.assert_allclose(table.values[0], [mean, expected, -1])
  np.testing.assert_array_equal(table.values[1], [0, -np.inf, 0])
  np.testing.assert_array_equal(table.counts, [[0, 2, 1], [0, 0, 0]])
  table.update(second, np.array([2]), np.array([7.0]))
  np.testing.assert_array_equal(table.values[1], [7, -np.inf, 7])
  rows = np.array([0, 1])
  np.testing.assert_allclose(table.state_values(rows), [expected, 7])


def test_simultaneous_players_are_visits_with_the_mean_target():
  at_once = q_learning.Table(MASK, None)
  in_turn = q_learning.Table(MASK, None)
  for table in (at_once, in_turn):
    table.update(np.array([0]), np.array([0]), np.array([2.0]))
  rows, actions = np.array([0, 1, 0, 0]), np.array([0, 2, 0, 0])
  at_once.update(rows, actions, np.array([1.0, 9.0, 3.0, 5.0]))
  # Each visit has the step size of the last one.
  kept = (1 - 4**-0.7) ** 3
  assert at_once.values[0, 0] == pytest.approx(kept * 2.0 + (1 - kept) * 3.0)
  assert at_once.values[1, 2] == 9.0
  np.testing.assert_array_equal(at_once.counts, [[4, 0, 0], [0, 0, 1]])


def test_soft_values_of_states():
  table = q_learning.Table(MASK, np.array([0.5, 2.0]))
  table.values[:] = [[1, 2, 3], [4, -np.inf, 5]]
  expected = [
    0.5 * np.log(np.exp(2) + np.exp(4) + np.exp(6)),
    2 * np.log(np.exp(2) + np.exp(2.5)),
  ]
  np.testing.assert_allclose(table.state_values(np.array([0, 1])), expected)


def models():
  mdp = small_mdps.random_mdp(num_states=4)
  return {
    "endless": stationary_model.StationaryModel(mdp),
    "finite": compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=4)),
  }


def learned(model, num_steps, regularization=0.0, seed=0):
  """Returns the learned and the exact optimal action values."""
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.mean_field(uniform)
  if isinstance(model, stationary_model.StationaryModel):
    simulator = array_simulator.StationarySimulator(model.mdp)
  else:
    simulator = array_simulator.LayeredSimulator(model.form, 1)
  task = learning_task.LearningTask(
    simulator,
    simulator.under(mean_field),
    num_steps,
    regularization * model.discounts if regularization else None,
  )
  result = q_learning.optimal_values(task, np.random.default_rng(seed))
  return result, model.optimal_action_values(mean_field, regularization)


def test_one_play_by_hand():
  """Late rewards are known early, as plays are learned from their ends."""
  game = mdp_game.MDPGame(small_mdps.random_mdp(num_states=5), horizon=4)
  result, _ = learned(compiled_game.CompiledGame(game), 4)
  rows, actions = np.nonzero(result.tried)
  assert (rows // 5).tolist() == [0, 1, 2, 3]
  rewards = game.mean_field_mdp().reward_at(np.full(5, 0.2))
  earned = 0.8 ** np.arange(4) * rewards[rows % 5, actions]
  # Untried actions have the value of the action that was tried.
  expected = np.zeros((20, 3))
  expected[rows] = earned[::-1].cumsum()[::-1, None]
  np.testing.assert_allclose(result.action_values, expected, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
  "kind, regularization", [("endless", 0.3), ("finite", 0.0)]
)
def test_values_converge_to_the_optimal_ones(kind, regularization):
  model, errors = models()[kind], []
  for num_steps in (10_000, 100_000, 1_000_000):
    result, exact = learned(model, num_steps, regularization)
    assert result.tried.all()
    assert result.num_environment_steps == num_steps
    error = np.abs(result.action_values - exact).max()
    errors.append(error / np.ptp(exact))
  # With step sizes n^-w, errors decrease as n^(-w/2): by a factor of 0.45.
  assert errors[1] < 0.7 * errors[0]
  assert errors[2] < 0.7 * errors[1]
  assert errors[2] < 0.03


def loss(model, mean_field, policy):
  """Returns the regret of a policy against a mean field."""
  value = np.nansum(
    mean_field[:, None]
    * policy
    * model.action_values(policy, mean_field)
    * (model.layers == 0)[:, None]
  )
  best = model.optimal_action_values(mean_field).max(axis=1)
  return mean_field[model.layers == 0] @ best[model.layers == 0] - value


def openspiels_policy(game, model, mean_field, num_plays, seed):
  """Returns (N, A), the policy of OpenSpiel's tabular Q-learner."""
  env = rl_environment.Environment(
    game,
    mfg_distribution=model.to_distribution(mean_field),
    mfg_population=0,
  )
  env.seed(seed)  # Otherwise chance outcomes are not reproducible.
  np.random.seed(seed)
  agent = tabular_qlearner.QLearner(
    player_id=0,
    num_actions=game.num_distinct_actions(),
    step_size=0.3,
    epsilon_schedule=rl_tools.ConstantSchedule(0.3),
  )
  for _ in range(num_plays):
    time_step = env.reset()
    while not time_step.last():
      time_step = env.step([agent.step(time_step).action])
    agent.step(time_step)
  policy = rl_agent_policy.RLAgentPolicy(game, agent, 0, env.use_observation)
  return model.from_openspiel(policy)


@pytest.mark.slow
def test_as_good_as_openspiels_class_with_equally_many_steps():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=6)")
  model = compiled_game.CompiledGame(game)
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.mean_field(uniform)
  num_plays = 500
  ours, theirs = [], []
  for seed in range(3):
    result, _ = learned(model, num_plays * 6, seed=seed)
    assert result.num_environment_steps == num_plays * 6
    greedy = tabular_policies.greedy_policy(result.action_values)
    ours.append(loss(model, mean_field, greedy))
    policy = openspiels_policy(game, model, mean_field, num_plays, seed)
    theirs.append(loss(model, mean_field, policy))
  unlearned = loss(model, mean_field, uniform)
  assert np.mean(ours) < unlearned / 2
  assert np.mean(theirs) < unlearned / 2
  assert np.mean(ours) < 2 * np.mean(theirs)
