"""Mean fields that change moves, and those that do not."""

import odd_game
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
import pyspiel
import pytest

from mftrpo_openspiel.compiler import moves_check
from mftrpo_openspiel.models import openspiel_model


def uniform_flow(game):
  policy = policy_lib.UniformRandomPolicy(game)
  return distribution.DistributionPolicy(game, policy)


def test_games_with_other_moves_at_extremes_are_refused():
  game = pyspiel.load_game("python_odd_game(jam=chance:1.0:1.0)")
  with pytest.raises(ValueError, match=r"chance outcomes at .* differ by"):
    moves_check.MovesCheck(game.new_initial_states())


def test_mean_fields_are_refused_by_what_they_change():
  game = pyspiel.load_game("python_odd_game(coin=false,jam=told:0.8999:0.9001)")
  check = moves_check.MovesCheck(game.new_initial_states())
  check(uniform_flow(game))
  plain = openspiel_model.OpenSpielModel(
    pyspiel.load_game("python_odd_game(coin=false)")
  )
  crowded = plain.to_distribution(plain.mean_field(odd_game.crowding(plain)))
  with pytest.raises(ValueError, match=r"next node at '\(0, coin 0, None, 1"):
    check(crowded)
