"""Compares the chains of worlds with the mean fields of their models."""

import warnings

import draws
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import worlds
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model


@pytest.mark.parametrize(
  "name",
  [
    "python_mfg_two_islands(horizon=5)",
    "python_mfg_four_rooms(room_size=2,horizon=4)",
    "mfg_crowd_modelling(size=4,horizon=3)",
    "mfg_crowd_modelling_2d(size=4,horizon=3,forbidden_states=[0|0],"
    "initial_distribution=[1|1],initial_distribution_value=[1.0])",
  ],
)
def test_the_chains_of_a_game_give_its_mean_field(name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = compiled_game.CompiledGame(pyspiel.load_game(name))
  policy = draws.random_policy(model)
  mean_field = model.mean_field(policy)
  world = worlds.of_model(model, policy)
  assert not world.is_stationary
  masses = world.initial
  for k, step in enumerate(world.steps):
    np.testing.assert_allclose(masses, mean_field[step], rtol=1e-13)
    if k + 1 < len(world.steps):
      masses = masses @ world.chain(k, masses, policy)
  assert world.steps[-1].stop == len(mean_field)


def test_a_stationary_model_keeps_its_mean_field():
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  world = worlds.of_model(model, policy, 5)
  assert world.is_stationary
  assert world.steps == [slice(0, 14)] * 5
  np.testing.assert_allclose(world.discounts, 0.9 ** np.arange(5))
  moved = world.initial @ world.chain(3, world.initial, policy)
  np.testing.assert_allclose(moved, world.initial, rtol=1e-12)
  np.testing.assert_allclose(world.initial, model.mean_field(policy))
