"""Tests of mirror-descent steps on logits against their formula."""

import warnings

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.utils import softmax

INF = np.inf


def test_uniform_logits():
  mask = np.array([[True, True, False]])
  np.testing.assert_array_equal(
    mirror_steps.uniform_logits(mask), [[0.0, 0.0, -INF]]
  )


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
  stepped = mirror_steps.mirror_step(
    logits, action_values, learning_rate, regularization
  )
  np.testing.assert_allclose(
    softmax.softmax(stepped),
    weights / weights.sum(axis=1, keepdims=True),
    rtol=1e-13,
  )
  np.testing.assert_array_equal(stepped.max(axis=1), 0.0)


def test_a_mirror_step_of_rate_0_leaves_what_is_not_legal_alone():
  """Rates are 0 where gamma^t underflows."""
  logits = np.array([[0.0, -1.0, -INF], [0.0, -1.0, -INF], [0.0, -2.0, -INF]])
  action_values = np.array([[1.0, 4.0, -INF], [0.0, 0.0, -INF], [1, 0, -INF]])
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    stepped = mirror_steps.mirror_step(
      logits,
      action_values,
      np.array([[0.5], [0.0], [0.25]]),
      np.array([[0.5], [0.0], [4.0]]),
    )
  # Rows: 3/4 y + Q / 2, y, and Q / 4, up to constants.
  expected = [[-0.75, 0.0, -INF], [0.0, -1.0, -INF], [0.0, -0.25, -INF]]
  np.testing.assert_array_equal(stepped, expected)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("regularization", [0.0, 0.4])
def test_steps_where_few_states_have_a_choice(each, regularization):
  rng = np.random.default_rng(0)
  mask = np.zeros((1200, 5), dtype=bool)
  mask[np.arange(1200), rng.integers(5, size=1200)] = True
  mask[::9] = True
  logits = np.where(mask, rng.normal(size=mask.shape), -INF)
  values = np.where(mask, rng.normal(size=mask.shape), -INF)
  rate = rng.random((1200, 1)) if each else 0.3
  eta = regularization * np.ones((1200, 1)) if each else regularization
  found = mirror_steps.mirror_step(logits, values, rate, eta)
  for row in range(1200):
    at = slice(row, row + 1)
    expected = mirror_steps.mirror_step(
      logits[at],
      values[at],
      rate[at] if each else rate,
      eta[at] if each else eta,
    )
    np.testing.assert_allclose(found[at], expected, rtol=1e-14)
