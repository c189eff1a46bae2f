"""Compares empirical distributions of players with exact ones."""

import dataclasses

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import sampled_games
from scipy import sparse

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import particles

GAMES = [
  "python_mfg_four_rooms_poi(room_size=2,horizon=4)",
  "mfg_crowd_modelling(size=6,horizon=4)",
  "python_mfg_predator_prey(horizon=3)",
  # Several layers belong to the same time.
  "python_odd_game(pays=first+second)",
]
NUM_SEEDS = 400


def _crowded_mdp(num_states=4):
  """Returns an MDP whose transitions lead away from crowded states."""
  base = sampled_games.random_mdp(num_states=num_states)
  fixed = base.fixed_kernel.toarray()

  def kernel(mean_field):
    away = (1 - mean_field) / (num_states - 1)
    return sparse.csr_array(0.5 * fixed + 0.5 * away)

  return dataclasses.replace(base, kernel=kernel)


def _check_mean(estimates, expected, num_particles):
  """Checks that independent estimates have a mean, by a z-test of each entry.

  With Bonferroni's bound over the entries; rare entries are pooled.
  """
  rare = expected * len(estimates) * num_particles < 50
  estimates, expected = (
    np.column_stack([x[:, ~rare], x[:, rare].sum(axis=1)])
    for x in (np.array(estimates), expected[None])
  )
  errors = estimates.mean(axis=0) - expected[0]
  deviations = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
  varied = deviations > 1e-12
  np.testing.assert_allclose(errors[~varied], 0, atol=1e-9)
  scores = np.abs(errors[varied]) / deviations[varied]
  # With 100 entries, the bound is exceeded with probability 1e-4.
  assert scores.max(initial=0) < 4.9


def _stationary(mdp, num_particles=50):
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  simulator = array_simulator.StationarySimulator(mdp)
  return model, policy, particles.Particles(simulator, policy, num_particles)


@pytest.mark.parametrize("num_steps", [0, 1, 3])
@pytest.mark.parametrize(
  "make_mdp", [sampled_games.random_mdp, _crowded_mdp], ids=["fixed", "crowded"]
)
def test_players_that_start_in_a_mean_field(make_mdp, num_steps):
  model, policy, players = _stationary(make_mdp())
  mean_field = np.array([0.1, 0.2, 0.0, 0.7])
  estimates = []
  for seed in range(NUM_SEEDS):
    rng = np.random.default_rng(seed)
    estimate = players.moved(mean_field, num_steps, rng, averages=False)
    assert estimate.num_environment_steps == 50 * num_steps
    estimates.append(estimate.masses)
  expected = model.propagate(policy, mean_field, num_steps)
  _check_mean(estimates, expected, 50)
  # Masses are multiples of the mass of a player.
  numbers = np.array(estimates) * 50
  np.testing.assert_allclose(numbers, np.round(numbers), atol=1e-9)


def test_averages_are_over_the_second_half_of_the_steps():
  model, policy, players = _stationary(sampled_games.random_mdp())
  mean_field = np.array([0.1, 0.2, 0.0, 0.7])
  expected = np.mean(
    [model.propagate(policy, mean_field, t) for t in (3, 4, 5)], axis=0
  )
  estimates = [
    players.moved(
      mean_field, 5, np.random.default_rng(seed), averages=True
    ).masses
    for seed in range(NUM_SEEDS)
  ]
  _check_mean(estimates, expected, 50)


def test_the_long_run_of_fixed_transitions():
  model, policy, players = _stationary(sampled_games.random_mdp())
  estimates = [
    players.long_run(np.ones(4) / 4, 60, np.random.default_rng(seed)).masses
    for seed in range(NUM_SEEDS)
  ]
  _check_mean(estimates, model.mean_field(policy), 50)


def test_the_long_run_of_interacting_players():
  # Propagation of chaos: the bias decreases with the number of players.
  model, policy, players = _stationary(_crowded_mdp(), 100_000)
  estimate = players.long_run(
    np.ones(4) / 4, 60, np.random.default_rng(0)
  ).masses
  expected = model.mean_field(policy)
  assert np.abs(estimate - expected).max() < 5e-3
  # It differs from the long run under the initial mean field.
  frozen = model.propagate(policy, model.initial_mean_field(), None)
  assert np.abs(frozen - expected).max() > 4e-2


