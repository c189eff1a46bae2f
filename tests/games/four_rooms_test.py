"""Tests of the four rooms: rewards, parameters and their errors."""

import subprocess
import sys

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import four_rooms

NAME = "python_mfg_four_rooms"


def load(**parameters):
  return pyspiel.load_game(NAME, parameters)


def test_defaults_are_those_of_the_paper():
  game = pyspiel.load_game(NAME)
  assert game.get_parameters() == four_rooms.DEFAULT_PARAMS
  assert game.horizon == 40
  mdp = game.mean_field_mdp()
  assert mdp.num_states == 104
  assert mdp.action_names == ("stay", "left", "right", "up", "down")
  assert mdp.discount == 0.9
  np.testing.assert_array_equal(mdp.initial_distribution, np.eye(104)[0])
  assert mdp.drawing.cells[0].tolist() == [0, 0]


def test_reward_at_literal_values():
  mdp = load().mean_field_mdp()
  mean_field = np.zeros(104)
  mean_field[:3] = 0.5, 0.25, 0.25
  rewards = mdp.reward_at(mean_field)
  assert rewards.shape == (104, 5)
  # -0.2 log 0.5 = 0.1386..., -0.2 log 0.25 = 0.2772..., staying pays +0.2,
  # moving -0.2; an empty cell has density 1e-25.
  assert rewards[0] == pytest.approx([0.3386294361] + 4 * [-0.0613705639])
  assert rewards[1] == pytest.approx([0.4772588722] + 4 * [0.0772588722])
  assert rewards[3] == pytest.approx([11.7129254650] + 4 * [11.3129254650])


def test_reward_parameters():
  game = load(
    room_size=1, crowd_aversion=2.0, stay_reward=-1.0, move_reward=0.5
  )
  rewards = game.mean_field_mdp().reward_at(np.full(8, 1 / 8))
  stay = 2 * np.log(8) - 1
  np.testing.assert_allclose(rewards[:, 0], stay, rtol=1e-15)
  np.testing.assert_allclose(rewards[:, 1:], stay + 1.5, rtol=1e-15)


def test_no_crowd_aversion():
  game = load(room_size=1, crowd_aversion=0.0)
  rewards = game.mean_field_mdp().reward_at(np.eye(8)[0])
  np.testing.assert_array_equal(rewards, [[0.2] + 4 * [-0.2]] * 8)


@pytest.mark.parametrize("room_size", [1, 2, 5, 7])
def test_number_of_cells(room_size):
  game = load(room_size=room_size)
  # Four rooms and their four doors.
  assert game.mean_field_mdp().num_states == 4 * room_size**2 + 4
  assert game.num_distinct_actions() == 5


@pytest.mark.parametrize(
  ("text", "law"),
  [
    ("uniform", [0.2] * 5),
    ("0|1", [0, 1, 0, 0, 0]),
    ("[1|2]", [0, 0, 0, 0, 1]),
    ("[0.5;0;0.25;0;0.25]", [0.5, 0, 0.25, 0, 0.25]),
    ("0.5;0;0.25;0;0.25", [0.5, 0, 0.25, 0, 0.25]),
  ],
)
def test_initial_distribution(text, law):
  game = load(layout="..#|...", initial_distribution=text)
  np.testing.assert_array_equal(game.mean_field_mdp().initial_distribution, law)
  outcomes = dict(game.new_initial_state().chance_outcomes())
  assert outcomes == {x: p for x, p in enumerate(law) if p}


@pytest.mark.parametrize(
  "parameters",
  [
    {},
    {"layout": "...."},
    {"layout": "."},
    {"layout": "[....]"},
    {"layout": "..#\n#.."},
    {"layout": "\n  ..#\n  #..\n"},
    {"layout": ".|.|."},
    {"layout": "...", "initial_distribution": "0|2"},
    {"layout": "...", "initial_distribution": " 0 | 2 "},
    {"layout": "...", "initial_distribution": "0.5;0.5;0"},
    {"layout": "...", "initial_distribution": "[1.0;0;0]"},
    {"initial_distribution": "uniform"},
    {"room_size": 3, "horizon": 7},
    {"slip_probability": 1e-5, "stay_reward": -3.0, "move_reward": 1e6},
  ],
)
def test_text_of_the_game_gives_it_back(parameters):
  game = load(**parameters)
  text = str(game)
  assert "\n" not in text
  other = pyspiel.load_game(text)
  assert str(other) == text
  assert other.get_parameters() == game.get_parameters()
  mdp, other_mdp = game.mean_field_mdp(), other.mean_field_mdp()
  assert (mdp.kernel != other_mdp.kernel).nnz == 0
  np.testing.assert_array_equal(
    mdp.initial_distribution, other_mdp.initial_distribution
  )
  np.testing.assert_array_equal(mdp.drawing.walls, other_mdp.drawing.walls)


def test_layout_of_the_four_rooms_is_the_default_game():
  rooms = "\n".join(5 * [".....#....."] + ["##.#####.##"] + 5 * [".....#....."])
  rows = rooms.split("\n")
  rows[2] = rows[8] = "..........."
  game = load(layout="\n".join(rows))
  kernel = load().mean_field_mdp().kernel
  assert (game.mean_field_mdp().kernel != kernel).nnz == 0


