"""Tests of softmax, soft maximum and entropy."""

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


def test_soft_maximum_with_one_temperature_per_state():
  action_values = np.array([[1.0, 1.0], [1.0, 1.0], [3.0, -INF]])
  maximum = softmax.soft_maximum(action_values, np.array([0.5, 2.0, 1.0]))
  np.testing.assert_allclose(
    maximum, [1 + 0.5 * np.log(2), 1 + 2 * np.log(2), 3.0], rtol=1e-15
  )


def test_soft_maximum_converges_to_the_maximum():
  action_values = np.array([[1.0, 3.0, 2.0]])
  maximum = softmax.soft_maximum(action_values, 1e-6)
  np.testing.assert_allclose(maximum, [3.0], rtol=1e-15)


def test_entropy():
  policy = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
  np.testing.assert_allclose(
    softmax.entropy(policy), np.log(2) * np.array([1, 0, 1.5]), rtol=1e-15
  )


def test_at_temperature_zero_they_are_the_maximum():
  values = np.array([[1.0, 3.0, 3.0], [2.0, -np.inf, 0.0]])
  np.testing.assert_array_equal(
    softmax.softmax(values, np.zeros(2)), [[0, 0.5, 0.5], [1, 0, 0]]
  )
  np.testing.assert_array_equal(
    softmax.soft_maximum(values, np.array([0.0, 0.0])), [3, 2]
  )


@pytest.mark.parametrize("temperature", [1.0, 0.3, "each"])
def test_few_states_with_several_actions(temperature):
  """The results are the same as state by state."""
  rng = np.random.default_rng(0)
  logits = np.full((1200, 20), -INF)
  logits[np.arange(1200), rng.integers(20, size=1200)] = rng.normal(size=1200)
  logits[::7, :3] = rng.normal(size=logits[::7, :3].shape)
  scales = np.full(1200, temperature if temperature != "each" else 0.0)
  if temperature == "each":
    scales = rng.random(1200)
    scales[:20] = 0.0
    temperature = scales
  found = softmax.softmax(logits, temperature)
  for row, scale, law in zip(logits, scales, found):
    expected = softmax.softmax(row[None], np.array([scale]))[0]
    np.testing.assert_allclose(law, expected, rtol=1e-14)
  np.testing.assert_allclose(
    softmax.soft_maximum(logits, 0.3),
    0.3 * np.log(np.exp(logits / 0.3).sum(axis=1)),
    rtol=1e-12,
  )
