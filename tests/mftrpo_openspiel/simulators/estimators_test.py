"""Compares estimators with sums over visits, and tests bias by unseen pairs."""

import itertools

import numpy as np
import pytest

from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.simulators import rollouts


def _sums(states, actions, returns, shape):
  """Returns the sums of visits that are given individually."""
  counts, totals = np.zeros(shape, int), np.zeros(shape)
  np.add.at(counts, (states, actions), 1)
  np.add.at(totals, (states, actions), returns)
  return rollouts.RolloutSums(counts, totals, 0)


def _one_by_one(name, states, actions, returns, mask):
  """Returns an estimate by its definition, NaN for unvisited states."""
  values = np.full(mask.shape, np.nan)
  for s, a in np.ndindex(*mask.shape):
    visits = np.flatnonzero(states == s)
    of_pair = [m for m in visits if actions[m] == a]
    if name == "published" and visits.size:
      values[s, a] = (
        mask[s].sum() / visits.size * sum(returns[m] for m in of_pair)
      )
    if name == "baseline" and visits.size > 1:
      less_others = [
        returns[m] - np.mean([returns[j] for j in visits if j != m])
        for m in of_pair
      ]
      values[s, a] = mask[s].sum() / visits.size * sum(less_others)
    if name == "pair_averages" and visits.size:
      values[s, a] = np.mean(returns[of_pair or visits])
  return values


@pytest.mark.parametrize("name", estimators.ESTIMATORS)
@pytest.mark.parametrize("seed", range(5))
def test_sums_are_sufficient(name, seed):
  rng = np.random.default_rng(seed)
  mask = rng.random((9, 4)) < 0.7
  mask[:, 0] = True
  # State 8 is not visited, state 7 once.
  states = np.append(rng.integers(7, size=30), 7)
  actions = np.array([rng.choice(np.flatnonzero(mask[s])) for s in states])
  returns = rng.normal(5, 3, states.size)
  values, is_visited = estimators.ESTIMATORS[name](
    _sums(states, actions, returns, mask.shape), mask
  )
  expected = _one_by_one(name, states, actions, returns, mask)
  np.testing.assert_array_equal(is_visited, ~np.isnan(expected[:, 0]))
  assert not is_visited[8]
  assert is_visited[7] == (name != "baseline")
  np.testing.assert_allclose(
    values[mask], np.nan_to_num(expected)[mask], rtol=0, atol=1e-12
  )


def _all_trials(rewards, num_visits):
  """Yields the sums for all sequences of actions in one state.

  Each of its few visits has the reward of its action.
  """
  for way in itertools.product(range(len(rewards)), repeat=num_visits):
    actions = np.array(way)
    states = np.zeros(num_visits, int)
    yield _sums(states, actions, rewards[actions], (1, len(rewards)))


def _best_actions(name, rewards, num_visits):
  """Returns how often each action seems best, over all sequences of actions.

  Actions with equal values share a count.
  """
  mask = np.ones((1, len(rewards)), bool)
  shares = []
  for sums in _all_trials(rewards, num_visits):
    values, _ = estimators.ESTIMATORS[name](sums, mask)
    best = np.isclose(values[0], values[0].max(), rtol=0, atol=1e-9)
    shares.append(best / best.sum())
  return np.mean(shares, axis=0)


@pytest.mark.parametrize("reward", [-2.0, 3.0])
def test_unseen_pairs_bias_published_values_if_rewards_are_equal(reward):
  mask = np.ones((1, 3), bool)
  # Action 2 was not tried.
  actions = np.array([0, 1, 1, 0])
  sums = _sums(np.zeros(4, int), actions, np.full(4, reward), (1, 3))
  values, _ = estimators.published(sums, mask)
  # It seems best if rewards are negative, worst if they are positive.
  np.testing.assert_array_equal(
    np.sign(values[0, 2] - values[0, :2]), -np.sign(reward)
  )
  for name in ("baseline", "pair_averages"):
    values, _ = estimators.ESTIMATORS[name](sums, mask)
    np.testing.assert_allclose(values, values[0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("level", [-20.0, 20.0])
def test_unseen_pairs_bias_published_values_if_rewards_have_an_offset(level):
  rewards = level + np.array([0.0, 0.5, 1.0])
  mask = np.ones((1, 3), bool)
  for sums in _all_trials(rewards, 4):
    values, _ = estimators.published(sums, mask)
    counts = sums.counts[0]
    # The best action is the one tried least or most, whatever its reward.
    extreme = counts.min() if level < 0 else counts.max()
    assert counts[values[0].argmax()] == extreme
  for name in ("baseline", "pair_averages"):
    shares = _best_actions(name, rewards, 4)
    assert shares[2] > 0.6 > 0.25 > shares[0]
    # A constant added to all rewards has no effect.
    np.testing.assert_allclose(
      shares, _best_actions(name, rewards - level, 4), rtol=0, atol=1e-12
    )
