"""Tests of placement."""

import numpy as np
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import placement

# Time, population, place and, after a colon, information that is not drawn.
STRINGS = ["1 0 1:a", "3 1 0:a", "hidden", "1 0 1:b", "1 1 0:a", "3 0 0:a"]


def locate(string):
  if string == "hidden":
    return None
  return placement.Location(*map(int, string.partition(":")[0].split()))


def game_drawing(**changes):
  fields = {"drawing": drawing.Ring(2), "locate": locate, "num_populations": 2}
  return placement.GameDrawing(**{**fields, **changes})


def placed():
  return placement.placed(game_drawing(), STRINGS)


def test_mean_fields_by_time_population_and_place():
  fields = placed().mean_fields(np.array([0.5, 1.0, 9.0, 0.25, 0.75, 0.125]))
  assert list(fields) == [1, 3]
  np.testing.assert_array_equal(fields[1], [[0, 0.75], [0.75, 0]])
  np.testing.assert_array_equal(fields[3], [[0.125, 0], [1, 0]])


def test_policies_of_a_place_are_averaged_by_mass():
  policy = np.array(
    [[1, 0], [0.5, 0.5], [1, 0], [0, 1], [0.25, 0.75], [0, 1.0]]
  )
  masses = np.array([0.75, 1.0, 0, 0.25, 0, 0])
  policies = placed().policies(policy, masses)
  np.testing.assert_array_equal(
    policies[1], [[[0, 0], [0.75, 0.25]], [[0.25, 0.75], [0, 0]]]
  )
  np.testing.assert_array_equal(
    policies[3], [[[0, 1], [0, 0]], [[0.5, 0.5], [0, 0]]]
  )


def test_policies_without_players_are_averaged_with_equal_weights():
  policy = np.zeros((6, 2))
  policy[0, 0] = policy[3, 1] = 1
  policies = placed().policies(policy, np.zeros(6))
  np.testing.assert_array_equal(policies[1][0, 1], [0.5, 0.5])


def test_certain_moves():
  moves = placement.certain_moves([[0, 1], [-1, 0]])
  np.testing.assert_array_equal(
    moves.toarray(), [[1, 0], [0, 1], [0, 0], [1, 0]]
  )


@pytest.mark.parametrize(
  "strings, match",
  [
    (
      ["hidden"],
      "must return the location of at .* for all 1, such as 'hidden'",
    ),
    (["0 0 2"], r"place of locate\('0 0 2'\) must be .* in \[0, 1\], got 2"),
    (["0 2 0"], r"population of locate\('0 2 0'\) must be .*, got 2"),
    (["-1 0 0"], r"time of locate\('-1 0 0'\) must be .*, got -1"),
  ],
)
def test_invalid_locations(strings, match):
  with pytest.raises(ValueError, match=match):
    placement.placed(game_drawing(), strings)
