"""Tests of changes of game parameters."""

import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.openspiel import game_parameters


def test_a_routing_game_keeps_the_network_of_its_setting():
  game = factory.create_game(
    "python_mfg_dynamic_routing", "dynamic_routing_line"
  )
  changed = game_parameters.changed(game, {"max_num_time_step": 3})
  assert changed.network is game.network
  assert changed.od_demand is game.od_demand
  assert changed.get_parameters() == {
    **game.get_parameters(),
    "max_num_time_step": 3,
  }
  assert changed.max_game_length() == 3
  assert changed.num_distinct_actions() == game.num_distinct_actions() == 5


def test_parameters_of_other_games_are_changed():
  game = factory.create_game("mfg_garnet(size=4)")
  changed = game_parameters.changed(game, {"seed": 3})
  assert changed.get_parameters() == {**game.get_parameters(), "seed": 3}
  with pytest.raises(ValueError, match="game parameter must be one of"):
    game_parameters.changed(game, {"sed": 3})
