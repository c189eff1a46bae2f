"""Tests of Online Mirror Descent against its formula and OpenSpiel's class."""

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_mirror_descent_is_openspiels_with_a_frozen_table(game_name):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    iterates.nash_convs(game, mirror_descent.MirrorDescent(game, lr=0.1), 6),
    iterates.nash_convs(
      game, openspiel_algorithm.FrozenTableMirrorDescent(game, lr=0.1), 6
    ),
    rtol=1e-9,
  )


def test_openspiels_mirror_descent_is_another_where_nodes_share_children():
  """The day this fails OpenSpiel has mended it, and our tables must not say
  "as shipped" any more."""
  for game_name, agree in [(SHARING_CHILDREN, False), (NOT_SHARING[0], True)]:
    game = pyspiel.load_game(game_name)
    shipped = iterates.nash_convs(game, openspiel_omd.MirrorDescent(game), 3)
    textbook = iterates.nash_convs(game, mirror_descent.MirrorDescent(game), 3)
    assert np.allclose(shipped, textbook, rtol=1e-9) == agree


def test_stationary_mirror_descent_is_the_formula(islands):
  algorithm = mirror_descent.MirrorDescent(islands, lr=0.2)
  sums = np.zeros((14, 2))
  policy = np.full((14, 2), 0.5)
  for _ in range(6):
    sums += 0.2 * islands.action_values(policy, islands.mean_field(policy))
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    policy = weights / weights.sum(axis=1, keepdims=True)
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-13)


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_regularized_baselines_reach_the_regularized_equilibrium(islands, eta):
  omd = mirror_descent.MirrorDescent(islands, lr=1.0, regularization=eta)
  fp = fictitious_play.FictitiousPlay(islands, regularization=eta)
  for _ in range(500):
    omd.iteration()
    fp.iteration()
  assert islands.exploitability(omd.policy, eta) < 1e-10
  assert islands.exploitability(fp.policy, eta) < 1e-6
