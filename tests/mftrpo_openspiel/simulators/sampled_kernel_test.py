"""Compares optimal values of estimated MDPs with exact ones."""

import warnings

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import small_mdps

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import learning_task
from mftrpo_openspiel.simulators import sampled_kernel
from mftrpo_openspiel.utils import tabular_policies


def of_model(model):
  """Returns a simulator, and the mean field of the uniform policy."""
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.mean_field(uniform)
  if isinstance(model, stationary_model.StationaryModel):
    return array_simulator.StationarySimulator(model.mdp), mean_field
  num_populations = model.game.num_players()
  simulator = array_simulator.LayeredSimulator(model.form, num_populations)
  return simulator, mean_field


def compiled(name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(pyspiel.load_game(name))


def sampled(model, num_steps, regularization=0.0, seed=0, **options):
  """Returns the estimated and the exact optimal action values."""
  simulator, mean_field = of_model(model)
  task = learning_task.LearningTask(
    simulator,
    simulator.under(mean_field),
    num_steps,
    regularization * model.discounts if regularization else None,
  )
  rng = np.random.default_rng(seed)
  result = sampled_kernel.optimal_values(task, rng, **options)
  exact = model.optimal_action_values(mean_field, regularization)
  return result, exact


def deterministic_mdp():
  """Four places on a ring; one action stays, the other advances."""
  kernel = np.zeros((4, 2, 4))
  for x in range(4):
    kernel[x, 0, x] = kernel[x, 1, (x + 1) % 4] = 1
  return mean_field_mdp.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mu: np.array([[0, -1], [1, -1], [0, -1], [5, -1.0]]),
    discount=0.9,
    initial_distribution=np.eye(4)[0],
  )


@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_values_of_a_deterministic_mdp_are_exact(regularization):
  model = stationary_model.StationaryModel(deterministic_mdp())
  result, exact = sampled(model, 2000, regularization)
  np.testing.assert_allclose(result.action_values, exact, atol=1e-11)
  game = mdp_game.MDPGame(deterministic_mdp(), horizon=5)
  model = compiled_game.CompiledGame(game)
  result, exact = sampled(model, 20_000, regularization)
  # States that no play reaches have no samples.
  there = result.tried.any(axis=1)
  assert result.tried[there].all()
  assert there.reshape(5, 4).sum(axis=1).tolist() == [1, 2, 3, 4, 4]
  np.testing.assert_allclose(
    result.action_values[there], exact[there], atol=1e-12
  )
  assert not result.action_values[~there].any()


@pytest.mark.slow
@pytest.mark.parametrize(
  "is_endless, regularization", [(False, 0.0), (False, 0.1), (True, 0.1)]
)
def test_error_decreases_as_one_over_root_of_steps(is_endless, regularization):
  mdp = small_mdps.random_mdp(num_states=4)
  if is_endless:
    model = stationary_model.StationaryModel(mdp)
  else:
    model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=4))
  sizes = np.array([8000, 64_000, 512_000])
  errors = np.empty((3, 16))
  for i, seed in np.ndindex(errors.shape):
    result, exact = sampled(model, int(sizes[i]), regularization, seed)
    assert result.tried.all()
    errors[i, seed] = np.abs(result.action_values - exact).mean()
  weights = np.log(sizes) - np.log(sizes).mean()
  weights /= weights @ weights
  slope = weights @ np.log(errors).mean(axis=1)
  deviations = np.log(errors).std(axis=1, ddof=1) / np.sqrt(errors.shape[1])
  standard_error = np.linalg.norm(weights * deviations)
  assert standard_error < 0.07
  assert abs(slope + 0.5) < 4 * standard_error


@pytest.mark.parametrize(
  "name",
  [
    "python_mfg_predator_prey(horizon=3)",
    "python_odd_game(pays=mean_field+first+second+terminal)",
    "mfg_garnet(size=8,horizon=5)",
  ],
)
def test_optimal_values_of_openspiels_games(name):
  model = compiled(name)
  errors = []
  for size in (20_000, 320_000):
    result, exact = sampled(model, size)
    legal = model.legal_actions_mask
    assert (result.action_values[~legal] == -np.inf).all()
    assert not result.tried[~legal].any()
    there = result.tried
    values = result.action_values[there] - exact[there]
    errors.append(np.abs(values).mean() / np.ptp(exact[there]))
  assert errors[1] < errors[0] / 2
  assert errors[1] < 0.01


