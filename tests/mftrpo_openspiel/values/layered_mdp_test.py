"""Sweeps over layers, compared with loops and with all policies."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy import special

from mftrpo_openspiel.values import layered_mdp


class Small:
  """A chain of three layers with 2, 3 and 2 states and two actions.

  Afterstates are shared, one action is not legal, and the transitions from the
  second layer to the third are deterministic.
  """

  def __init__(self, seed):
    rng = np.random.default_rng(seed)
    self.initial = rng.dirichlet([1, 1])
    self.afterstates = [
      np.array([[0, 1], [1, -1]]),
      np.array([[0, 1], [1, 0], [0, 1]]),
      np.array([[0, 1], [2, 3]]),
    ]
    self.laws = [rng.dirichlet([1, 1, 1], size=2), np.eye(2), np.zeros((4, 0))]
    self.rewards = rng.normal(size=7)
    self.after_rewards = rng.normal(size=2 + 2 + 4)
    self.temperatures = rng.exponential(size=7)
    self.policy = rng.dirichlet([1, 1], size=7)
    self.policy[1] = (1, 0)
    self.offsets = (0, 2, 5, 7)
    self.after_offsets = (0, 2, 4, 8)
    self.chain = layered_mdp.LayeredMDP(
      self.initial,
      self.afterstates,
      [sparse.csr_array(self.laws[0]), None, sparse.csr_array((4, 0))],
    )

  def next_law(self, k, state, action):
    """Returns the distribution over the states of the next layer."""
    return self.laws[k][self.afterstates[k][state, action]]

  def legal(self, k, state):
    return [a for a in (0, 1) if self.afterstates[k][state, a] >= 0]

  def flow(self, policy, initial):
    masses = [initial]
    for k in (0, 1):
      below = 0
      for state, action in itertools.product(range(len(masses[k])), (0, 1)):
        if action in self.legal(k, state):
          weight = masses[k][state] * policy[self.offsets[k] + state, action]
          below = below + weight * self.next_law(k, state, action)
      masses.append(below)
    return np.concatenate(masses)

  def action_values(self, values_of):
    """Returns Q; `values_of` maps the row of a state and its Q to its value."""
    result = np.full((7, 2), -np.inf)
    values = np.zeros(0)
    for k in (2, 1, 0):
      rows = range(self.offsets[k], self.offsets[k + 1])
      for state, row in enumerate(rows):
        for action in self.legal(k, state):
          after = self.after_offsets[k] + self.afterstates[k][state, action]
          result[row, action] = self.rewards[row] + self.after_rewards[after]
          if k < 2:
            result[row, action] += self.next_law(k, state, action) @ values
      values = np.array([values_of(row, result[row]) for row in rows])
    return result


@pytest.mark.parametrize("seed", [0, 1])
def test_flow_is_that_of_a_loop(seed):
  small = Small(seed)
  flow = small.chain.flow(small.policy)
  np.testing.assert_allclose(
    flow, small.flow(small.policy, small.initial), rtol=1e-14
  )


def test_a_step_moves_each_layer_to_the_next():
  small = Small(0)
  masses = np.arange(1.0, 8.0)
  moved = small.chain.step(small.policy, masses)
  np.testing.assert_array_equal(moved[:2], small.initial)
  np.testing.assert_allclose(
    moved[2:5], small.flow(small.policy, masses[:2])[2:5], rtol=1e-14
  )
  for _ in range(2):
    moved = small.chain.step(small.policy, moved)
  np.testing.assert_allclose(moved, small.chain.flow(small.policy), rtol=1e-14)
  np.testing.assert_array_equal(masses, np.arange(1.0, 8.0))


def test_a_step_takes_the_layers_of_a_time_together():
  small = Small(0)
  kernels = [sparse.csr_array(small.laws[0]), None, sparse.csr_array((4, 0))]
  chain = layered_mdp.LayeredMDP(
    small.initial, small.afterstates, kernels, times=[0, 0, 1]
  )
  assert chain.num_steps == 2
  masses = small.flow(small.policy, np.array([0.9, 0.1]))
  moved = chain.step(small.policy, masses)
  full = chain.flow(small.policy)
  np.testing.assert_allclose(moved[:5], full[:5], rtol=1e-14)
  np.testing.assert_allclose(moved[5:], masses[5:], rtol=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_evaluation_is_that_of_a_loop(seed):
  small = Small(seed)

  def value(row, action_values):
    legal = np.isfinite(action_values)
    law = small.policy[row, legal]
    entropy = -np.sum(law[law > 0] * np.log(law[law > 0]))
    return law @ action_values[legal] + small.temperatures[row] * entropy

  values = small.chain.evaluate(
    small.policy, small.rewards, small.after_rewards, small.temperatures
  )
  np.testing.assert_allclose(values, small.action_values(value), rtol=1e-13)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_optimum_is_that_of_the_best_of_all_policies(seed):
  small = Small(seed)
  values = small.chain.optimize(small.rewards, small.after_rewards)
  choices = [
    small.legal(k, state)
    for k in range(3)
    for state in range(small.offsets[k + 1] - small.offsets[k])
  ]
  others = []
  for actions in itertools.product(*choices):
    policy = np.eye(2)[list(actions)]
    others.append(
      small.chain.evaluate(policy, small.rewards, small.after_rewards)
    )
  assert len(others) == 2**6
  np.testing.assert_allclose(values, np.max(others, axis=0), rtol=1e-13)
  expected = small.action_values(lambda row, q: q.max())
  np.testing.assert_allclose(values, expected, rtol=1e-13)


def test_the_soft_optimum_is_that_of_a_loop():
  small = Small(0)
  temperatures = np.linspace(0.1, 0.7, 7)

  def value(row, action_values):
    scaled = action_values / temperatures[row]
    return temperatures[row] * special.logsumexp(scaled)

  values = small.chain.optimize(
    small.rewards, small.after_rewards, temperatures
  )
  np.testing.assert_allclose(values, small.action_values(value), rtol=1e-12)


def test_reached_follows_tiny_but_not_zero_probabilities():
  small = Small(0)
  policy = small.policy.copy()
  policy[0] = (1, 1e-300)
  start = np.array([1, 0, 0, 0, 0, 0, 0], dtype=bool)
  assert small.chain.reached(policy, start).tolist() == [1, 0, 1, 1, 1, 1, 1]
  start = np.array([0, 0, 1, 0, 0, 0, 0], dtype=bool)
  policy[2] = (0, 1)
  assert small.chain.reached(policy, start).tolist() == [0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("seed", [0, 1])
def test_action_rewards_equal_those_of_states_and_afterstates(seed):
  small = Small(seed)
  rewards = small.rewards, small.after_rewards
  by_action = small.chain.action_rewards(*rewards)
  assert by_action[1, 1] == 0  # It is not legal.
  for temperatures in (None, small.temperatures):
    np.testing.assert_allclose(
      small.chain.evaluate(small.policy, by_action, None, temperatures),
      small.chain.evaluate(small.policy, *rewards, temperatures),
      rtol=1e-13,
    )
    np.testing.assert_allclose(
      small.chain.optimize(by_action, None, temperatures),
      small.chain.optimize(*rewards, temperatures),
      rtol=1e-13,
    )
