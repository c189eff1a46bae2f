"""Tests of crowd_distance."""

import math

import numpy as np
import pytest

from mftrpo_openspiel.finite_population import crowd_distance


def mean_deviation(number, p):
  """Returns E|B / N - p| from its definition."""
  return math.fsum(
    math.comb(number, k) * p**k * (1 - p) ** (number - k) * abs(k / number - p)
    for k in range(number + 1)
  )


@pytest.mark.parametrize("number", [1, 2, 3, 10, 57])
def test_the_distance_equals_the_sum_over_all_counts(number):
  law = np.array([0.5, 0.25, 0.125, 0.1, 0.02, 0.005])
  expected = sum(mean_deviation(number, p) for p in law) / 2
  found = crowd_distance.expected_distance(law, number)
  assert found == pytest.approx(expected, rel=1e-12)


def test_the_distance_is_zero_if_all_players_are_in_one_state():
  assert crowd_distance.expected_distance(np.array([0.0, 1.0]), 7) == 0


def test_the_distance_of_one_player_to_a_uniform_law():
  law = np.full(4, 0.25)
  found = crowd_distance.expected_distance(law, 1)
  assert found == pytest.approx(0.75, rel=1e-14)


def test_the_distance_of_several_layers_is_their_mean():
  laws = np.array([[0.3, 0.7], [0.9, 0.1]])
  each = [crowd_distance.expected_distance(law, 5) for law in laws]
  both = crowd_distance.expected_distance(laws.ravel(), 5)
  assert both == pytest.approx(np.mean(each), rel=1e-13)


def test_the_distance_of_many_players_has_the_normal_limit():
  law = np.array([0.3, 0.7])
  found = crowd_distance.expected_distance(law, 10**6)
  expected = math.sqrt(2 / math.pi * 0.3 * 0.7 / 10**6)
  assert found == pytest.approx(expected, rel=1e-5)
