"""Tests of gaps."""

import numpy as np
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model


def random_policy(model, seed=0):
  weights = np.random.default_rng(seed).exponential(
    size=model.legal_actions_mask.shape
  )
  weights = weights * model.legal_actions_mask
  return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
  "text",
  [
    "python_mfg_two_islands(horizon=5)",
    "mfg_crowd_modelling_2d(only_distribution_reward=true,horizon=4,size=4)",
  ],
)
def test_mean_field_value_equals_that_of_openspiel(text):
  game = pyspiel.load_game(text)
  model = compiled_game.CompiledGame(game)
  policy = random_policy(model)
  openspiel_policy = model.to_openspiel(policy)
  crowd = distribution.DistributionPolicy(game, openspiel_policy)
  value = policy_value.PolicyValue(game, crowd, openspiel_policy)
  assert gaps.mean_field_value(model, policy) == pytest.approx(
    value.value(game.new_initial_state()), rel=1e-12
  )


def test_stationary_value_is_the_value_of_one_step_over_one_minus_gamma():
  # From the invariant law the mean reward is the same at all times.
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policy = random_policy(model)
  law = model.mean_field(policy)
  step = law @ (policy * mdp.reward_at(law)).sum(axis=1)
  expected = step / (1 - mdp.discount)
  assert gaps.mean_field_value(model, policy) == pytest.approx(
    expected, rel=1e-12
  )


def test_gaps_vanish_for_many_players():
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policy = random_policy(model)
  many = gaps.find_gap(model, policy, 10**7)
  assert many.exploitability == pytest.approx(
    model.exploitability(policy), rel=1e-5
  )
  assert many.value == pytest.approx(many.mean_field_value, rel=1e-5)
  assert many.distance < 1e-3
  few = gaps.find_gap(model, policy, 10)
  assert abs(few.value - few.mean_field_value) > 0.1
  assert few.distance > 0.1
  assert (few.num_players, few.information) == (10, "own")


def test_the_distance_is_none_if_the_kernel_depends_on_the_mean_field():
  # The probability of leaving the first state increases with its mass.
  def kernel(mu):
    stay = 0.9 - 0.5 * mu[0]
    leave = [[stay, 1 - stay], [0.5, 0.5]]
    return np.array([leave, [[0.3, 0.7], [0.6, 0.4]]])

  mdp = mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=mdp_lib.CrowdAversion(np.zeros((2, 2)), 0.5),
    discount=0.8,
    initial_distribution=[0.5, 0.5],
  )
  model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=3))
  policy = random_policy(model)
  found = gaps.find_gap(model, policy, 12, "counts")
  assert found.distance is None
  assert found.exploitability > 0
  assert 0 < found.mean_field_value - found.value < 0.5
