"""Tests of the settings, in our factory and in OpenSpiel's."""

import numpy as np
from open_spiel.python.mfg.games import factory as openspiel_factory
import pyspiel
import pytest

from mftrpo_openspiel.games import factory

PAPER = {
  "four_rooms": (104, 0.2),
  "four_rooms_high_aversion": (104, 0.4),
  "four_rooms_poi": (104, 0.4),
  "four_rooms_poi_low_aversion": (104, 0.2),
  "two_islands": (14, 0.2),
  "four_rooms_poi_5x5": (20, 0.4),
  "open_grid_poi_5x5": (25, 0.4),
}


@pytest.mark.parametrize(("setting", "expected"), PAPER.items())
def test_settings_of_the_paper(setting, expected):
  game = factory.create_game(setting=setting)
  mdp = game.mean_field_mdp()
  assert (mdp.num_states, game.get_parameters()["crowd_aversion"]) == expected
  assert mdp.discount == 0.9


def test_the_open_grid_pays_what_the_four_rooms_pay():
  """By the formula of the point of interest, in the bottom right corner."""
  mdp = factory.create_game(setting="open_grid_poi_5x5").mean_field_mdp()
  rewards = mdp.reward(np.full(25, 1 / 25))
  for cell, (row, column) in enumerate(mdp.drawing.cells.tolist()):
    assert cell == 5 * row + column
    bonus = max(0.3 - 0.1 * ((4 - row) + (4 - column)), 0.0)
    expected = 0.4 * np.log(25) + bonus + np.array([0.2, *[-0.2] * 4])
    np.testing.assert_allclose(rewards[cell], expected, rtol=1e-12)


@pytest.mark.parametrize("setting", factory.GAME_SETTINGS)
def test_openspiel_knows_the_settings(setting):
  ours = factory.create_game(
    setting if setting.startswith("python_mfg") else None,
    None if setting.startswith("python_mfg") else setting,
  )
  theirs = openspiel_factory.create_game_with_setting(
    ours.get_type().short_name, setting
  )
  assert str(theirs) == str(ours)


@pytest.mark.parametrize("setting", factory.GAME_SETTINGS)
def test_openspiels_factory_creates_our_games(setting):
  ours = factory.create_game_with_setting
  name = setting
  if not setting.startswith("python_mfg"):
    name = factory.create_game(setting=setting).get_type().short_name
    assert str(ours(name, setting)) == str(factory.create_game(setting=setting))
  assert str(ours(name)) == str(factory.create_game(name))
  assert str(ours("mfg_crowd_modelling_2d")) == str(
    pyspiel.load_game("mfg_crowd_modelling_2d")
  )
  with pytest.raises(ValueError) as error:
    ours(game_name=name, setting="nine_rooms")
  assert str(error.value) == f"nine_rooms setting does not exist for {name}."


def test_a_setting_finds_its_game():
  """Each game accepts all parameters of the settings that are listed for it.

  And OpenSpiel's factory has the default setting of each game under its name.
  """
  types = {kind.short_name: kind for kind in pyspiel.registered_games()}
  for setting, games in factory.settings().items():
    parameters = openspiel_factory.GAME_SETTINGS[setting]
    assert games
    for game in games:
      known = types[game].parameter_specification.keys()
      # OpenSpiel's factory creates objects from the name of a network.
      assert parameters.keys() <= {*known, "network"}
  for game in factory.mean_field_games():
    theirs = openspiel_factory.GAME_SETTINGS.get(game)
    for setting, parameters in openspiel_factory.GAME_SETTINGS.items():
      if setting not in types and parameters is theirs:
        assert game in factory.games_of_setting(setting)
  assert factory.games_of_setting("nowhere") == ()


@pytest.mark.parametrize(
  "setting",
  [
    "crowd_modelling_2d_four_rooms",
    "linear_quadratic",
    "mfg_crowd_modelling_2d",
    "predator_prey_5x5x3",
    "python_mfg_four_rooms",
  ],
)
def test_a_setting_of_one_game_is_enough(setting):
  (game_name,) = factory.games_of_setting(setting)
  theirs = openspiel_factory.create_game_with_setting(game_name, setting)
  assert str(factory.create_game(setting=setting)) == str(theirs)


def test_games_of_openspiel():
  game = factory.create_game("mfg_crowd_modelling_2d(size=3)")
  assert game.get_parameters()["size"] == 3
  game = factory.create_game(
    "mfg_crowd_modelling_2d", "crowd_modelling_2d_four_rooms"
  )
  assert game.get_parameters()["only_distribution_reward"]


@pytest.mark.parametrize(
  ("game_name", "setting", "message"),
  [
    (None, None, "game_name or setting must be given"),
    ("", None, "game_name or setting must be given"),
    ("python_mfg_nine_rooms", None, "registered OpenSpiel game"),
    (None, "nine_rooms", "setting must be one of"),
    (
      None,
      "dynamic_routing_braess",
      "^game_name must be given with setting 'dynamic_routing_braess', which"
      " applies to mfg_dynamic_routing and python_mfg_dynamic_routing.$",
    ),
    (
      "four_rooms",
      None,
      "^game_name must not be a setting, got 'four_rooms'; give"
      " setting=four_rooms instead.$",
    ),
    ("mfg_garnet", "two_islands", "applies to python_mfg_two_islands"),
    ("python_mfg_two_islands(rooms=9)", None, "cannot be loaded"),
    ("python_mfg_two_islands(discount=1.5)", None, "discount must"),
  ],
)
def test_unknown_games_and_settings_are_refused(game_name, setting, message):
  with pytest.raises(ValueError, match=message) as error:
    factory.create_game(game_name, setting)
  assert "\n" not in str(error.value)