def test_one_play_by_hand():
  """The estimates are the returns from each state of the play."""
  game = mdp_game.MDPGame(small_mdps.random_mdp(num_states=5), horizon=4)
  model = compiled_game.CompiledGame(game)
  result, _ = sampled(model, 4)
  assert result.num_environment_steps == 4
  rows, actions = np.nonzero(result.tried)
  assert (rows // 5).tolist() == [0, 1, 2, 3]
  rewards = game.mean_field_mdp().reward_at(np.full(5, 0.2))
  earned = 0.8 ** np.arange(4) * rewards[rows % 5, actions]
  # Untried actions have the value of the action that was tried.
  expected = np.zeros((20, 3))
  expected[rows] = earned[::-1].cumsum()[::-1, None]
  np.testing.assert_allclose(result.action_values, expected, atol=1e-13)


def test_untried_actions_are_never_the_best():
  mdp = small_mdps.random_mdp(num_states=60, num_actions=4, discount=0.9)
  model = stationary_model.StationaryModel(mdp)
  for seed in range(5):
    result, _ = sampled(model, 200, seed=seed)
    values, tried = result.action_values, result.tried
    some = tried.any(axis=1)
    assert (~tried[some]).any()
    best = np.where(tried, values, -np.inf)[some].max(axis=1)
    untried = np.where(tried, -np.inf, values)[some].max(axis=1)
    assert (untried <= best + 1e-12).all()
    if not some.all():
      assert np.ptp(values[~some], axis=1).max() < 1e-12


def test_states_that_were_never_left_have_the_mean_reward():
  """In a chain that only leads forwards, the last state is never left."""
  size = 101
  kernel = np.zeros((size, 1, size))
  kernel[np.arange(size), 0, np.minimum(np.arange(size) + 1, size - 1)] = 1
  mdp = mean_field_mdp.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mu: np.arange(size, dtype=float)[:, None],
    discount=0.5,
    initial_distribution=np.eye(size)[0],
  )
  result, _ = sampled(stationary_model.StationaryModel(mdp), 100)
  assert result.tried.ravel().tolist() == [True] * 100 + [False]
  values = result.action_values.ravel()
  mean = 99 / 2
  assert values[100] == pytest.approx(mean / (1 - 0.5))
  assert values[99] == pytest.approx(99 + 0.5 * values[100])


def test_players_explore_distant_states():
  """The reward is ten steps away; a uniform policy hardly ever gets there."""
  size = 11
  kernel = np.zeros((size, 2, size))
  for x in range(size):
    kernel[x, 0, max(x - 1, 0)] = kernel[x, 1, min(x + 1, size - 1)] = 1
  rewards = np.zeros((size, 2))
  rewards[:, 0], rewards[-1, 1] = 0.01, 5.0
  mdp = mean_field_mdp.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mu: rewards,
    discount=0.99,
    initial_distribution=np.eye(size)[0],
  )
  model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=12))
  result, exact = sampled(model, 12 * 300)
  assert result.action_values[0].max() == pytest.approx(exact[0].max())
  alike, _ = sampled(model, 12 * 300, num_rounds=1)
  assert alike.action_values[0].max() < 0.5 * exact[0].max()


@pytest.mark.parametrize("num_steps", [100, 101, 250, 12_345])
def test_steps_are_counted(num_steps):
  model = stationary_model.StationaryModel(small_mdps.random_mdp())
  result, _ = sampled(model, num_steps)
  assert result.num_environment_steps == num_steps // 100 * 100


def test_too_few_steps_for_a_play():
  model = compiled_game.CompiledGame(
    mdp_game.MDPGame(small_mdps.random_mdp(), horizon=4)
  )
  with pytest.raises(
    ValueError, match="num_steps must be a whole number of at"
  ):
    sampled(model, 3)