# Parameter, value and a part of the error message.
BAD_VALUES = [
  ("room_size", 0, "whole number of at least 1, got 0"),
  ("room_size", -3, "whole number of at least 1, got -3"),
  ("crowd_aversion", -0.1, r"number in \[0, inf\), got -0.1"),
  ("crowd_aversion", float("inf"), r"number in \[0, inf\), got inf"),
  ("crowd_aversion", float("nan"), r"number in \[0, inf\), got nan"),
  ("slip_probability", -0.1, r"number in \[0, 1\], got -0.1"),
  ("slip_probability", 1.01, r"number in \[0, 1\], got 1.01"),
  ("slip_probability", float("nan"), r"number in \[0, 1\], got nan"),
  ("stay_reward", float("nan"), r"a number in \(-inf, inf\), got"),
  ("move_reward", float("-inf"), r"a number in \(-inf, inf\), got"),
  ("discount", 1.0, r"number in \[0, 1\), got 1.0"),
  ("discount", -0.5, r"number in \[0, 1\), got -0.5"),
  ("horizon", 0, r"whole number in \[1, 1000000\], got 0"),
  ("horizon", 10**7, r"whole number in \[1, 1000000\], got 10000000"),
  ("initial_distribution", "everywhere", "free cell"),
  ("initial_distribution", "", "free cell"),
  ("initial_distribution", "[11|0]", r"free cell 'row\|column' of the 11x11"),
  ("initial_distribution", "[0|5]", "free cell"),
  ("initial_distribution", "[0.5;0.5]", r"shape \(104,\), got \(2,\)"),
  ("initial_distribution", "[" + "0.01;" * 103 + "0.01]", "sums to 1.04"),
  ("initial_distribution", "[" + "0;" * 102 + "2;-1]", "entry 103 is -1"),
  ("initial_distribution", "[" + "x;" * 103 + "x]", "be 'uniform'"),
  ("layout", ".#.", "connected"),
  ("layout", ".....#.....\n" * 5, "connected"),
  ("layout", "...|..", "lines of equal length"),
  ("layout", "..x", "got 'x'"),
  ("layout", "five rooms", "consist of"),
  ("layout", "###", "have a free cell"),
  ("layout", "", "lines of equal length"),
]
WRONG_TYPES = [
  ("room_size", 5.0, "int"),
  ("room_size", "5", "int"),
  ("crowd_aversion", 1, "float"),
  ("slip_probability", True, "float"),
  ("discount", "0.9", "float"),
  ("horizon", 40.0, "int"),
  ("layout", 5, "str"),
  ("initial_distribution", 0, "str"),
]


@pytest.mark.parametrize("make", [four_rooms.FourRoomsGame, None])
@pytest.mark.parametrize(("name", "value", "match"), BAD_VALUES)
def test_value_that_is_not_allowed(make, name, value, match):
  make = make or (lambda parameters: pyspiel.load_game(NAME, parameters))
  with pytest.raises(ValueError, match=f"^{name} must .*{match}") as info:
    make({name: value})
  assert "\n" not in str(info.value)


@pytest.mark.parametrize(("name", "value", "wanted"), WRONG_TYPES)
def test_wrong_type(name, value, wanted):
  with pytest.raises(
    ValueError, match=f"^{name} must be of type {wanted}, got"
  ):
    four_rooms.FourRoomsGame({name: value})
  # OpenSpiel itself raises an error before the game is created.
  with pytest.raises(pyspiel.SpielError, match=f"type for parameter {name}"):
    pyspiel.load_game(NAME, {name: value})


def test_unknown_parameter():
  with pytest.raises(
    ValueError, match=r"^game parameter must be one of .*'rooms"
  ):
    four_rooms.FourRoomsGame({"rooms": 4})
  with pytest.raises(pyspiel.SpielError, match="Unknown parameter 'rooms'"):
    pyspiel.load_game(NAME, {"rooms": 4})


def test_room_size_and_layout_exclude_each_other():
  with pytest.raises(
    ValueError, match=r"^room_size must be left at its default"
  ):
    load(room_size=3, layout="...")


def test_given_parameters_are_not_changed():
  parameters = {"layout": "..\n.."}
  game = four_rooms.FourRoomsGame(parameters)
  assert parameters == {"layout": "..\n.."}
  assert game.get_parameters()["layout"] == "[..|..]"


def test_interpreter_survives_bad_parameters():
  program = """
import pyspiel
import mftrpo_openspiel
for text in ("discount=1.0", "horizon=0", "layout=[.#.]", "rooms=4",
             "horizon=4.0", "initial_distribution=5"):
  try:
    pyspiel.load_game(f"python_mfg_four_rooms({text})")
  except (ValueError, pyspiel.SpielError):
    print("refused")
print(pyspiel.load_game("python_mfg_four_rooms").horizon)
"""
  result = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
  )
  assert result.stdout.split() == 6 * ["refused"] + ["40"]
