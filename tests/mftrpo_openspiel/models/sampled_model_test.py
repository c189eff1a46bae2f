"""Algorithms on samples, against the exact model of the same game."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model


@pytest.fixture(scope="module", name="mdp")
def mdp_fixture():
  return factory.create_game(setting="four_rooms_poi_5x5").mean_field_mdp()


def test_mf_trpo_runs_on_samples(mdp):
  model = sampled_model.SampledModel(mdp, 2000, 2000, seed=3)
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.3, population_update_rate=0.1, warm_start=True
  )
  first = model.exploitability(algorithm.policy, 0.3)
  for _ in range(50):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy, 0.3) < first / 2
  assert model.num_environment_steps > 50 * 2000


def test_later_draws_depend_on_the_state_alone(mdp):
  policy = np.full((mdp.num_states, mdp.num_actions), 1 / mdp.num_actions)
  mean_field = stationary_model.StationaryModel(mdp).mean_field(policy)
  model = sampled_model.SampledModel(mdp, 100, 100, seed=5)
  model.action_values(policy, mean_field)
  state = model.state()
  first = model.action_values(policy, mean_field)
  other = sampled_model.SampledModel(mdp, 100, 100, seed=5)
  other.restore(state)
  np.testing.assert_array_equal(other.action_values(policy, mean_field), first)
  assert other.state() == model.state()
  assert (model.action_values(policy, mean_field) != first).any()


@pytest.mark.parametrize("is_endless", [True, False])
def test_a_bonus_is_paid_in_later_states(is_endless):
  """On a ring, where plays have no chance after the first action."""
  ring = np.eye(3)
  mdp = mdp_lib.MeanFieldMDP(
    np.stack([np.roll(ring, 1, axis=1), ring], axis=1),
    lambda mu: np.zeros((3, 2)),
    0.5,
    np.ones(3) / 3,
  )
  game = mdp if is_endless else mdp_game.MDPGame(mdp, horizon=4)
  model = sampled_model.SampledModel(
    game, 2000, estimator="pair_averages", max_rollout_steps=60
  )
  size = len(model.discounts)
  goes_on, bonus = np.tile([1.0, 0.0], (size, 1)), np.arange(1.0, size + 1) ** 2
  mean_field = model.exact.mean_field(goes_on)
  found = model.action_values(goes_on, mean_field, bonus=bonus)
  expected = model.exact.action_values(goes_on, mean_field, bonus=bonus)
  np.testing.assert_allclose(
    found[:, 0] - found[:, 1], expected[:, 0] - expected[:, 1], rtol=1e-9
  )
