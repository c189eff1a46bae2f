"""Compares vectors of counts and means with enumerations of all players."""

import itertools
import math

import numpy as np
import pytest

from mftrpo_openspiel.finite_population import count_lattice

SIZES = [(1, 3), (2, 5), (3, 4), (4, 3)]


@pytest.mark.parametrize(("num_states", "num_players"), SIZES)
def test_all_vectors_are_listed_in_the_order_of_their_ranks(
  num_states, num_players
):
  lattice = count_lattice.CountLattice(num_states, num_players)
  for m in range(num_players + 1):
    points = lattice.points(m)
    expected = {
      c
      for c in itertools.product(range(m + 1), repeat=num_states)
      if sum(c) == m
    }
    assert set(map(tuple, points.tolist())) == expected
    assert len(points) == len(expected) == lattice.size(m)
    assert lattice.size(m) == math.comb(m + num_states - 1, m)
    np.testing.assert_array_equal(lattice.rank(points), np.arange(len(points)))
  for k, point in enumerate(lattice.points(num_players - 1)):
    for state in range(num_states):
      joined = point.copy()
      joined[state] += 1
      assert lattice.rank(joined) == lattice.joined[k, state]


def means(values, chain, lattice, next_lattice, num_players):
  """Returns the means by enumeration of the next states of each player."""
  result = []
  for point in lattice.points(num_players):
    places = np.repeat(np.arange(len(point)), point)
    mean = 0
    for nexts in itertools.product(range(chain.shape[1]), repeat=num_players):
      counts = np.bincount(np.array(nexts, dtype=int), minlength=chain.shape[1])
      probability = np.prod(chain[places, np.array(nexts, dtype=int)])
      mean = mean + probability * values[next_lattice.rank(counts)]
    result.append(mean)
  return np.array(result)


@pytest.mark.parametrize(
  ("num_states", "num_next", "num_players"),
  [(3, 3, 0), (3, 3, 1), (1, 2, 3), (2, 1, 3), (2, 3, 4), (3, 2, 4), (3, 3, 3)],
)
def test_means_over_the_next_counts(num_states, num_next, num_players):
  rng = np.random.default_rng(0)
  chain = rng.dirichlet(np.ones(num_next), num_states)
  chain[0] = np.eye(num_next)[-1]
  lattice, next_lattice = (
    count_lattice.CountLattice(size, num_players + 1)
    for size in (num_states, num_next)
  )
  values = rng.normal(size=(next_lattice.size(num_players), 2))
  expected = means(values, chain, lattice, next_lattice, num_players)
  expectations = count_lattice.Expectations(next_lattice, chain, num_players)
  np.testing.assert_allclose(
    expectations(values), expected, rtol=1e-12, atol=1e-14
  )
  counts = lattice.points(num_players)
  places = np.array(
    [np.repeat(np.arange(num_states), point) for point in counts], dtype=int
  )
  laws = count_lattice.laws_of_counts(
    next_lattice, places, np.tile(chain, (len(counts), 1, 1))
  )
  np.testing.assert_allclose(laws @ values, expected, rtol=1e-12, atol=1e-14)
  np.testing.assert_allclose(
    next_lattice.mean(values, chain[-1], num_players),
    expected[-1],
    rtol=1e-12,
  )
