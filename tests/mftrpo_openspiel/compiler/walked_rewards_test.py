"""Rewards read in walks, and what walks find out."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import walked_rewards


def enumerated(name):
  roots = pyspiel.load_game(name).new_initial_states()
  return roots, game_walk.enumerate_layers(roots)


@pytest.mark.parametrize(
  "name",
  [
    "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
    "python_odd_game(pays=first+second+terminal)",
    "python_odd_game(pays=first+memory)",
  ],
)
def test_rewards_of_walks_are_those_of_the_enumeration_under_its_masses(name):
  roots, layers = enumerated(name)
  masses = {
    index: layer.masses
    for index, layer in enumerate(layers)
    if layer.kind == game_walk.MEAN_FIELD
  }
  np.testing.assert_array_equal(
    walked_rewards.WalkedRewards(roots, layers)(masses),
    np.concatenate([layer.rewards for layer in layers]),
  )


def test_a_mean_field_that_moves_players_is_noticed():
  roots, layers = enumerated(
    "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
    "time_step_length=0.25)"
  )
  masses = {
    index: np.ones(len(layer)) / len(layer)
    for index, layer in enumerate(layers)
    if layer.kind == game_walk.MEAN_FIELD
  }
  reader = walked_rewards.WalkedRewards(roots, layers)
  with pytest.raises(ValueError, match=r"next node at 'Location=.*differs"):
    reader(masses)


@pytest.mark.parametrize(
  "name",
  [
    "python_odd_game(pays=mean_field+first+second+terminal)",
    "python_odd_game(pays=second+memory,coin=false)",
    "python_mfg_predator_prey(horizon=2)",
  ],
)
def test_rewards_are_those_of_a_walk_through_all_moves(name):
  """Under other masses than those of the enumeration."""
  roots, layers = enumerated(name)
  masses = comparison.random_masses(layers, np.random.default_rng(4))
  walk = comparison.probe(roots, layers, crowds.these(masses))
  np.testing.assert_array_equal(
    walked_rewards.WalkedRewards(roots, layers)(masses), walk.rewards
  )
