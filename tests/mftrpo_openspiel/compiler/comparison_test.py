"""Tests of what depends on the path to a node, and on the mean field."""

import numpy as np
import odd_game
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.models import openspiel_model

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
  "time_step_length=0.25)"
)


def compare(name, is_random=False, **arguments):
  game = pyspiel.load_game(name)
  roots = game.new_initial_states()
  levels = game_walk.enumerate_levels(roots)
  if is_random:
    masses = crowds.random_masses(levels, np.random.default_rng(0))
    arguments["crowd"] = crowds.announced(masses)
  return levels, comparison.compare(roots, levels, **arguments)


def test_the_last_action_in_the_reward_of_crowd_modelling_is_found():
  # The reward has -|move| / size, with moves -1, 0 and 1.
  for size in (4, 8):
    _, result = compare(f"python_mfg_crowd_modelling(size={size},horizon=3)")
    assert list(result.by_path) == ["reward"]
    assert result.by_path["reward"].size == pytest.approx(1 / size, rel=1e-9)
    assert result.worst() is result.by_path["reward"]


def test_one_state_per_node_cannot_show_path_dependence():
  _, result = compare("mfg_garnet(size=4,horizon=3)", num_states=1)
  assert result.by_path == {}
  assert result.worst() is None


@pytest.mark.parametrize(
  "name", ["python_mfg_predator_prey(horizon=2)", "python_odd_game", BRAESS]
)
def test_games_with_complete_strings_show_no_differences(name):
  _, result = compare(name, num_states=4)
  assert result.by_path == {}
  assert result.by_mean_field is None


def test_rewards_equal_those_enumerated_under_the_same_mean_field():
  levels, result = compare("python_odd_game(pays=mean_field+first+terminal)")
  np.testing.assert_array_equal(
    result.rewards, np.concatenate([level.rewards for level in levels])
  )


@pytest.mark.parametrize(
  ("name", "what"),
  [
    (BRAESS, "next node"),
    ("mean_field_lin_quad(size=6,horizon=3,mean_revert=0.5)", "next node"),
  ],
)
def test_transitions_that_depend_on_the_mean_field_are_found(name, what):
  _, result = compare(name, is_random=True)
  assert result.by_mean_field.what == what
  _, result = compare(name)
  assert result.by_mean_field is None


class _ForgetfulState:
  """A state whose string does not show by which action it was reached."""

  def __init__(self, depth=0, way=None, scale=1.0):
    self._depth, self._way, self._scale = depth, way, scale

  def observation_string(self, player):
    # At depth 1 the strings still differ.
    return str((self._depth, self._way if self._depth == 1 else None))

  def mean_field_population(self):
    return 0

  def get_type(self):
    kinds = [
      game_walk.DECISION,
      game_walk.DECISION,
      game_walk.CHANCE,
      game_walk.DECISION,
      game_walk.TERMINAL,
    ]
    return kinds[self._depth]

  def rewards(self):
    return [self._scale * (self._way or 0) if self._depth == 4 else 0.0]

  def legal_actions(self):
    return [[0, 1], [0], [], [0, 1][: 2 - (self._way or 0)], []][self._depth]

  def chance_outcomes(self):
    return [(0, 0.5 + 0.25 * self._way), (1, 0.5 - 0.25 * self._way)]

  def child(self, action):
    way = action if self._depth == 0 else self._way
    return _ForgetfulState(self._depth + 1, way, self._scale)


@pytest.mark.parametrize("scale", [1e-12, 1.0])
def test_everything_that_depends_on_the_path_is_found(scale):
  roots = [_ForgetfulState(scale=scale)]
  levels = game_walk.enumerate_levels(roots)
  result = comparison.compare(roots, levels, num_states=8)
  assert {what: d.size for what, d in result.by_path.items()} == {
    "chance outcomes": 0.25,
    "legal actions": 1,
    "reward": scale,
  }
  assert result.by_path["chance outcomes"].string == "(2, None)"
  assert str(result.worst()) == f"reward at '(4, None)' differs by {scale:g}"


def uniform_flow(game):
  policy = policy_lib.UniformRandomPolicy(game)
  return distribution.DistributionPolicy(game, policy)


def test_games_whose_transitions_change_at_extremes_are_rejected():
  game = pyspiel.load_game("python_odd_game(jam=chance:1.0:1.0)")
  with pytest.raises(ValueError, match=r"chance outcomes at .* differ by"):
    comparison.MovesCheck(game.new_initial_states())


def test_a_mean_field_that_changes_a_transition_is_rejected():
  game = pyspiel.load_game("python_odd_game(coin=false,jam=told:0.8999:0.9001)")
  check = comparison.MovesCheck(game.new_initial_states())
  check(uniform_flow(game))
  plain = openspiel_model.OpenSpielModel(
    pyspiel.load_game("python_odd_game(coin=false)")
  )
  crowded = plain.to_distribution(plain.mean_field(odd_game.crowding(plain)))
  with pytest.raises(ValueError, match=r"next node at '\(0, coin 0, None, 1"):
    check(crowded)
