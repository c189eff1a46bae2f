"""Tests of prior descent against its formula and fixed point iteration."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import prior_descent


@pytest.mark.parametrize("every", [1, 3, None])
def test_prior_descent_is_the_formula(islands, every):
  """On probabilities, with Q by value iteration."""
  mdp, temperature = islands.mdp, 2.0
  algorithm = prior_descent.PriorDescent(islands, temperature, every)
  kernel = mdp.kernel.toarray().reshape(14, 2, 14)
  policy = prior = np.full((14, 2), 0.5)
  for k in range(1, 8):
    rewards = mdp.reward_at(islands.mean_field(policy))
    values = np.zeros((14, 2))
    for _ in range(400):
      values = rewards + mdp.discount * kernel @ values.max(axis=1)
    weights = prior * np.exp(values / temperature)
    policy = weights / weights.sum(axis=1, keepdims=True)
    if every and k % every == 0:
      prior = policy
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, rtol=1e-9)
    np.testing.assert_allclose(
      algorithm.mean_field, islands.mean_field(policy), rtol=1e-9
    )


def test_with_one_prior_it_is_a_softmax_fixed_point(islands):
  one = prior_descent.PriorDescent(islands, 0.7)
  other = fixed_point.FixedPoint(islands, 0.7)
  for _ in range(5):
    one.iteration()
    other.iteration()
  np.testing.assert_allclose(one.policy, other.policy, rtol=1e-10)


def test_a_tiny_temperature_is_a_best_response(islands):
  greedy = fixed_point.FixedPoint(islands)
  greedy.iteration()
  algorithm = prior_descent.PriorDescent(islands, 1e-310)
  algorithm.iteration()
  assert set(algorithm.policy.ravel()) == {0.0, 1.0}
  np.testing.assert_array_equal(algorithm.policy, greedy.policy)
