"""Tests of the three forms of best responses."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import best_response
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import compiled_game


@pytest.fixture(scope="module")
def model():
  """Two islands over a few steps, where values are discounted."""
  game = factory.create_game("python_mfg_two_islands(horizon=3)")
  return compiled_game.CompiledGame(game)


def respond(model, temperature=None, regularization=0.0):
  """Returns the response to the crowd of the uniform policy."""
  response = best_response.BestResponse(temperature, regularization)
  return response(model, model.initial_mean_field(), None)


def softmax(values):
  weights = np.exp(values - values.max(axis=1, keepdims=True))
  return weights / weights.sum(axis=1, keepdims=True)


def test_the_best_response_is_the_first_best_action(model):
  values = model.optimal_action_values(model.initial_mean_field())
  policy = respond(model)
  np.testing.assert_array_equal(policy.argmax(axis=1), values.argmax(axis=1))
  np.testing.assert_array_equal(policy.max(axis=1), 1)


def test_a_temperature_is_the_same_at_all_times(model):
  values = model.optimal_action_values(model.initial_mean_field())
  expected = softmax(values / 0.3)
  np.testing.assert_allclose(respond(model, temperature=0.3), expected)


def test_a_regularized_response_weighs_entropy_as_values(model):
  mean_field = model.initial_mean_field()
  values = model.optimal_action_values(mean_field, 0.3)
  assert model.discounts.min() < 1
  expected = softmax(values / (0.3 * model.discounts[:, None]))
  np.testing.assert_allclose(respond(model, regularization=0.3), expected)


def test_temperature_and_regularization_exclude_each_other():
  with pytest.raises(ValueError, match="temperature must be None where regul"):
    best_response.BestResponse(1.0, 1.0)
