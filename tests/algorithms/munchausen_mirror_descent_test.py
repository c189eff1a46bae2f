"""Tests of Munchausen OMD against OpenSpiel's class.

OpenSpiel's class evaluates each policy from its own table, and takes the
logarithm of its probabilities: an implementation of textbook OMD that shares
nothing with ours.
"""

import iterates
from open_spiel.python.mfg.algorithms import (
  munchausen_mirror_descent as openspiel_munchausen,
)
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import munchausen_mirror_descent

GAMES = (
  "mfg_crowd_modelling",
  "mfg_garnet",
  "python_mfg_two_islands(horizon=4)",
  "mean_field_lin_quad(size=5,horizon=4)",
)


@pytest.mark.parametrize("game_name", GAMES)
def test_it_is_openspiels(game_name):
  game = pyspiel.load_game(game_name)
  iterates.assert_same_iterates(
    munchausen_mirror_descent.MunchausenMirrorDescent(game, lr=0.1),
    openspiel_munchausen.MunchausenMirrorDescent(game, lr=0.1),
  )


@pytest.mark.parametrize("game_name", GAMES)
def test_openspiels_is_textbook_mirror_descent(game_name):
  """Also where decision nodes share children, as in the first game."""
  game = pyspiel.load_game(game_name)
  iterates.assert_same_iterates(
    mirror_descent.MirrorDescent(game, lr=0.1),
    openspiel_munchausen.MunchausenMirrorDescent(game, lr=0.1),
  )


def test_the_learning_rate_of_an_iteration_is_ignored_by_both_classes():
  game = pyspiel.load_game("mfg_garnet(size=4,horizon=4)")
  for module in (munchausen_mirror_descent, openspiel_munchausen):
    plain = module.MunchausenMirrorDescent(game, lr=2.0)
    told = module.MunchausenMirrorDescent(game, lr=2.0)
    plain.iteration()
    told.iteration(learning_rate=0.1)
    assert iterates.nash_convs(game, plain, 2) == iterates.nash_convs(
      game, told, 2
    )
