"""Tests of OpenSpiel policies made from arrays."""

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel
import pytest

from mftrpo_openspiel.openspiel import policies


def test_a_frozen_policy_copies_its_array():
  game = pyspiel.load_game("mfg_garnet")
  state = game.new_initial_state().child(0)
  law = np.array([[0.2, 0.3, 0.5]])
  policy = policies.FrozenPolicy(game, {state.observation_string(0): 0}, law)
  law[:] = 0
  assert policy.action_probabilities(state) == {0: 0.2, 1: 0.3, 2: 0.5}
  assert policy(state) == {0: 0.2, 1: 0.3, 2: 0.5}


def test_a_missing_state_is_named():
  game = pyspiel.load_game("mfg_garnet")
  state = game.new_initial_state().child(0)
  policy = policies.FrozenPolicy(game, {}, np.zeros((0, 3)))
  with pytest.raises(
    ValueError, match=r"is not defined for the state '\(0, 0\)'"
  ):
    policy.action_probabilities(state)


def test_a_stationary_policy_is_played_at_every_time():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  laws = np.random.default_rng(0).dirichlet(np.ones(2), 14)
  policy = policies.StationaryPolicy(game, laws)
  state = game.new_initial_state()
  decisions = 0
  while not state.is_terminal():
    if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
      state.update_distribution([1 / 14] * 14)
    elif state.is_chance_node():
      state.apply_action(state.chance_outcomes()[0][0])
    else:
      probabilities = policy.action_probabilities(state)
      if state.pending_action is None:
        assert list(probabilities.values()) == laws[state.x].tolist()
        decisions += 1
      else:
        assert probabilities == {0: 1.0}
      state.apply_action(0)
  assert decisions == 3


def test_policy_array():
  game = pyspiel.load_game("mfg_garnet(horizon=2)")
  states = [game.new_initial_state().child(x) for x in range(3)]
  uniform = policy_lib.UniformRandomPolicy(game)
  np.testing.assert_array_equal(
    policies.policy_array(uniform, states, (3, 3)), np.full((3, 3), 1 / 3)
  )
  table = policy_lib.TabularPolicy(game)  # Exponential in the horizon.
  del table.state_lookup[states[1].observation_string(0)]
  np.testing.assert_array_equal(
    policies.policy_array(table, states, (3, 3)),
    [[1 / 3] * 3, [np.nan] * 3, [1 / 3] * 3],
  )
