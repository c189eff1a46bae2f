"""Tests that outcomes occur as often as expected, up to one."""

import numpy as np
import pytest

from mftrpo_openspiel.simulators import systematic


@pytest.mark.parametrize("seed", range(20))
def test_each_outcome_occurs_as_often_as_expected(seed):
  rng = np.random.default_rng(seed)
  masses = rng.dirichlet(np.full(30, 0.3)) * rng.uniform(0.1, 50)
  masses[rng.integers(30, size=5)] = 0.0
  masses[[0, -1]] = 0.0
  size = int(rng.integers(1, 500))
  counts = np.bincount(systematic.draw(masses, size, rng), minlength=30)
  expected = size * masses / masses.sum()
  assert counts.sum() == size
  assert (np.abs(counts - expected) < 1 + 1e-9).all()
  assert (counts[masses == 0] == 0).all()


def test_the_mean_number_of_occurrences_is_exact():
  rng = np.random.default_rng(0)
  masses = np.array([0.05, 0.3, 0.0, 0.65])
  num_draws = 40_000
  counts = np.zeros(4)
  for _ in range(num_draws):
    counts += np.bincount(systematic.draw(masses, 3, rng), minlength=4)
  # Each number varies by at most 1, so its standard deviation is at most 1/2.
  error = np.abs(counts / num_draws - 3 * masses).max()
  assert error < 5 * 0.5 / np.sqrt(num_draws)


def test_integer_expectations_are_met_exactly():
  rng = np.random.default_rng(0)
  masses = np.concatenate([rng.dirichlet(np.ones(7)) for _ in range(3)])
  for _ in range(100):
    outcomes = systematic.draw(masses, 3 * 11, rng)
    np.testing.assert_array_equal(np.bincount(outcomes // 7), [11, 11, 11])
