"""Compares enumerated levels with OpenSpiel's utilities."""

import odd_game  # noqa: F401 (registers it)
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
import pyspiel
import pytest

from mftrpo_openspiel.compiler import game_walk

GAMES = [
  "mfg_crowd_modelling(size=5,horizon=3)",
  "mfg_garnet(size=4,horizon=3)",
  "python_mfg_predator_prey(horizon=2)",
  "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
  "time_step_length=0.25)",
  "python_odd_game",
]


def enumerated(name):
  game = pyspiel.load_game(name)
  roots = game.new_initial_states()
  return game, roots, game_walk.enumerate_levels(roots)


@pytest.mark.parametrize("name", GAMES)
def test_nodes_and_masses_agree_with_openspiel(name):
  game, _, levels = enumerated(name)
  flow = distribution.DistributionPolicy(
    game, policy_lib.UniformRandomPolicy(game)
  ).distribution
  masses = {
    string: mass
    for level in levels
    for string, mass in zip(level.strings, level.masses)
  }
  assert masses == pytest.approx(flow, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", GAMES)
def test_replayed_states_agree_with_the_nodes(name):
  _, roots, levels = enumerated(name)
  for level, states in zip(levels, game_walk.replay(roots, levels)):
    assert [game_walk.node_string(state) for state in states] == level.strings
    for node, state in enumerate(states):
      assert state.get_type() == level.kind
      if level.kind in (game_walk.CHANCE, game_walk.DECISION):
        assert game_walk.moves(state) == level.moves()[node]
      if level.kind != game_walk.CHANCE:
        assert game_walk.reward(state) == level.rewards[node]


def test_moves_lead_to_the_children():
  _, roots, levels = enumerated("mfg_garnet(size=4,horizon=2)")
  all_states = list(game_walk.replay(roots, levels))
  for level, below, states in zip(levels, levels[1:], all_states):
    for node, state in enumerate(states):
      here = slice(*level.indptr[[node, node + 1]])
      moves = zip(level.actions[here].tolist(), level.children[here].tolist())
      for action, place in moves:
        if level.kind == game_walk.MEAN_FIELD:
          child = game_walk.updated(state, [0.25] * 4)
        else:
          child = state.child(action)
        assert game_walk.node_string(child) == below.strings[place]


def test_supports_mark_nodes_that_are_never_reached():
  _, roots, levels = enumerated("mfg_crowd_modelling_2d(size=3,horizon=2)")
  _, _, odd_levels = enumerated("python_odd_game")
  for level, states in zip(levels, game_walk.replay(roots, levels)):
    if level.kind == game_walk.MEAN_FIELD:
      assert len(level.supports) == 1  # Shared by all nodes.
      support = states[0].distribution_support()
      assert level.supports[0].strings == support
      nodes = level.supports[0].nodes
      assert [level.strings[place] for place in nodes] == support
  for level in odd_levels:
    if level.kind == game_walk.MEAN_FIELD:
      assert (level.supports[0].nodes < 0).sum() == 8 - len(level)


def test_the_first_state_of_a_node_is_on_the_first_path():
  _, roots, levels = enumerated("mfg_crowd_modelling(size=3,horizon=1)")
  # From place 0, action 0 leads to place 2, 1 to 0 and 2 to 1.
  chance = levels[2]
  assert chance.strings == ["(2, 0)_a_mu", "(0, 0)_a_mu", "(1, 0)_a_mu"]
  states = list(game_walk.replay(roots, levels))[2]
  assert [state.history() for state in states] == [[0, 0], [0, 1], [0, 2]]


class _FlawedState:
  """A state of a game whose nodes do not form levels."""

  def __init__(self, string, children):
    self._string, self._children = string, children

  def observation_string(self, plevel):
    return self._string

  def mean_field_population(self):
    return 0

  def rewards(self):
    return [0.0]

  def get_type(self):
    if self._children:
      return game_walk.DECISION
    return game_walk.TERMINAL

  def legal_actions(self):
    return list(range(len(self._children)))

  def child(self, action):
    return self._children[action]


def test_a_string_in_two_levels_is_rejected():
  end = _FlawedState("end", [])
  root = _FlawedState("start", [_FlawedState("start", [end])])
  with pytest.raises(ValueError, match="in two levels, but it has 'start'"):
    game_walk.enumerate_levels([root])


def test_a_level_of_several_types_is_rejected():
  end = _FlawedState("end", [])
  root = _FlawedState("start", [end, _FlawedState("middle", [end])])
  with pytest.raises(ValueError, match=r"nodes of one type .* 'end'"):
    game_walk.enumerate_levels([root])
