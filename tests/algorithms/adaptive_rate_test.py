"""Tests of the population update rate that finds itself."""

import itertools

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_rate
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model


def test_moves_that_get_smaller_leave_the_rate_to_grow():
  rate = adaptive_rate.AdaptiveRate(2)
  for count in range(300):
    rate.adapt(np.array([1.0, -1.0]) * 0.95**count, 1.0)
  assert rate.rate == rate.bound == 1.0


def test_moves_that_turn_round_bound_it():
  """They never turn back, and are as large after each period."""
  rate = adaptive_rate.AdaptiveRate(2)
  rates, last_move = [], np.zeros(2)
  for count in range(1000):
    move = np.array([np.cos(0.1 * count), np.sin(0.1 * count)])
    assert move @ last_move >= 0
    rates.append(rate.adapt(move, 1.0))
    last_move = move
  assert max(rates) == 1.0
  # The first period is compared with none. Periods take 10 / rate iterations:
  # 1, 1/2, ... 1/32 take at most 25 + 10 + 10 + 20 + ... + 320 iterations.
  assert rates[-1] <= 1 / 32
  falls = [new for old, new in itertools.pairwise(rates) if new < old]
  assert falls == [2.0**-n for n in range(1, len(falls) + 1)]
  assert (np.diff(rates[rates.index(0.5) :]) <= 0).all()


def test_moves_that_are_rounding_change_nothing():
  rate = adaptive_rate.AdaptiveRate(2)
  for sign in (1, -1, 1, -1):
    assert rate.adapt(np.array([1e-14, -1e-14]) * sign, 1.0) == 0.01


def test_it_settles_where_a_crowd_is_driven_round():
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
  # At the equilibrium all play softmax(Q / eta), and mu is their law.
  policy, mu = algorithm.policy, algorithm.mean_field
  entropy = -(policy * np.log(policy)).sum(axis=1)
  rewards = base + interaction @ mu
  values = np.linalg.solve(np.eye(3) - 0.9 * policy, rewards + 0.05 * entropy)
  logits = 0.9 * np.repeat(values[None, :], 3, 0) / 0.05
  response = np.exp(logits - logits.max(axis=1, keepdims=True))
  response /= response.sum(axis=1, keepdims=True)
  np.testing.assert_allclose(policy, response, atol=1e-6)
  np.testing.assert_allclose(mu @ policy, mu, atol=1e-6)
