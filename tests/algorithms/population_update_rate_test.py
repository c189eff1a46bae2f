"""Tests of the population update rate."""

import itertools

import numpy as np

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import population_update_rate
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model

MEAN_FIELD = np.array([0.5, 0.5])


def rates(moves):
  """Returns the automatic rate after each move."""
  rate = population_update_rate.create("auto", 2)
  values = []
  for iteration, move in enumerate(moves, start=1):
    value, rate = rate.next(iteration, move, MEAN_FIELD)
    values.append(value)
  return values


def test_the_rate_grows_while_moves_get_smaller():
  moves = [np.array([1.0, -1.0]) * 0.95**count for count in range(300)]
  assert rates(moves)[-1] == 1.0


def test_moves_that_cycle_bound_the_rate():
  """They never turn back, and have the same size in each period."""
  angles = 0.1 * np.arange(1000)
  moves = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  assert all(move @ last >= 0 for last, move in itertools.pairwise(moves))
  found = rates(moves)
  assert max(found) == 1.0
  # The first period has no predecessor. Periods take 10 / rate iterations:
  # 1, 1/2, ... 1/32 take at most 25 + 10 + 10 + 20 + ... + 320 iterations.
  assert found[-1] <= 1 / 32
  falls = [new for old, new in itertools.pairwise(found) if new < old]
  assert falls == [2.0**-n for n in range(1, len(falls) + 1)]
  assert (np.diff(found[found.index(0.5) :]) <= 0).all()


def test_moves_that_are_rounding_change_nothing():
  moves = [np.array([1e-14, -1e-14]) * sign for sign in (1, -1, 1, -1)]
  assert rates(moves) == [0.01] * 4


def test_a_number_stays():
  rate = population_update_rate.create(0.25, 2)
  for iteration in (1, 2):
    value, rate = rate.next(iteration, np.ones(2), MEAN_FIELD)
    assert value == 0.25


def test_it_converges_where_a_crowd_cycles():
  """The regularized game of rock, paper, scissors with aversion to crowds."""
  interaction = np.array([[-0.6, -1, 1], [1, -0.6, -1], [-1, 1, -0.6]])
  kernel = np.zeros((3, 3, 3))
  kernel[:, range(3), range(3)] = 1.0
  base = np.array([0.2, 0.0, -0.1])
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      lambda mu: np.repeat((base + interaction @ mu)[:, None], 3, 1),
      0.9,
      [0.5, 0.3, 0.2],
    )
  )
  algorithm = mf_trpo.MFTRPO(
    model, 0.05, warm_start=True, population_update_rate="auto"
  )
  for _ in range(3000):
    algorithm.iteration()
  # At the equilibrium all play softmax(Q / eta), and mu is its mean field.
  policy, mu = algorithm.policy, algorithm.mean_field
  entropy = -(policy * np.log(policy)).sum(axis=1)
  rewards = base + interaction @ mu
  values = np.linalg.solve(np.eye(3) - 0.9 * policy, rewards + 0.05 * entropy)
  logits = 0.9 * np.repeat(values[None, :], 3, 0) / 0.05
  response = np.exp(logits - logits.max(axis=1, keepdims=True))
  response /= response.sum(axis=1, keepdims=True)
  np.testing.assert_allclose(policy, response, atol=1e-6)
  np.testing.assert_allclose(mu @ policy, mu, atol=1e-6)
