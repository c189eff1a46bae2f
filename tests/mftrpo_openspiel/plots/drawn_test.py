"""Tests of drawn."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.plots import drawn
from mftrpo_openspiel.utils import tabular_policies


def uniform(model_name, game, **options):
  model = from_game.create_model(model_name, game)
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.mean_field(policy)
  return drawn.of_model(model, policy, mean_field, **options), mean_field


def test_a_stationary_model_has_the_moment_of_its_iteration():
  game = factory.create_game(setting="two_islands")
  islands, mean_field = uniform("stationary", game, iteration=1500)
  assert islands.mean_fields.keys() == islands.policies.keys() == {1500}
  panels = islands.panels(islands.mean_fields, 1500, "Mine")
  assert list(panels) == ["Mine\n1,500 iterations"]
  np.testing.assert_array_equal(panels["Mine\n1,500 iterations"], mean_field)
  np.testing.assert_allclose(islands.policies[1500], 0.5)
  assert islands.game_title == "python_mfg_two_islands"


def test_populations_are_panels():
  game = pyspiel.load_game("python_mfg_predator_prey", {"horizon": 3})
  preys, _ = uniform("compiled", game)
  assert preys.mean_fields.keys() == {0, 1, 2}
  panels = preys.panels(preys.mean_fields, 0)
  assert list(panels) == [f"t = 0, population {p}" for p in range(3)]
  # Each population starts in a corner; cells are in row-major order.
  for law, corner in zip(panels.values(), (0, 4, 20)):
    np.testing.assert_array_equal(law, np.eye(25)[corner])


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
def test_moments():
  game = pyspiel.load_game("mfg_garnet", {"horizon": 6})
  model, _ = uniform("compiled", game)
  assert model.choose(model.mean_fields, None) == [0, 3, 5]
  assert model.choose(model.mean_fields, [4, 1]) == [4, 1]
  with pytest.raises(
    ValueError,
    match=r"^moments must be among the 6 of the solver, from 0 to 5, got 7;"
    r" the nearest is 5\.$",
  ):
    model.choose(model.mean_fields, [7])
