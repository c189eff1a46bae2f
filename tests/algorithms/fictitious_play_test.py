"""Tests of Fictitious Play against its formula and OpenSpiel's class."""

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
@pytest.mark.parametrize("options", [{}, {"lr": 0.3}, {"temperature": 0.5}])
def test_fictitious_play_is_openspiels(game_name, options):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    iterates.nash_convs(
      game, fictitious_play.FictitiousPlay(game, **options), 4
    ),
    iterates.nash_convs(game, openspiel_fp.FictitiousPlay(game, **options), 4),
    rtol=1e-9,
  )


def test_stationary_fictitious_play_is_the_formula(islands):
  algorithm = fictitious_play.FictitiousPlay(islands)
  policy = np.full((14, 2), 0.5)
  mean_field = islands.mean_field(policy)
  for k in range(6):
    rate = 1 / (k + 2)
    best = islands.optimal_action_values(mean_field).argmax(axis=1)
    response = np.eye(2)[best]
    law = islands.mean_field(response)
    weights = (1 - rate) * mean_field[:, None], rate * law[:, None]
    policy = (weights[0] * policy + weights[1] * response) / sum(weights)
    mean_field = (1 - rate) * mean_field + rate * law
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-13)
    np.testing.assert_allclose(algorithm.mean_field, mean_field, atol=1e-13)


def test_fictitious_play_keeps_small_shares(islands):
  """What few players did before is kept, though it is tiny beside the rest."""
  algorithm = fictitious_play.FictitiousPlay(islands, lr=0.5)
  mean_field = np.full(14, 1e-30)
  mean_field[2] = 1 - 13e-30
  algorithm.restore({**algorithm.state(), "mean_field": mean_field})
  best = islands.optimal_action_values(mean_field).argmax(axis=1)
  law = islands.mean_field(np.eye(2)[best])
  algorithm.iteration()
  others = np.flatnonzero((law > 1e-3) & (np.arange(14) != 2))
  assert others.size
  for x in others:
    np.testing.assert_allclose(
      algorithm.policy[x, 1 - best[x]], 0.5e-30 / law[x], rtol=1e-9
    )
