"""Tests of games that are known to have fixed transitions."""

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import known_games

FIXED = (
  "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
  "mean_field_nfg(num_actions=3,reward_function=biased_indirect_rps)",
  "mfg_crowd_modelling(size=5,horizon=3)",
  "mfg_crowd_modelling_2d(size=3,horizon=3,with_congestion=true)",
  "mfg_crowd_modelling_2d(size=3,horizon=3,noise_intensity=0.5)",
  "mfg_garnet(size=5,horizon=3,sparsity_factor=0.5)",
  "python_mfg_crowd_avoidance(horizon=2,coef_congestion=1.0)",
  "python_mfg_crowd_modelling(size=5,horizon=3)",
  "python_mfg_periodic_aversion(size=5,horizon=3,n_actions_per_side=1)",
  "python_mfg_predator_prey(horizon=2,size=3,players=2,"
  "reward_matrix=0 1 1 0,init_distrib=1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1)",
)


@pytest.mark.parametrize("name", FIXED)
def test_no_mean_field_changes_the_transitions_of_known_games(name):
  game = pyspiel.load_game(name)
  assert known_games.has_fixed_moves(game)
  roots = game.new_initial_states()
  levels = game_walk.enumerate_levels(roots)
  rng = np.random.default_rng(5)
  random = [
    crowds.announced(crowds.random_masses(levels, rng)) for _ in range(3)
  ]
  for crowd in (*crowds.EXTREMES, *random):
    found = comparison.compare(roots, levels, crowd, num_states=1)
    assert found.by_mean_field is None


@pytest.mark.parametrize(
  "name",
  [
    "mean_field_lin_quad(size=6,horizon=3,mean_revert=0.5)",
    "mfg_dynamic_routing(network=braess)",
    "python_mfg_dynamic_routing",
    "python_odd_game",
  ],
)
def test_other_games_are_not_known_to_have_fixed_transitions(name):
  assert not known_games.has_fixed_moves(pyspiel.load_game(name))
