"""Fixtures of the tests of algorithms."""

import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import stationary_model


@pytest.fixture(scope="package")
def islands():
  """The stationary model of the paper's two islands."""
  game = factory.create_game(setting="two_islands")
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)
