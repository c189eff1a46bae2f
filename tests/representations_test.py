"""Tests that representations of objects are one line without arrays."""

import dataclasses

import numpy as np
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import newton_krylov
from mftrpo_openspiel.runs import experiment as experiment_lib

GAME = "python_mfg_two_islands(horizon=3)"


@pytest.fixture(scope="module")
def game():
  return pyspiel.load_game(GAME)


def ring():
  kernel = np.tile(np.eye(3)[:, None], (1, 2, 1))
  return mftrpo_openspiel.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mu: np.zeros((3, 2)),
    discount=0.5,
    initial_distribution=np.ones(3) / 3,
  )


def test_games_and_mdps(game):
  assert repr(game) == f"{GAME}: 14 states, 2 actions, horizon 3"
  # OpenSpiel loads a game from the result of str.
  assert str(game).startswith("python_mfg_two_islands(")
  assert repr(game.mean_field_mdp()) == (
    "MeanFieldMDP(14 states, 2 actions, discount 0.9, on a Graph)"
  )
  assert repr(ring()) == "MeanFieldMDP(3 states, 2 actions, discount 0.5)"
  moving = dataclasses.replace(
    ring(), kernel=lambda mu: np.tile(np.eye(3)[:, None], (1, 2, 1))
  )
  assert repr(moving) == (
    "MeanFieldMDP(3 states, 2 actions, discount 0.5, kernel depends on the mean"
    " field)"
  )
  assert repr(mftrpo_openspiel.CrowdAversion(np.zeros((14, 2)), 0.2)) == (
    "CrowdAversion(crowd_aversion=0.2, base of shape (14, 2))"
  )


def test_models(game):
  assert repr(mftrpo_openspiel.CompiledGame(game)) == (
    f"CompiledGame({GAME}: 42 states, 2 actions)"
  )
  model = mftrpo_openspiel.OpenSpielModel(pyspiel.load_game("mfg_garnet"))
  num_states = len(model.observation_strings)
  assert repr(model) == (
    f"OpenSpielModel(mfg_garnet: {num_states} states, 3 actions)"
  )
  mdp = game.mean_field_mdp()
  assert repr(mftrpo_openspiel.StationaryModel(mdp)) == (
    "StationaryModel(mean-field MDP: 14 states, 2 actions)"
  )
  assert repr(mftrpo_openspiel.StationaryModel(mdp, game)) == (
    f"StationaryModel({GAME}: 14 states, 2 actions)"
  )


def test_policies_and_equilibria(game):
  compiled = mftrpo_openspiel.CompiledGame(game)
  policy = compiled.to_openspiel(mftrpo_openspiel.MFTRPO(compiled).policy)
  assert repr(policy) == f"FrozenPolicy({GAME}: 42 states)"
  model = mftrpo_openspiel.StationaryModel(game.mean_field_mdp(), game)
  policy = mftrpo_openspiel.MFTRPO(model).get_policy()
  assert repr(policy) == f"StationaryPolicy({GAME}: 14 states)"
  found = newton_krylov.find_equilibrium(model, 0.3)
  assert repr(found).startswith(
    "Equilibrium(eta = 0.3, 14 states, 2 actions: rationality "
  )
  assert "array" not in repr(found)


def test_runs_and_solutions():
  experiment = experiment_lib.Experiment(
    game_name=GAME, algorithm="mirror_descent", num_iterations=20
  )
  result = mftrpo_openspiel.run_experiment(experiment)
  first, last = result.records[0], result.records[-1]
  assert repr(result) == (
    f"RunResult(mirror_descent on {result.config['game'][:60]}...): iterations"
    f" 0 to 20, phi_0 {first.exploitability:.3g} -> {last.exploitability:.3g},"
    f" phi_0.05 {first.regularized_exploitability:.3g} ->"
    f" {last.regularized_exploitability:.3g})"
  )
  solution = result.solution
  assert repr(solution) == (
    f"Solution({solution.game[:60]}...), model 'stationary': 14 states, 2"
    " actions, iteration 20)"
  )
