"""Compares binomial means with sums over all counts in extended precision."""

import math

import numpy as np
import pytest

from mftrpo_openspiel.finite_population import binomial_means

_LONG = np.longdouble
# The claimed error bound, relative to the largest value.
BOUND = 1e-14


def direct(function, num_trials, p):
  """Returns the sum over all counts within 40 standard deviations."""
  p = _LONG(p)
  if p in (0, 1):
    return function(p * num_trials)
  width = 40 * math.sqrt(num_trials * float(p * (1 - p))) + 80
  low = max(int(num_trials * p) - int(width), 0)
  high = min(int(num_trials * p) + int(width), num_trials)
  counts = np.arange(low, high + 1, dtype=_LONG)
  ratios = (num_trials - counts[:-1]) / counts[1:] * (p / (1 - p))
  logs = np.append(_LONG(0), np.cumsum(np.log(ratios)))
  weights = np.exp(logs - logs.max())
  return (weights * function(counts)).sum() / weights.sum()


def probabilities(num_trials):
  """Returns small and large probabilities, and those near method changes."""
  rng = np.random.default_rng(0)
  edge = binomial_means.MAX_RARE / max(num_trials, 90)
  around = edge * np.array([0.9, 0.999, 1.001, 1.05, 1.2])
  return np.concatenate(
    [
      [0, 1e-300, 1e-25, 1e-12, 1e-6, 0.5, 1 - 1e-6, 1 - 1e-12, 1],
      around,
      1 - around,
      10 ** rng.uniform(-7, 0, 20),
      1 - 10 ** rng.uniform(-7, 0, 10),
    ]
  )


NUMBERS = (2, 3, 5, 30, 91, 100, 1000, 10**4, 10**6)


def log_share(num_players):
  return lambda counts: np.log((1 + counts) / num_players + 1e-25)


@pytest.mark.parametrize("num_players", NUMBERS)
def test_mean_logarithm_of_the_mass(num_players):
  function = log_share(num_players)
  p = probabilities(num_players - 1)
  expected = np.array([direct(function, num_players - 1, x) for x in p])
  scale = math.log(num_players)
  for mean in (binomial_means.smooth_mean, binomial_means.mean):
    actual = mean(function, num_players - 1, p)
    assert np.abs(actual - expected).max() <= BOUND * scale


@pytest.mark.parametrize("num_players", NUMBERS)
def test_interpolated_means_equal_sums(num_players):
  """Tests with enough probabilities that means are interpolated in a table."""
  function = log_share(num_players)
  p = probabilities(num_players - 1)
  expected = np.array([direct(function, num_players - 1, x) for x in p])
  many = np.concatenate([p, np.random.default_rng(1).random(3000)])
  actual = binomial_means.smooth_mean(function, num_players - 1, many)[: len(p)]
  assert np.abs(actual - expected).max() <= BOUND * math.log(num_players)


@pytest.mark.parametrize("num_players", [2, 100, 1000, 10**5])
def test_moments_are_those_of_the_binomial_law(num_players):
  n = num_players - 1
  p = probabilities(n)
  mean = binomial_means.mean(lambda counts: counts / n, n, p)
  np.testing.assert_allclose(mean, p, rtol=1e-13, atol=1e-300)
  variance = binomial_means.mean(lambda counts: (counts / n - p) ** 2, n, p)
  np.testing.assert_allclose(variance, p * (1 - p) / n, rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("num_players", [30, 1000, 10**5])
def test_functions_with_kinks_and_jumps_are_summed_exactly(num_players):
  """Sums over every h-th count would be wrong for these."""
  p = np.array([0.001, 0.1, 0.3, 0.31, 0.9])
  for function in (
    lambda counts: np.maximum(counts / num_players - 0.3, 0),
    lambda counts: (counts > 0.3 * num_players) * 1.0,
  ):
    expected = [direct(function, num_players - 1, x) for x in p]
    actual = binomial_means.mean(function, num_players - 1, p)
    np.testing.assert_allclose(
      actual, np.array(expected, float), rtol=0, atol=2e-13
    )


def test_functions_with_several_values_per_state():
  p = np.array([0.2, 0.7])
  weights = np.array([[1.0, 2.0], [-1.0, 0.5]])
  actual = binomial_means.mean(lambda c: weights * c[:, None], 10, p)
  np.testing.assert_allclose(actual, weights * 10 * p[:, None], rtol=1e-14)


def test_one_player_has_no_others():
  function = log_share(1)
  p = np.array([0.0, 0.4, 1.0])
  assert (binomial_means.smooth_mean(function, 0, p) == 0).all()
  assert (binomial_means.mean(function, 0, p) == 0).all()
