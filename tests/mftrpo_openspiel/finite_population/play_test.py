"""Tests of play."""

import collections

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.algorithms import expected_game_score
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import n_player_game
from mftrpo_openspiel.finite_population import play


@pytest.fixture(scope="module")
def game():
  return n_player_game.NPlayerGame(
    pyspiel.load_game("mfg_garnet(size=3,horizon=2,num_chance_action=2)"), 2
  )


def test_the_mean_return_equals_the_expected_score(game):
  uniform = policy_lib.UniformRandomPolicy(game.mean_field_game)
  found = play.play(game, uniform, 1500, seed=0)
  score = expected_game_score.policy_value(
    game.new_initial_state(), game.n_player_policy(uniform)
  )
  assert 0 < found.standard_error < 0.1
  assert abs(found.mean - np.mean(score)) < 4 * found.standard_error


def test_results_depend_only_on_the_seed(game):
  uniform = policy_lib.UniformRandomPolicy(game.mean_field_game)
  first, again, other = (
    play.play(game, uniform, 3, seed) for seed in (1, 1, 2)
  )
  assert first == again != other


def test_samples_follow_the_law():
  rng = np.random.default_rng(0)
  law = {3: 0.5, 1: 0.0, 4: 0.3, 0: 0.2}
  counts = collections.Counter(play._draw(law, rng) for _ in range(20_000))
  assert counts.keys() == {3, 4, 0}
  for action, count in counts.items():
    p = law[action]
    assert abs(count / 20_000 - p) < 4 * np.sqrt(p * (1 - p) / 20_000)


def test_invalid_numbers_raise_an_error(game):
  uniform = policy_lib.UniformRandomPolicy(game.mean_field_game)
  with pytest.raises(
    ValueError, match="num_plays must be a whole number of at"
  ):
    play.play(game, uniform, 1, 0)
  with pytest.raises(ValueError, match="seed must be a whole number of at lea"):
    play.play(game, uniform, 2, -1)
