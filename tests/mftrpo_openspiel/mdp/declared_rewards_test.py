"""Rewards that declare how they depend on the mean field, and their errors."""

import re

import numpy as np
import pytest
from scipy import sparse

import mftrpo_openspiel
from mftrpo_openspiel.mdp import declared_rewards

KERNEL = np.full((2, 2, 2), 0.5)


def mdp(reward):
  return mftrpo_openspiel.MeanFieldMDP(
    kernel=KERNEL,
    reward=reward,
    discount=0.9,
    initial_distribution=[0.5, 0.5],
  )


def test_a_local_reward_is_a_function_of_the_masses():
  reward = mftrpo_openspiel.LocalReward(
    lambda mass: np.stack([mass, -np.log(mass)], axis=1)
  )
  law = np.array([0.25, 0.75])
  np.testing.assert_array_equal(
    mdp(reward).reward_at(law), [[0.25, -np.log(0.25)], [0.75, -np.log(0.75)]]
  )


@pytest.mark.parametrize("other", [np.flip, np.sum, np.max])
def test_a_reward_that_depends_on_other_states_is_not_local(other):
  reward = declared_rewards.LocalReward(
    lambda mass: np.stack([mass, mass + 1e-3 * other(mass)], axis=1)
  )
  with pytest.raises(
    ValueError,
    match=r"^reward must depend only on the mass of its own state if it is a"
    r" LocalReward, in state [01] it depends on the masses of other states\.$",
  ):
    mdp(reward)


def test_a_linear_reward_takes_dense_and_sparse_weights():
  weights = np.arange(8.0).reshape(2, 2, 2)
  base = np.array([[1.0, 2.0], [3.0, 4.0]])
  law = np.array([0.25, 0.75])
  expected = base + weights @ law
  for given in (
    weights,
    weights.reshape(4, 2),
    sparse.csr_array(weights.reshape(4, 2)),
  ):
    reward = mftrpo_openspiel.LinearReward(base, given)
    np.testing.assert_allclose(mdp(reward).reward_at(law), expected)
    np.testing.assert_array_equal(reward.own_weights, [[0, 2], [5, 7]])


@pytest.mark.parametrize(
  ("base", "weights", "line"),
  [
    (
      np.zeros(2),
      np.zeros((4, 2)),
      "base must have shape (number of states, number of actions), got (2,).",
    ),
    (
      np.zeros((2, 2)),
      np.zeros((2, 2)),
      "weights must have shape (4, 2), a row for each state and action, or"
      " (2, 2, 2), got (2, 2).",
    ),
    (
      np.array([[0, np.inf], [0, 0]]),
      np.zeros((4, 2)),
      "base must be finite, an entry is not.",
    ),
    (
      np.zeros((2, 2)),
      np.full((4, 2), np.nan),
      "weights must be finite, an entry is not.",
    ),
  ],
)
def test_bad_parts_of_a_linear_reward(base, weights, line):
  with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
    declared_rewards.LinearReward(base, weights)
