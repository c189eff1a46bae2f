"""Tests of softmax, soft maximum and entropy."""

import warnings

import hypothesis
from hypothesis import strategies
from hypothesis.extra import numpy as hypothesis_numpy
import numpy as np
import pytest

from mftrpo_openspiel.utils import softmax

INF = np.inf

values = hypothesis_numpy.arrays(
  np.float64,
  strategies.tuples(strategies.integers(1, 4), strategies.integers(1, 4)),
  elements=strategies.floats(-50, 50),
)


def test_softmax_at_literal_values():
  logits = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]])
  np.testing.assert_allclose(
    softmax.softmax(logits),
    [[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]],
    rtol=1e-15,
  )


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4, 1e300])
def test_softmax_does_not_overflow(shift):
  logits = np.array([[0.0, -INF, 0.0]]) + shift
  np.testing.assert_array_equal(softmax.softmax(logits), [[0.5, 0.0, 0.5]])


@hypothesis.given(values, strategies.sampled_from([1e-3, 0.05, 1.0, 20.0]))
@hypothesis.settings(deadline=None, derandomize=True)
def test_soft_maximum_is_attained_by_softmax(action_values, temperature):
  policy = softmax.softmax(action_values, temperature)
  attained = (policy * action_values).sum(axis=1)
  attained += temperature * softmax.entropy(policy)
  maximum = softmax.soft_maximum(action_values, temperature)
  np.testing.assert_allclose(maximum, attained, rtol=1e-12, atol=1e-11)
  # No other policy does better.
  rng = np.random.default_rng(0)
  for _ in range(5):
    other = rng.dirichlet(np.ones(policy.shape[1]), len(policy))
    value = (other * action_values).sum(axis=1)
    assert (
      value + temperature * softmax.entropy(other) < maximum + 1e-11
    ).all()


def test_soft_maximum_of_one_temperature_a_state():
  action_values = np.array([[1.0, 1.0], [1.0, 1.0], [3.0, -INF]])
  maximum = softmax.soft_maximum(action_values, np.array([0.5, 2.0, 1.0]))
  np.testing.assert_allclose(
    maximum, [1 + 0.5 * np.log(2), 1 + 2 * np.log(2), 3.0], rtol=1e-15
  )


def test_soft_maximum_goes_to_the_maximum():
  action_values = np.array([[1.0, 3.0, 2.0]])
  maximum = softmax.soft_maximum(action_values, 1e-6)
  np.testing.assert_allclose(maximum, [3.0], rtol=1e-15)


def test_entropy():
  policy = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
  np.testing.assert_allclose(
    softmax.entropy(policy), np.log(2) * np.array([1, 0, 1.5]), rtol=1e-15
  )


def test_uniform_policy():
  mask = np.array([[True, True, False], [False, False, True]])
  np.testing.assert_array_equal(
    softmax.uniform_policy(mask), [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
  )


def test_greedy_policy_takes_the_first_best_action():
  action_values = np.array([[1.0, 3.0, 3.0], [-INF, -2.0, -5.0]])
  np.testing.assert_array_equal(
    softmax.greedy_policy(action_values), [[0, 1, 0], [0, 1, 0]]
  )


def test_zero_logits():
  mask = np.array([[True, True, False]])
  np.testing.assert_array_equal(softmax.zero_logits(mask), [[0.0, 0.0, -INF]])


@pytest.mark.parametrize("learning_rate", [0.1, np.array([[0.1], [0.4]])])
def test_mirror_step(learning_rate):
  logits = np.array([[0.3, -1.0, -INF], [2.0, 0.5, 1.0]])
  action_values = np.array([[1.0, -2.0, -INF], [0.0, 3.0, -1.0]])
  regularization = 0.5
  # pi' is proportional to pi exp(lr (Q - eta log pi)).
  policy = softmax.softmax(logits)
  with np.errstate(divide="ignore", invalid="ignore"):
    weights = policy * np.exp(
      learning_rate * (action_values - regularization * np.log(policy))
    )
  weights[policy == 0] = 0.0
  stepped = softmax.mirror_step(
    logits, action_values, learning_rate, regularization
  )
  np.testing.assert_allclose(
    softmax.softmax(stepped),
    weights / weights.sum(axis=1, keepdims=True),
    rtol=1e-13,
  )
  np.testing.assert_array_equal(stepped.max(axis=1), 0.0)


def test_at_temperature_zero_they_are_the_maximum():
  values = np.array([[1.0, 3.0, 3.0], [2.0, -np.inf, 0.0]])
  np.testing.assert_array_equal(
    softmax.softmax(values, np.zeros(2)), [[0, 0.5, 0.5], [1, 0, 0]]
  )
  np.testing.assert_array_equal(
    softmax.soft_maximum(values, np.array([0.0, 0.0])), [3, 2]
  )


def test_a_mirror_step_of_rate_0_leaves_what_is_not_legal_alone():
  """Rates are 0 where gamma^t underflows."""
  logits = np.array([[0.0, -1.0, -INF], [0.0, -1.0, -INF], [0.0, -2.0, -INF]])
  action_values = np.array([[1.0, 4.0, -INF], [0.0, 0.0, -INF], [1, 0, -INF]])
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    stepped = softmax.mirror_step(
      logits,
      action_values,
      np.array([[0.5], [0.0], [0.25]]),
      np.array([[0.5], [0.0], [4.0]]),
    )
  # Rows: 3/4 y + Q / 2, y, and Q / 4, up to constants.
  expected = [[-0.75, 0.0, -INF], [0.0, -1.0, -INF], [0.0, -0.25, -INF]]
  np.testing.assert_array_equal(stepped, expected)
