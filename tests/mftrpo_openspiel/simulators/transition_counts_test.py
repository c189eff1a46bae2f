"""Tests of estimates from a few transitions, by hand."""

import numpy as np

from mftrpo_openspiel.simulators import transition_counts


def counted(transitions):
  samples = transition_counts.TransitionCounts(3, 2)
  for transition in transitions:
    samples.add(*np.array([transition]).T)
  return samples


# State, action, reward, next state.
TRANSITIONS = [
  (0, 0, 1, 1),
  (0, 0, 2, 0),
  (0, 0, 3, 1),
  (0, 1, 6, 2),
  (1, 1, -1, 0),
  (1, 1, -3, -1),  # The play ends.
]


def test_estimates_are_means():
  samples = counted(TRANSITIONS)
  kernel, rewards = samples.estimates()
  np.testing.assert_array_equal(samples.counts, [[3, 1], [0, 2], [0, 0]])
  assert samples.mean_reward == 8 / 6
  np.testing.assert_allclose(
    kernel.toarray(),
    [
      [1 / 3, 2 / 3, 0],
      [0, 0, 1],
      [1 / 2, 0, 0],  # Never tried: as the other action.
      [1 / 2, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ],
  )
  np.testing.assert_allclose(rewards, [[2, 6], [-2, -2], [0, 0]])


def test_untried_actions_have_the_weighted_mean_of_others():
  samples = transition_counts.TransitionCounts(1, 3)
  zeros = np.zeros(4, int)
  samples.add(zeros, np.array([0, 0, 0, 1]), np.array([1.0, 2, 3, 10]), zeros)
  _, rewards = samples.estimates()
  np.testing.assert_allclose(rewards, [[2.0, 10.0, 16 / 4]])


def test_batches_count_as_single_transitions(monkeypatch):
  monkeypatch.setattr(transition_counts, "_BLOCK_SIZE", 4)
  at_once = transition_counts.TransitionCounts(3, 2)
  at_once.add(*np.array(TRANSITIONS).T)
  kernel, rewards = at_once.estimates()
  at_once.add(*np.array(TRANSITIONS).T)
  one_by_one = counted(TRANSITIONS * 2)
  np.testing.assert_array_equal(at_once.counts, one_by_one.counts)
  np.testing.assert_allclose(
    kernel.toarray(), one_by_one.estimates()[0].toarray()
  )
  np.testing.assert_allclose(rewards, one_by_one.estimates()[1])
