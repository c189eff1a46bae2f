"""Rewards read from states, and computed from densities."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import reward_sources

KNOWN = [
  "mfg_crowd_modelling(size=6,horizon=4)",
  "python_mfg_crowd_modelling(size=6,horizon=3)",
  "mfg_crowd_modelling_2d(size=4,horizon=3,crowd_aversion_coef=0.7)",
  "mfg_crowd_modelling_2d(size=4,horizon=4,only_distribution_reward=true,"
  "initial_distribution=[0|0],initial_distribution_value=[1.0])",
  "mfg_garnet(size=6,horizon=4,eta=0.3)",
  "python_mfg_periodic_aversion(size=5,horizon=3,n_actions_per_side=1,"
  "coef_aversion=0.4)",
  "python_mfg_crowd_avoidance(horizon=3,coef_congestion=0.8)",
  "python_mfg_crowd_avoidance(horizon=2)",
  "python_mfg_predator_prey(horizon=3,congestion_coeff=0.6)",
]


def compiled(name, paying=None):
  game = pyspiel.load_game(name)
  roots = game.new_initial_states()
  states = {}

  def keep(index, layer, layer_states):
    if layer.kind == game_walk.MEAN_FIELD:
      states[index] = layer_states

  layers = game_walk.enumerate_layers(roots, visit=keep)
  paying = frozenset(range(len(layers)) if paying is None else paying)
  result = folding.compile_layers(
    layers, game.num_distinct_actions(), folding.carriers(layers), ()
  )
  reader = reward_sources.StateRewards(layers, states, paying)
  return game, roots, layers, result, reader


def sparse_masses(layers, seed):
  """Returns random masses, half of them zero."""
  rng = np.random.default_rng(seed)
  masses = comparison.random_masses(layers, rng)
  return {
    index: drawn * (rng.random(len(drawn)) < 0.5)
    for index, drawn in masses.items()
  }


@pytest.mark.parametrize("name", KNOWN)
def test_rewards_by_density_are_those_of_the_states(name):
  game, _, layers, result, reader = compiled(name)
  by_density = reward_sources.density_rewards(game, layers, result)
  for seed in range(2):
    masses = sparse_masses(layers, seed)
    mean_field = np.full(len(result.nodes), np.nan)
    first = layers[result.kept[0]]
    mean_field[: len(first)] = first.masses
    for index, rows in result.carried.items():
      mean_field[rows] = masses[index]
    expected, _ = result.rewards(reader(masses))
    np.testing.assert_allclose(
      by_density(mean_field), expected, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
  "name",
  [
    *KNOWN[:3],
    "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
    "python_odd_game(pays=first+second+terminal)",
    "python_odd_game(pays=mean_field)",
    "python_odd_game(pays=mean_field+second,coin=false)",
  ],
)
def test_rewards_of_states_are_those_of_a_walk(name):
  _, roots, layers, _, reader = compiled(name)
  masses = sparse_masses(layers, 3)
  walked = comparison.probe(roots, layers, crowds.these(masses), num_states=1)
  np.testing.assert_array_equal(reader(masses), walked.rewards)


def test_only_paying_layers_are_read():
  _, _, layers, _, reader = compiled(
    "python_odd_game(pays=first+second)", paying=[6]
  )
  offsets = np.cumsum([0] + [len(layer) for layer in layers])
  rewards = reader(sparse_masses(layers, 0))
  assert rewards[offsets[6] : offsets[7]].all()
  assert not rewards[: offsets[6]].any()
  assert not rewards[offsets[7] :].any()


def test_the_congestion_of_the_2d_game_is_left_to_the_states():
  game, _, layers, result, _ = compiled(
    "mfg_crowd_modelling_2d(size=3,horizon=2,with_congestion=true)"
  )
  assert reward_sources.density_rewards(game, layers, result) is None


def test_an_unknown_game_has_no_rewards_by_density():
  game, _, layers, result, _ = compiled("python_odd_game")
  assert reward_sources.density_rewards(game, layers, result) is None
