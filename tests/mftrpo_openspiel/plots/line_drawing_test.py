"""Tests of line_drawing."""

from matplotlib import cm
from matplotlib import colors
from matplotlib import figure as figure_lib
import numpy as np
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import line_drawing

LINE = drawing.Line(np.array([0.0, 1.0, 3.0]), "Place")
COLORS = cm.ScalarMappable(colors.Normalize(-1, 1))


def axes():
  return figure_lib.Figure().subplots()


def test_bars_are_around_their_positions():
  drawn = axes()
  values = np.array([0.5, -0.25, 0.0])
  line_drawing.draw(drawn, LINE, values, COLORS)
  sides = [
    (bar.get_x(), bar.get_x() + bar.get_width()) for bar in drawn.patches
  ]
  np.testing.assert_allclose(sides, [(-0.5, 0.5), (0.5, 2), (2, 4)])
  np.testing.assert_array_equal(
    [bar.get_height() for bar in drawn.patches], values
  )
  np.testing.assert_allclose(
    [bar.get_facecolor() for bar in drawn.patches], COLORS.to_rgba(values)
  )
  assert drawn.get_xlabel() == "Place"
  curve = drawn.lines[0]
  np.testing.assert_array_equal(curve.get_xdata(), LINE.positions)
  np.testing.assert_array_equal(curve.get_ydata(), values)


def test_no_curve_if_places_are_not_continuous():
  drawn = axes()
  line = drawing.Line(LINE.positions, is_continuous=False)
  line_drawing.draw(drawn, line, np.ones(3) / 3, COLORS)
  assert all(len(curve.get_xdata()) == 2 for curve in drawn.lines)


def test_actions_are_rows_and_places_columns():
  drawn = axes()
  policy = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
  reached = np.array([True, True, False])
  line_drawing.draw_actions(drawn, LINE, policy, reached, ("a", "b"), COLORS)
  (mesh,) = drawn.collections
  shown = mesh.get_array().reshape(2, 3)
  np.testing.assert_array_equal(shown[:, :2], policy[:2].T)
  assert np.ma.getmaskarray(shown)[:, 2].all()
  assert [text.get_text() for text in drawn.get_yticklabels()] == ["a", "b"]


def test_some_actions_are_labelled_including_the_middle_one():
  drawn = axes()
  names = tuple(map(str, range(-10, 11)))
  policy = np.full((3, 21), 1 / 21)
  line_drawing.draw_actions(drawn, LINE, policy, np.ones(3), names, COLORS)
  shown = [text.get_text() for text in drawn.get_yticklabels()]
  assert shown == ["-9", "-6", "-3", "0", "3", "6", "9"]


@pytest.mark.parametrize(
  "positions", [[1.0], [0.0, 0.0], [1.0, 0.0], [0.0, np.nan], np.eye(2)]
)
def test_invalid_positions(positions):
  line = drawing.Line(np.array(positions))
  with pytest.raises(
    ValueError, match="positions of line must be at least two"
  ):
    line_drawing.check(line)
