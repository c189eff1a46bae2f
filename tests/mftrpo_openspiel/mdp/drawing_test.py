"""Tests of the positions of states in plots."""

import re

import numpy as np
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib

ALL_OF_TWO = (
  drawing.Grid(np.zeros((1, 2), bool), np.array([[0, 0], [0, 1]])),
  drawing.Graph(np.eye(2), np.array([[0, 1]])),
  drawing.Ring(2),
  drawing.Line(np.array([0.0, 1.0])),
  drawing.Network(np.eye(2), np.array([[0, 1], [1, 0]]), ("a", "b")),
)


def mdp(num_states, paper):
  return mdp_lib.MeanFieldMDP(
    kernel=np.full((num_states, 1, num_states), 1 / num_states),
    reward=lambda mean_field: np.zeros((num_states, 1)),
    discount=0.9,
    initial_distribution=np.full(num_states, 1 / num_states),
    drawing=paper,
  )


@pytest.mark.parametrize("paper", ALL_OF_TWO)
def test_size_is_that_of_the_mdp(paper):
  assert paper.num_places == 2
  assert mdp(2, paper).drawing is paper
  with pytest.raises(
    ValueError,
    match=re.escape(
      "drawing must have one place per state, 3 in total, got a"
      f" {type(paper).__name__} with 2."
    ),
  ):
    mdp(3, paper)


@pytest.mark.parametrize(
  "paper",
  [
    drawing.Grid(np.zeros((1, 2), bool), 2),
    drawing.Graph(2, np.array([[0, 1]])),
    drawing.Line(2),
    drawing.Network(np.eye(2), 2, ("a", "b")),
  ],
)
def test_a_number_in_place_of_positions_is_refused(paper):
  name = type(paper).__name__
  with pytest.raises(
    ValueError,
    match=rf"of {name} must be an array with one row per place, got 2\.$",
  ):
    mdp(2, paper)


def test_other_types_are_refused():
  with pytest.raises(
    ValueError,
    match="^drawing must be one of Grid, Graph, Ring, Line, Network, got"
    r" ndarray\.$",
  ):
    mdp(2, np.zeros((1, 2)))
