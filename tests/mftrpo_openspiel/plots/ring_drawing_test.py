"""Tests of ring_drawing."""

from matplotlib import cm
from matplotlib import collections
from matplotlib import colors
from matplotlib import figure as figure_lib
from matplotlib import quiver
import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import ring_drawing

RING = drawing.Ring(4)
COLORS = cm.ScalarMappable(colors.Normalize(0, 1))


def axes():
  return figure_lib.Figure(figsize=(4, 4)).subplots()


def of_kind(drawn, kind):
  return [item for item in drawn.collections if isinstance(item, kind)]


def test_place_0_is_at_the_top_and_the_others_follow_clockwise(pixels):
  drawn = axes()
  values = np.array([0.0, 0.3, 0.6, 1.0])
  ring_drawing.draw(drawn, RING, values, COLORS)
  picture = pixels(drawn.figure)
  radius = (1 + ring_drawing.INNER_RADIUS) / 2
  places = radius * np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
  x, y = drawn.transData.transform(places).round().astype(int).T
  np.testing.assert_allclose(
    picture[y, x], 255 * COLORS.to_rgba(values)[:, :3], atol=1
  )


def test_arrows_have_the_shorter_direction_and_dots_the_rest(disc_widths):
  # From 0 clockwise with probability 1/4, and 3/4 for staying; from 3 to 0,
  # clockwise; nothing for 2, which has no players.
  moves = sparse.coo_array(
    np.array([[0.75, 0.25, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]])
  )
  drawn = axes()
  reached = np.array([True, True, False, True])
  ring_drawing.draw_policy(drawn, RING, moves, reached)
  (arrows,) = of_kind(drawn, quiver.Quiver)
  steps = np.stack([arrows.U, arrows.V], axis=1)
  lengths = np.linalg.norm(steps, axis=1)
  # The arrows point to the right at the top, and upwards on the left.
  np.testing.assert_allclose(
    steps / lengths[:, None], [[1, 0], [0, 1]], atol=1e-12
  )
  assert lengths[1] == pytest.approx(4 * lengths[0])
  (dots,) = of_kind(drawn, collections.EllipseCollection)
  areas = disc_widths(dots) ** 2
  np.testing.assert_allclose(areas / areas[1], [0.75, 1, 0, 0], atol=1e-12)
  (sectors,) = of_kind(drawn, collections.PatchCollection)
  grey = colors.to_rgba(grid_drawing.UNREACHED_COLOR)
  is_grey = np.isclose(sectors.get_facecolors(), grey).all(axis=1)
  np.testing.assert_array_equal(is_grey, ~reached)


def test_numbers_on_a_ring_do_not_overlap():
  for size in (20, 24):
    figure = figure_lib.Figure(figsize=(2.2, 2.2), layout="constrained")
    drawn = figure.subplots()
    ring_drawing.draw(drawn, drawing.Ring(size), np.zeros(size), COLORS)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in drawn.texts]
    for box, following in zip(boxes, boxes[1:] + boxes[:1]):
      assert not box.overlaps(following)


def test_a_large_ring_shows_some_numbers():
  drawn = axes()
  ring_drawing.draw(drawn, drawing.Ring(100), np.zeros(100), COLORS)
  assert [text.get_text() for text in drawn.texts][:3] == ["0", "5", "10"]


def test_a_ring_of_one_place_raises_an_error():
  with pytest.raises(ValueError, match=r"num_places of ring must be .* got 1"):
    ring_drawing.check(drawing.Ring(1))
