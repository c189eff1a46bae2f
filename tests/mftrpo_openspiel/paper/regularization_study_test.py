"""Tests of regularization_study."""

import functools

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import regularization_study


@pytest.fixture(scope="module")
def model():
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  return stationary_model.StationaryModel(mdp)


def test_policies_are_regularized_equilibria(model):
  policy = regularization_study.find_policy(model, 0.1)
  assert model.exploitability(policy, 0.1) < 1e-9
  assert model.exploitability(policy) > 1e-3


def test_without_regularization_it_is_an_equilibrium(model):
  policy = regularization_study.find_policy(model, 0.0)
  assert model.exploitability(policy) < 1e-8


def test_policies_are_stored(model, tmp_path):
  def kept(eta):
    return regularization_study.kept_policy(model, "stationary", eta, tmp_path)

  first = kept(0.1)
  (path,) = tmp_path.iterdir()
  assert path.name == "equilibrium_0.1.npz"
  before = path.stat().st_mtime_ns
  np.testing.assert_array_equal(kept(0.1), first)
  assert path.stat().st_mtime_ns == before
  kept(0.2)
  assert len(list(tmp_path.iterdir())) == 2


def test_stored_policies_of_another_game_are_refused(model, tmp_path):
  regularization_study.kept_policy(model, "stationary", 0.1, tmp_path)
  mdp = pyspiel.load_game("python_mfg_two_islands(seed=1)").mean_field_mdp()
  other = stationary_model.StationaryModel(
    mdp, pyspiel.load_game("python_mfg_two_islands(seed=1)")
  )
  with pytest.raises(
    ValueError, match="model must belong to the game of the sol"
  ):
    regularization_study.kept_policy(other, "stationary", 0.1, tmp_path)


def test_etas_without_an_equilibrium_are_reported(model):
  def find(eta):
    if eta < 0.1:
      raise ArithmeticError("none")
    return np.full((14, 2), 0.5)

  told = []
  results = regularization_study.study(
    model, find, [0.01, 0.2], [10, 20], "own", lambda *x: told.append(x)
  )
  assert list(results) == [0.2]
  assert [found.num_players for found in results[0.2]] == [10, 20]
  (first, error), second = told
  assert first == 0.01 and str(error) == "none" and second == (0.2, None)


@pytest.mark.slow
def test_the_best_eta_has_the_smallest_gain(model):
  num_players = 100

  def gain(eta):
    policy = regularization_study.find_policy(model, eta)
    return gaps.find_gap(model, policy, num_players).exploitability

  gains = {eta: gain(eta) for eta in (1e-4, 1e-3, 1e-2)}
  choice = regularization_study.choose(
    model,
    functools.partial(regularization_study.find_policy, model),
    gains,
    num_players,
    "own",
  )
  assert choice.num_players == num_players
  assert choice.exploitability < min(gains.values())
  assert choice.exploitability == pytest.approx(gain(choice.best), rel=1e-3)
  for factor in (0.9, 1.1):
    assert gain(factor * choice.best) > choice.exploitability
  ratio = gain(choice.tolerable) / choice.exploitability
  assert ratio == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
  "gains", [[1, 2, 2, 2], [4, 3, 2, 2], [3, 1, 1, 2], [3, 0, 0, 0], [1, 2]]
)
def test_an_eta_at_the_end_of_the_range_is_not_called_best(model, gains):
  tried = {10.0**k: float(gain) for k, gain in enumerate(gains)}
  choice = regularization_study.choose(model, None, tried, 10, "own")
  assert choice.best is None
  assert choice.exploitability == min(gains)


@pytest.mark.parametrize(
  "gains",
  [
    {0.0: 2.0, 0.1: 3.0, 1.0: 4.0},  # It is larger.
    {0.0: 0.1, 0.1: 3.0, 1.0: 5.0},  # It is smaller.
    {0.0: 1.0, 0.1: 2.0},
  ],
)
def test_an_eta_at_the_end_of_the_range_is_not_called_tolerable(model, gains):
  choice = regularization_study.choose(model, None, gains, 10, "own")
  assert choice.tolerable is None
