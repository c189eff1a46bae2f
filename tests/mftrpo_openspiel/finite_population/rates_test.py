"""Tests of rates."""

import numpy as np
import pytest
from scipy import stats

from mftrpo_openspiel.finite_population import rates


def test_an_exact_power_is_recovered():
  x = [1, 10, 300, 2000]
  rate = rates.fit(x, [7 * value**-0.5 for value in x])
  assert rate.slope == pytest.approx(-0.5, abs=1e-13)
  assert rate.standard_error == pytest.approx(0, abs=1e-13)


def test_slope_and_error_equal_those_of_a_linear_regression():
  rng = np.random.default_rng(0)
  x = np.geomspace(1, 100, 9)
  y = 3 / x * np.exp(0.3 * rng.normal(size=9))
  expected = stats.linregress(np.log(x), np.log(y))
  rate = rates.fit(x, y)
  assert rate.slope == pytest.approx(expected.slope, rel=1e-12)
  assert rate.standard_error == pytest.approx(expected.stderr, rel=1e-12)


def test_points_without_logarithm_are_ignored():
  assert rates.fit([1, 2, 4, 8], [1, 0, 4, 8]).slope == pytest.approx(1)


@pytest.mark.parametrize(
  "x,y", [([1, 2], [3, 4]), ([1, 2, 3], [0, 1, 2]), ([2, 2, 2], [1, 2, 3])]
)
def test_two_points_are_not_enough(x, y):
  assert rates.fit(x, y) is None


def test_a_rate_is_printed_as_number_and_error():
  assert str(rates.Rate(-0.987, 0.0123)) == "-0.99 +- 0.01"
