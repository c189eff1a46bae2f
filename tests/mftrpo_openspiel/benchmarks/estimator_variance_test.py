"""Tests of errors of estimates with known results."""

import numpy as np
import pytest
import sampled_games

from mftrpo_openspiel.benchmarks import estimator_variance
from mftrpo_openspiel.models import sampled_model

MASK = np.array([[True, True, False], [True, True, True]])
MASSES = np.array([1.0, 3.0])
EXACT = np.array([[0.0, 2.0, -np.inf], [5.0, 5.0, 8.0]])
# Variances of the values of the two states: 1 and 2.
SCALE = 1.0 * 1 + 3.0 * 2


def _errors(estimates):
  return estimator_variance.errors(np.array(estimates), EXACT, MASSES, MASK)


def test_constants_per_state_do_not_count():
  shifted = EXACT + np.array([[3.0], [-7.0]])
  errors = _errors([shifted, EXACT, EXACT])
  assert errors.noise == errors.total == 0
  assert errors.bias is None


def test_a_common_error_of_all_estimates_is_bias():
  off = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
  errors = _errors([EXACT + off] * 3)
  assert errors.noise == 0
  np.testing.assert_allclose([errors.bias, errors.total], 1 / np.sqrt(SCALE))


def test_an_error_that_averages_out_is_noise():
  off = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
  errors = _errors([EXACT + off, EXACT - off] * 50)
  assert errors.bias is None
  np.testing.assert_allclose(errors.total, 1 / np.sqrt(SCALE))
  np.testing.assert_allclose(errors.noise, np.sqrt(100 / 99 / SCALE))


def test_constant_estimates_have_an_error_of_one():
  errors = _errors([np.where(MASK, 4.0, -np.inf)] * 2)
  np.testing.assert_allclose(errors.total, 1.0)


def test_noise_decreases_with_the_square_root_of_trajectories():
  exact = sampled_games.exact_model("stationary")
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  rows = [
    estimator_variance.measure(
      sampled_model.SampledModel(exact, size, estimator="baseline"), policy, 60
    )
    for size in (500, 8000)
  ]
  assert rows[0]["noise"] / rows[1]["noise"] == pytest.approx(4, rel=0.3)
  assert rows[1]["environment steps"] == pytest.approx(
    16 * rows[0]["environment steps"], rel=0.05
  )
