"""Tests of fixed point iteration against OpenSpiel's class and equilibria."""

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import fixed_point as openspiel_fpi
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fixed_point

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_fixed_point_is_openspiels(game_name):
  game = pyspiel.load_game(game_name)
  iterates.assert_same_iterates(
    fixed_point.FixedPoint(game, 0.5), openspiel_fpi.FixedPoint(game, 0.5)
  )
  # Several best actions are possible, as at the end of our games.
  np.testing.assert_allclose(
    iterates.nash_convs(game, fixed_point.FixedPoint(game), 6),
    iterates.nash_convs(game, openspiel_fpi.FixedPoint(game), 6),
    rtol=1e-9,
  )


def test_a_soft_fixed_point_is_the_regularized_equilibrium(islands):
  algorithm = fixed_point.FixedPoint(islands, regularization=1.0)
  for _ in range(200):
    algorithm.iteration()
  assert islands.exploitability(algorithm.policy, 1.0) < 1e-12
