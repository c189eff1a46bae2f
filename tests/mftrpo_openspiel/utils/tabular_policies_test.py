"""Tests of tabular policies."""

import numpy as np

from mftrpo_openspiel.utils import tabular_policies

INF = np.inf


def test_uniform_policy():
  mask = np.array([[True, True, False], [False, False, True]])
  np.testing.assert_array_equal(
    tabular_policies.uniform_policy(mask), [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
  )


def test_greedy_policy_takes_the_first_best_action():
  action_values = np.array([[1.0, 3.0, 3.0], [-INF, -2.0, -5.0]])
  np.testing.assert_array_equal(
    tabular_policies.greedy_policy(action_values), [[0, 1, 0], [0, 1, 0]]
  )
