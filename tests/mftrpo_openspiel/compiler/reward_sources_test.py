"""Tests of rewards read from states, and computed from densities."""

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import known_games
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


def enumerated(name):
  """Returns the game, its initial states, and its levels."""
  game = pyspiel.load_game(name)
  roots = game.new_initial_states()
  return game, roots, game_walk.enumerate_levels(roots)


def folded(game, levels):
  carriers = folding.mass_carriers(levels)
  return folding.fold_levels(levels, game.num_distinct_actions(), carriers, ())


def state_rewards(name, paying=None):
  game, roots, levels = enumerated(name)
  states = {
    index: states
    for index, states in enumerate(game_walk.replay(roots, levels))
    if levels[index].kind == game_walk.MEAN_FIELD
  }
  paying = frozenset(range(len(levels)) if paying is None else paying)
  return reward_sources.StateRewards(folded(game, levels), states, paying)


def walked_rewards(name):
  game, roots, levels = enumerated(name)
  return reward_sources.WalkedRewards(folded(game, levels), roots)


def sparse_masses(levels, seed):
  """Returns random masses, half of them zero."""
  rng = np.random.default_rng(seed)
  masses = crowds.random_masses(levels, rng)
  return {
    index: drawn * (rng.random(len(drawn)) < 0.5)
    for index, drawn in masses.items()
  }


@pytest.mark.parametrize("name", KNOWN)
def test_rewards_from_densities_agree_with_those_of_states(name):
  game, _, levels = enumerated(name)
  result = folded(game, levels)
  by_density = reward_sources.DensityRewards(
    result, known_games.density_formula(game)
  )
  by_state = state_rewards(name)
  for seed in range(2):
    masses = sparse_masses(levels, seed)
    mean_field = np.full(len(result.nodes), np.nan)
    first = levels[result.kept[0]]
    mean_field[: len(first)] = first.masses
    for index, rows in result.mass_rows.items():
      mean_field[rows] = masses[index]
    rewards, after_rewards = by_density(mean_field)
    assert after_rewards is None
    np.testing.assert_allclose(
      rewards, by_state(mean_field)[0], rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
  "name",
  [
    *KNOWN[:3],
    "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
    "python_mfg_predator_prey(horizon=2)",
    "python_odd_game(pays=first+second+terminal)",
    "python_odd_game(pays=mean_field)",
    "python_odd_game(pays=mean_field+second,coin=false)",
  ],
)
def test_rewards_of_states_and_of_traversals_agree(name):
  _, roots, levels = enumerated(name)
  masses = sparse_masses(levels, 3)
  crowd = crowds.announced(masses)
  # With several states per node, which must not be confused with the first.
  expected = comparison.compare(roots, levels, crowd, num_states=3).rewards
  for source in (state_rewards(name), walked_rewards(name)):
    np.testing.assert_array_equal(source.node_rewards(masses), expected)


@pytest.mark.parametrize(
  "name",
  [
    "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
    "python_odd_game(pays=first+second+terminal)",
    "python_odd_game(pays=first+memory)",
  ],
)
def test_rewards_of_traversals_agree_with_the_enumeration(name):
  _, _, levels = enumerated(name)
  masses = {
    index: level.masses
    for index, level in enumerate(levels)
    if level.kind == game_walk.MEAN_FIELD
  }
  np.testing.assert_array_equal(
    walked_rewards(name).node_rewards(masses),
    np.concatenate([level.rewards for level in levels]),
  )


def test_a_mean_field_that_changes_transitions_is_detected():
  name = (
    "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
    "time_step_length=0.25)"
  )
  _, _, levels = enumerated(name)
  masses = {
    index: np.ones(len(level)) / len(level)
    for index, level in enumerate(levels)
    if level.kind == game_walk.MEAN_FIELD
  }
  with pytest.raises(ValueError, match=r"next node at 'Location=.*differs"):
    walked_rewards(name).node_rewards(masses)


def test_only_levels_with_rewards_are_read():
  name = "python_odd_game(pays=first+second)"
  _, _, levels = enumerated(name)
  rewards = state_rewards(name, paying=[6]).node_rewards(
    sparse_masses(levels, 0)
  )
  offsets = np.cumsum([0] + [len(level) for level in levels])
  assert rewards[offsets[6] : offsets[7]].all()
  assert not rewards[: offsets[6]].any()
  assert not rewards[offsets[7] :].any()


def test_the_2d_game_with_congestion_has_no_formula():
  game = pyspiel.load_game(
    "mfg_crowd_modelling_2d(size=3,horizon=2,with_congestion=true)"
  )
  assert known_games.density_formula(game) is None


def test_an_unknown_game_has_no_formula():
  game = pyspiel.load_game("python_odd_game")
  assert known_games.density_formula(game) is None
