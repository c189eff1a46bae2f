"""Certificates compared with rational arithmetic, and with wrong factors."""

import fractions

import numpy as np
import pytest

from mftrpo_openspiel.chains import certificate

Fraction = fractions.Fraction


def bound_of(visits, jumps, entries, steps):
  with np.errstate(all="ignore"):
    return certificate.error_bound(
      visits, jumps, entries, steps, 2 * len(visits)
    )


def solve(jumps, entries):
  """Returns y with y (I - J) = b in rational arithmetic, from floats."""
  size = len(entries)
  rows = [
    [Fraction(int(i == j)) - Fraction(float(jumps[j, i])) for j in range(size)]
    + [Fraction(float(entries[i]))]
    for i in range(size)
  ]
  for k in range(size):
    rows[k] = [entry / rows[k][k] for entry in rows[k]]
    for i in range(size):
      if i != k:
        rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k])]
  return np.array([float(row[-1]) for row in rows])


def random_jumps(rng, size=6):
  weights = rng.random((size, size)) * (rng.random((size, size)) < 0.6)
  weights *= 10.0 ** -rng.integers(0, 4, (size, size))
  exits = 10.0 ** -rng.uniform(0, 6, size)
  np.fill_diagonal(weights, 0)
  return weights / (weights.sum(axis=1) + exits)[:, None]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("change", [0.0, 1e-13, 1e-7, 1e-2])
def test_no_error_is_larger_than_its_bound(seed, change):
  rng = np.random.default_rng(seed)
  jumps, entries = random_jumps(rng), rng.random(6)
  truth = solve(jumps, entries)
  system = np.eye(6) - jumps.T
  visits = truth * (1 + change * rng.uniform(-1, 1, 6))
  steps = np.linalg.solve(system, visits)
  bound = bound_of(visits, jumps, entries, steps)
  error = np.abs(visits / truth - 1).max()
  assert error <= bound
  # The bound is not uselessly large.
  lengths = (steps / visits).max()
  assert bound <= 1.1 * lengths * (2.2 * change * (1 + lengths) + 1e-14)


def test_wrong_results_are_not_certified():
  jumps = np.array([[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]])
  entries = np.array([1.0, 0.0, 0.0])
  visits = solve(jumps, entries)
  steps = solve(jumps, visits)
  assert bound_of(visits, jumps, entries, steps) < 1e-13
  for wrong in (np.nan, np.inf):
    for place in range(3):
      one = np.where(np.arange(3) == place, wrong, 1.0)
      assert bound_of(visits * one, jumps, entries, steps) == np.inf
      assert bound_of(visits, jumps, entries, steps * one) == np.inf
  zero = np.array([1.0, 1.0, 0.0])
  assert bound_of(visits * zero, jumps, entries, steps) > 1
  assert bound_of(visits, jumps, entries, steps * zero) == np.inf
  # Steps that do not decrease prove nothing.
  assert bound_of(visits, jumps, entries, np.ones(3)) == np.inf


def test_states_that_are_not_reached():
  jumps = np.array([[0, 0.5, 0], [0.25, 0, 0], [0.25, 0.25, 0]])
  entries = np.array([1.0, 0.0, 0.0])
  visits = solve(jumps, entries)
  assert visits[2] == 0
  steps = solve(jumps, visits + certificate.FLOOR)
  assert bound_of(visits, jumps, entries, steps) < 1e-13
