"""Compares gains from samples with exact ones of the same games."""

import re
import warnings

import draws
import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel import finite_population
from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

BASE = np.array([[0.1, -0.2], [0.0, 0.3], [0.5, 0.1]])
KERNEL = np.random.default_rng(4).dirichlet(np.ones(3), (3, 2))
AVERSION = mdp_lib.CrowdAversion(BASE, 0.7)


def models(reward):
  mdp = mdp_lib.MeanFieldMDP(KERNEL, reward, 0.8, [0.5, 0.3, 0.2])
  game = mftrpo_openspiel.MDPGame(mdp, horizon=4)
  return {
    "finite": compiled_game.CompiledGame(game),
    "stationary": stationary_model.StationaryModel(mdp),
  }


@pytest.mark.parametrize("kind", ["finite", "stationary"])
@pytest.mark.parametrize("num_players", [1, 2, 10])
def test_a_local_reward_that_is_not_declared(kind, num_players):
  declared = models(AVERSION)[kind]
  hidden = models(lambda law: AVERSION(law))[kind]
  policy = draws.random_policy(declared)
  exact = finite_population.exploitability(declared, policy, num_players)
  found = [
    finite_population.exploitability(
      hidden, policy, num_players, num_samples=size, seed=1
    )
    for size in (100, 1600)
  ]
  for its in found:
    error = abs(its.exploitability - exact.exploitability)
    assert error <= its.error_bound + 1e-12
    assert its.value == pytest.approx(exact.value, abs=0.2)
  if num_players > 1:
    assert found[1].error_bound < found[0].error_bound / 2
  if num_players == 2:
    limit = declared.exploitability(policy)
    assert abs(found[1].exploitability - limit) > found[1].error_bound
  assert found[0].method == "100 samples of the others, general reward"


def test_intervals_have_the_stated_coverage():
  """At an equilibrium, where actions have nearly equal values."""
  declared = models(AVERSION)["finite"]
  hidden = models(lambda law: AVERSION(law))["finite"]
  solver = mftrpo_openspiel.AnnealedMFTRPO(declared)
  for _ in range(100):
    solver.iteration()
  exact = finite_population.exploitability(declared, solver.policy, 5)
  missed = 0
  for seed in range(60):
    found = finite_population.exploitability(
      hidden, solver.policy, 5, num_samples=40, seed=seed
    )
    error = abs(found.exploitability - exact.exploitability)
    missed += error > found.error_bound
  assert missed <= 3


def test_an_openspiel_game_with_and_without_its_formula(monkeypatch):
  """The game of predators and prey has three populations."""
  game = pyspiel.load_game("python_mfg_predator_prey(horizon=2)")
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    declared = compiled_game.CompiledGame(game)
    monkeypatch.setattr(known_games, "density_formula", lambda game: None)
    hidden = compiled_game.CompiledGame(game)
  policy = draws.random_policy(declared)
  exact = finite_population.exploitability(declared, policy, 3)
  found = finite_population.exploitability(
    hidden, policy, 3, num_samples=200, seed=0
  )
  error = abs(found.exploitability - exact.exploitability)
  assert error <= found.error_bound
  assert found.error_bound < 0.2 * exact.exploitability


def test_the_simulated_deviation_has_the_computed_gain():
  model = models(AVERSION)["finite"]
  policy = draws.random_policy(model)
  exact = finite_population.exploitability(model, policy, 6)
  played = finite_population.simulate(
    model, policy, 6, 20_000, 0, exact.deviation
  )
  expected = exact.value + exact.exploitability
  assert abs(played.value.mean - expected) <= played.value.half_width
  assert abs(played.value.mean - exact.value) > played.value.half_width


@pytest.mark.parametrize(
  ("arguments", "line"),
  [
    (
      {},
      "num_samples and seed must be given for a reward that is not declared as"
      " local or linear (CrowdAversion, LocalReward and LinearReward are), got"
      " None and None.",
    ),
    (
      {"num_samples": 100},
      "num_samples and seed must be given for a reward that is not declared as"
      " local or linear (CrowdAversion, LocalReward and LinearReward are), got"
      " 100 and None.",
    ),
    (
      {"num_samples": 19, "seed": 0},
      "num_samples must be a whole number of at least 20, got 19.",
    ),
    (
      {"num_samples": 20, "seed": -1},
      "seed must be a whole number of at least 0, got -1.",
    ),
  ],
)
def test_bad_calls(arguments, line):
  model = models(lambda law: AVERSION(law))["stationary"]
  with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
    finite_population.exploitability(
      model, np.full((3, 2), 0.5), 2, **arguments
    )
