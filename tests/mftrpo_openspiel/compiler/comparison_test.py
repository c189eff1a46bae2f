"""What walks with several states for a node show."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
  "time_step_length=0.25)"
)


def probe(name, told=False, **arguments):
  game = pyspiel.load_game(name)
  roots = game.new_initial_states()
  layers = game_walk.enumerate_layers(roots)
  if told:
    masses = comparison.random_masses(layers, np.random.default_rng(0))
    arguments["tell"] = crowds.these(masses)
  return layers, comparison.probe(roots, layers, **arguments)


def test_the_last_action_in_the_reward_of_crowd_modelling_is_found():
  # The reward has -|move| / size, with moves -1, 0 and 1.
  for size in (4, 8):
    _, result = probe(f"python_mfg_crowd_modelling(size={size},horizon=3)")
    assert list(result.by_path) == ["reward"]
    assert result.by_path["reward"].size == pytest.approx(1 / size, rel=1e-9)
    assert result.worst() is result.by_path["reward"]


def test_one_state_for_a_node_shows_no_paths():
  _, result = probe("mfg_garnet(size=4,horizon=3)", num_states=1)
  assert result.by_path == {}
  assert result.worst() is None


@pytest.mark.parametrize(
  "name", ["python_mfg_predator_prey(horizon=2)", "python_odd_game", BRAESS]
)
def test_games_whose_strings_say_all_show_no_differences(name):
  _, result = probe(name, num_states=4)
  assert result.by_path == {}
  assert result.by_mean_field is None


def test_rewards_are_those_that_were_enumerated_under_the_same_mean_field():
  layers, result = probe("python_odd_game(pays=mean_field+first+terminal)")
  np.testing.assert_array_equal(
    result.rewards, np.concatenate([layer.rewards for layer in layers])
  )


@pytest.mark.parametrize(
  ("name", "what"),
  [
    (BRAESS, "next node"),
    ("mean_field_lin_quad(size=6,horizon=3,mean_revert=0.5)", "next node"),
  ],
)
def test_moves_that_depend_on_the_mean_field_are_found(name, what):
  _, result = probe(name, told=True)
  assert result.by_mean_field.what == what
  _, result = probe(name)
  assert result.by_mean_field is None


def test_random_masses_are_laws_of_each_population():
  layers, _ = probe("python_mfg_predator_prey(horizon=2)")
  masses = comparison.random_masses(layers, np.random.default_rng(1))
  for index, drawn in masses.items():
    totals = np.bincount(layers[index].populations, drawn)
    np.testing.assert_allclose(totals, 1.0, rtol=1e-12)
    assert len(totals) == 3


class _Forgetful:
  """A state whose string hides how it was reached: by action 0 or 1."""

  def __init__(self, depth=0, way=None, scale=1.0):
    self._depth, self._way, self._scale = depth, way, scale

  def observation_string(self, player):
    # At depth 1 both ways are still told apart.
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
    return _Forgetful(self._depth + 1, way, self._scale)


@pytest.mark.parametrize("scale", [1e-12, 1.0])
def test_all_that_depends_on_the_path_is_found(scale):
  roots = [_Forgetful(scale=scale)]
  layers = game_walk.enumerate_layers(roots)
  result = comparison.probe(roots, layers, num_states=8)
  assert {what: d.size for what, d in result.by_path.items()} == {
    "chance outcomes": 0.25,
    "legal actions": 1,
    "reward": scale,
  }
  assert result.by_path["chance outcomes"].string == "(2, None)"
  assert str(result.worst()) == f"reward at '(4, None)' differs by {scale:g}"
