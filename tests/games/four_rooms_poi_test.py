"""Tests of the four rooms with a point of interest."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi

NAME = "python_mfg_four_rooms_poi"


def load(**parameters):
  return pyspiel.load_game(NAME, parameters)


def attraction(game):
  """Returns the (S,) bonuses: the rest of the rewards under uniform masses."""
  parameters = game.get_parameters()
  mdp = game.mean_field_mdp()
  law = np.full(mdp.num_states, 1 / mdp.num_states)
  rewards = mdp.reward_at(law)
  crowd = parameters["crowd_aversion"] * np.log(mdp.num_states)
  moves = rewards[:, 1:] - crowd - parameters["move_reward"]
  stays = rewards[:, :1] - crowd - parameters["stay_reward"]
  np.testing.assert_allclose(moves, np.repeat(stays, 4, axis=1), atol=1e-14)
  return stays[:, 0]


def test_defaults_are_those_of_the_paper():
  game = pyspiel.load_game(NAME)
  assert game.get_parameters() == four_rooms_poi.DEFAULT_PARAMS
  own = {"point_of_interest", "point_bonus", "point_slope"}
  shared = four_rooms.DEFAULT_PARAMS.keys() - {"crowd_aversion"}
  for name in shared:
    assert game.get_parameters()[name] == four_rooms.DEFAULT_PARAMS[name]
  assert game.get_parameters().keys() == own | shared | {"crowd_aversion"}
  assert game.get_parameters()["crowd_aversion"] == 0.4


def test_bonus_around_the_bottom_right_cell():
  game = load()
  cells = map(tuple, game.mean_field_mdp().drawing.cells.tolist())
  bonus = dict(zip(cells, attraction(game)))
  expected = {
    (10, 10): 0.3,
    (9, 10): 0.2,
    (10, 9): 0.2,
    (8, 10): 0.1,
    (9, 9): 0.1,
    (10, 8): 0.1,
  }
  for cell, value in bonus.items():
    assert value == pytest.approx(expected.get(cell, 0.0), abs=1e-14)


def test_reward_at_literal_values():
  mdp = load().mean_field_mdp()
  mean_field = np.zeros(104)
  mean_field[[0, 103]] = 0.75, 0.25
  rewards = mdp.reward_at(mean_field)
  # -0.4 log 0.25 + 0.3 +- 0.2 at the target, -0.4 log 0.75 +- 0.2 far away.
  assert rewards[103] == pytest.approx([1.0545177444] + 4 * [0.6545177444])
  assert rewards[0] == pytest.approx([0.3150728290] + 4 * [-0.0849271710])


def test_distance_goes_through_walls():
  # The l1 distance of the coordinates, not the way around the wall.
  game = load(
    layout=".#.|.#.|...",
    point_of_interest="0|0",
    point_bonus=1.0,
    point_slope=0.25,
  )
  # Cells in row-major order at distances 0, 2, 1, 3, 2, 3, 4.
  np.testing.assert_allclose(
    attraction(game), [1.0, 0.5, 0.75, 0.25, 0.5, 0.25, 0.0], atol=1e-14
  )


def test_no_slope_pays_everywhere():
  game = load(room_size=1, point_slope=0.0)
  np.testing.assert_allclose(attraction(game), 0.3, atol=1e-14)


def test_bonus_is_never_negative():
  game = load(room_size=1, point_bonus=-1.0)
  np.testing.assert_allclose(attraction(game), 0.0, atol=1e-14)


def test_last_free_cell_is_the_bottom_right_one():
  game = load(layout="...|..#", point_slope=1.0)
  np.testing.assert_allclose(attraction(game), [0, 0, 0, 0, 0.3], atol=1e-14)


def test_kernel_is_that_of_the_four_rooms():
  kernel = load(slip_probability=0.3).mean_field_mdp().kernel
  other = pyspiel.load_game("python_mfg_four_rooms(slip_probability=0.3)")
  assert (kernel != other.mean_field_mdp().kernel).nnz == 0


@pytest.mark.parametrize(
  "parameters",
  [
    {},
    {"point_of_interest": "3|7"},
    {"point_of_interest": "[3|7]"},
    {"layout": "..\n..", "point_of_interest": "1|0"},
    {"point_bonus": 2.5, "point_slope": 0.0, "room_size": 2},
  ],
)
def test_text_of_the_game_gives_it_back(parameters):
  game = load(**parameters)
  other = pyspiel.load_game(str(game))
  assert str(other) == str(game)
  assert other.get_parameters() == game.get_parameters()
  np.testing.assert_array_equal(attraction(other), attraction(game))


@pytest.mark.parametrize("make", [four_rooms_poi.FourRoomsPOIGame, None])
@pytest.mark.parametrize(
  ("name", "value", "match"),
  [
    ("point_of_interest", "11|0", r"free cell 'row\|column' of the 11x11 grid"),
    ("point_of_interest", "-1|0", "free cell"),
    ("point_of_interest", "5|5", "free cell"),
    ("point_of_interest", "somewhere", "free cell"),
    ("point_of_interest", "", "free cell"),
    ("point_bonus", float("nan"), r"a number in \(-inf, inf\), got"),
    ("point_bonus", float("inf"), r"a number in \(-inf, inf\), got"),
    ("point_slope", -0.1, r"number in \[0, inf\), got -0.1"),
    ("point_slope", float("inf"), r"number in \[0, inf\), got inf"),
    ("crowd_aversion", -1.0, r"number in \[0, inf\), got -1.0"),
    ("room_size", 0, "at least 1, got 0"),
    ("layout", ".#.", "connected"),
    ("discount", 1.0, r"number in \[0, 1\)"),
    ("initial_distribution", "5|5", "free cell"),
    ("horizon", 0, "got 0"),
  ],
)
def test_value_that_is_not_allowed(make, name, value, match):
  make = make or (lambda parameters: pyspiel.load_game(NAME, parameters))
  with pytest.raises(ValueError, match=f"^{name} must .*{match}") as info:
    make({name: value})
  assert "\n" not in str(info.value)


@pytest.mark.parametrize(
  ("name", "value", "wanted"),
  [("point_of_interest", 5, "str"), ("point_bonus", 1, "float")],
)
def test_wrong_type(name, value, wanted):
  with pytest.raises(
    ValueError, match=f"^{name} must be of type {wanted}, got"
  ):
    four_rooms_poi.FourRoomsPOIGame({name: value})
  with pytest.raises(pyspiel.SpielError, match=f"type for parameter {name}"):
    pyspiel.load_game(NAME, {name: value})