def _finite(name, num_particles=60):
  return _of_model(
    compiled_game.CompiledGame(pyspiel.load_game(name)), num_particles
  )


def _of_model(model, num_particles):
  policy = draws.random_policy(model)
  simulator = array_simulator.LayeredSimulator(
    model.form, model.game.num_players()
  )
  return model, policy, particles.Particles(simulator, policy, num_particles)


@pytest.mark.parametrize("name", GAMES)
def test_flows(name):
  model, policy, players = _finite(name)
  uniform = model.initial_mean_field()
  estimates = [
    players.flow(uniform, np.random.default_rng(seed)).masses
    for seed in range(NUM_SEEDS)
  ]
  expected = model.mean_field(policy)
  _check_mean(estimates, expected, 50)
  sums = np.bincount(model.layers, expected)
  # The masses of a layer sum to one, unless plays have ended before.
  full = np.isclose(sums, model.game.num_players())
  for estimate in estimates[:5]:
    np.testing.assert_allclose(
      np.bincount(model.layers, estimate)[full], sums[full]
    )


@pytest.mark.parametrize("num_steps", [1, 2])
@pytest.mark.parametrize("name", GAMES)
def test_flows_after_a_few_steps(name, num_steps):
  model, policy, players = _finite(name)
  if num_steps > model.form.times.max():
    pytest.skip("It has fewer times.")
  mean_field = model.mean_field(draws.random_policy(model, 1))
  estimates = [
    players.moved_flow(mean_field, num_steps, np.random.default_rng(s)).masses
    for s in range(NUM_SEEDS)
  ]
  _check_mean(estimates, model.propagate(policy, mean_field, num_steps), 60)


def test_steps_of_flows_are_counted():
  model, _, players = _finite(GAMES[0], num_particles=7)
  rng = np.random.default_rng(0)
  uniform = model.initial_mean_field()
  # The last decisions have no next state, and are not played.
  assert players.flow(uniform, rng).num_environment_steps == 7 * 3
  # Players that start at the beginning reach time 1 in one step; those of
  # times 0 and 1 make two steps.
  moved = players.moved_flow(uniform, 2, rng)
  assert moved.num_environment_steps == 7 * (1 + 2 * 2)


def test_populations_have_equally_many_players():
  model, _, players = _finite(GAMES[2], num_particles=100)
  estimate = players.flow(model.initial_mean_field(), np.random.default_rng(0))
  populations = model.form.populations
  for layer in range(model.layers.max() + 1):
    here = model.layers == layer
    sums = np.bincount(populations[here], estimate.masses[here])
    np.testing.assert_allclose(sums, [1.0, 1.0, 1.0])


def test_flows_of_interacting_players():
  mdp = _crowded_mdp()
  model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=4))
  policy = draws.random_policy(model)
  simulator = array_simulator.LayeredSimulator(model.form, 1)
  players = particles.Particles(simulator, policy, 100_000)
  other = np.tile(mdp.initial_distribution, 4)
  rng = np.random.default_rng(0)
  expected = model.mean_field(policy)
  estimate = players.interacting_flow(other, rng)
  assert np.abs(estimate.masses - expected).max() < 1e-2
  assert estimate.num_environment_steps == 3 * 100_000
  # It differs from the flow under the other mean field.
  frozen = players.flow(other, rng)
  assert np.abs(frozen.masses - expected).max() > 3e-2


@pytest.mark.parametrize("begins_anywhere", [True, False])
def test_flows_of_a_game_whose_transitions_depend_on_the_mean_field(
  begins_anywhere, monkeypatch
):
  if not begins_anywhere:
    simulator = array_simulator.LayeredSimulator
    monkeypatch.setattr(simulator, "begins_anywhere", False)
    monkeypatch.setattr(array_simulator.FrozenArrays, "at", None)
  size = 20_000
  model, policy, players = _of_model(sampled_games.moving_model(), size)
  estimate = players.interacting_flow(
    model.initial_mean_field(), np.random.default_rng(0)
  )
  expected = model.mean_field(policy)
  np.testing.assert_allclose(estimate.masses, expected, atol=2e-2)
  last = model.layers.max()
  num_played = last if begins_anywhere else last * (last + 1) / 2
  assert estimate.num_environment_steps == num_played * size
