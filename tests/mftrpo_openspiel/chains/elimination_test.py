"""Visits by elimination compared with closed forms."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import elimination


def tunnel(size, step):
  """Returns the inner part of a fair walk on 0, ..., size + 1, and its exits.

  Args:
    size: Number of inner states.
    step: Probability of moving, for each of the two directions.
  """
  steps = np.full(size - 1, step)
  stay = np.full(size, 1 - 2 * step)
  exits = np.zeros(size)
  exits[[0, -1]] = step
  return np.diag(steps, 1) + np.diag(steps, -1) + np.diag(stay), exits


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("step", [0.5, 1e-9, 1e-200])
@pytest.mark.parametrize("start", [0, 13, 29])
def test_visits_of_a_fair_walk(kind, step, start):
  """The Green function of the gambler's ruin."""
  size = 30
  chain, exits = tunnel(size, step)
  entries = np.eye(size)[start]
  visits, report = elimination.expected_visits(kind(chain), exits, entries)
  places = np.arange(1, size + 1)
  expected = (
    np.minimum(places, start + 1)
    * (size + 1 - np.maximum(places, start + 1))
    / ((size + 1) * step)
  )
  np.testing.assert_allclose(visits, expected, rtol=1e-12)
  assert np.abs(visits / expected - 1).max() <= report.relative_error_bound


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_invariant_law_of_a_birth_death_chain(kind):
  rng = np.random.default_rng(0)
  up, down = 10.0 ** -rng.uniform(0.5, 12, size=(2, 40))
  chain = np.diag(up, 1) + np.diag(down, -1)
  np.fill_diagonal(chain, 1 - chain.sum(axis=1))
  expected = np.append(1.0, np.cumprod(up / down))
  law, report = elimination.invariant_law(kind(chain))
  expected /= expected.sum()
  np.testing.assert_allclose(law, expected, rtol=1e-12)
  assert np.abs(law / expected - 1).max() <= report.relative_error_bound < 1e-10


def test_nothing_to_visit():
  none = np.zeros(0)
  visits, _ = elimination.expected_visits(np.zeros((0, 0)), none, none)
  assert visits.shape == (0,)


@pytest.mark.parametrize(("size", "is_known"), [(3, True), (60, False)])
def test_there_is_no_bound_after_underflow(size, is_known):
  """A line of states with a drift of 1e-90, to 1e-90^59."""
  chain = np.diag(np.full(size - 1, 1e-90), 1) + np.diag(np.ones(size - 1), -1)
  chain[0, 0] = 1
  law, report = elimination.invariant_law(sparse.csr_array(chain))
  expected = 1e-90 ** np.arange(size, dtype=np.float64)
  np.testing.assert_allclose(law, expected, rtol=1e-12, atol=1e-300)
  assert np.isfinite(report.relative_error_bound) == is_known
