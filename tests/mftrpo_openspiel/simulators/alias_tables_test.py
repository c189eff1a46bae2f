"""Tests that draws from alias tables have the given distributions."""

import numpy as np
import pytest
from scipy import stats

from mftrpo_openspiel.simulators import alias_tables


def _laws(rng, widths):
  """Returns weights of distributions of some widths, and their starts."""
  laws = [rng.dirichlet(np.full(width, 0.4)) for width in widths]
  return np.concatenate(laws), np.cumsum([0, *widths])


def _implied(tables, num_entries):
  """Returns the probability of each entry that the columns imply."""
  widths = tables._widths
  shares = np.repeat(1 / widths, widths.astype(int))
  masses = shares * tables._heights
  rest = shares * (1 - tables._heights)
  return masses + np.bincount(tables._aliases, rest, minlength=num_entries)


@pytest.mark.parametrize("seed", range(5))
def test_columns_imply_the_given_probabilities(seed):
  rng = np.random.default_rng(seed)
  widths = [1, 2, 3, 7, 1, 40, 5, 5]
  weights, indptr = _laws(rng, widths)
  weights *= np.repeat(rng.uniform(0.1, 9, len(widths)), widths)
  tables = alias_tables.AliasTables(weights, indptr)
  totals = np.add.reduceat(weights, indptr[:-1])
  expected = weights / np.repeat(totals, widths)
  np.testing.assert_allclose(
    _implied(tables, weights.size), expected, rtol=0, atol=1e-14
  )


@pytest.mark.parametrize(
  "law",
  [
    [1.0],
    [0.0, 1.0],
    [1.0, 0.0, 0.0],
    [0.0, 0.25, 0.75, 0.0],
    [0.25] * 4,
    [1e-300, 1.0],
    [0.1] * 10,
    [1 / 3, 1 / 3, 1 / 3],
  ],
)
def test_distributions_with_zeros_and_ties(law):
  law = np.array(law)
  tables = alias_tables.AliasTables(law, np.array([0, law.size]))
  np.testing.assert_allclose(
    _implied(tables, law.size), law / law.sum(), rtol=0, atol=1e-15
  )


def test_outcomes_of_probability_zero_are_never_drawn():
  law = np.array([0.0, 0.3, 0.0, 0.7, 0.0])
  tables = alias_tables.AliasTables(law, np.array([0, 5]))
  draws = tables.draw(np.zeros(100_000, int), np.random.default_rng(0))
  assert set(np.unique(draws)) == {1, 3}


def test_draws_have_the_given_distributions():
  rng = np.random.default_rng(1)
  widths = [3, 1, 6, 12]
  weights, indptr = _laws(rng, widths)
  tables = alias_tables.AliasTables(weights, indptr)
  size = 200_000
  rows = rng.permutation(np.repeat(np.arange(4), size))
  draws = tables.draw(rows, rng)
  assert (draws >= indptr[rows]).all()
  assert (draws < indptr[rows + 1]).all()
  observed = np.bincount(draws, minlength=weights.size)
  expected = weights * size
  statistic = ((observed - expected) ** 2 / expected).sum()
  assert stats.chi2.sf(statistic, weights.size - len(widths)) > 1e-4
