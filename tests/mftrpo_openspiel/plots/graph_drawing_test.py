"""Tests of graph_drawing."""

import itertools

from matplotlib import cm
from matplotlib import colors
from matplotlib import figure as figure_lib
from matplotlib import patches
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import two_islands
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import graph_drawing

POSITIONS = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
EDGES = np.array([[0, 1], [1, 0], [1, 2], [2, 2]])
MEAN_FIELD = np.array([0.75, 0.25, 0.0])


def draw(graph, values):
  axes = figure_lib.Figure(figsize=(6, 3)).subplots()
  colors_of = cm.ScalarMappable(colors.Normalize(0, 1))
  graph_drawing.draw(axes, graph, values, colors_of)
  return axes


def circles(axes):
  return [p for p in axes.patches if isinstance(p, patches.Circle)]


def arrows(axes):
  return [
    p for p in axes.get_children() if isinstance(p, patches.FancyArrowPatch)
  ]


def ends(axes):
  """Returns the circles at which each arrow starts and ends."""
  centers = np.array([circle.center for circle in circles(axes)])
  radii = np.array([circle.get_radius() for circle in circles(axes)])
  to_data = axes.transData.inverted()
  pixels = circles(axes)[0].get_linewidth() * axes.figure.dpi / 72
  (start, _), (end, _) = to_data.transform([(0, 0), (pixels, 0)])
  pixel = (end - start) / pixels
  # With a tolerance of a tenth of a pixel, which is invisible.
  half_line_width = (end - start) / 2 + pixel / 10
  found = []
  for arrow in arrows(axes):
    shown = to_data.transform_path(
      arrow.get_transform().transform_path(arrow.get_path())
    ).vertices
    distances = np.linalg.norm(shown[:, None] - centers, axis=2) - radii
    # The line starts at the first vertex and ends at the tip of the head.
    tail = int(np.abs(distances[0]).argmin())
    others = np.abs(distances).min(axis=0)
    others[tail] = np.inf
    head = int(others.argmin())
    # It starts on the outline, half of which is outside the circle.
    assert -1e-3 < distances[0, tail] < half_line_width
    assert others[head] < 3 * pixel
    # It does not cross its circles.
    assert distances[:, tail].min() > -1e-3
    found.append((tail, head))
  return found


def two_islands_drawing():
  return pyspiel.load_game("python_mfg_two_islands").mean_field_mdp().drawing


def test_outlines_surround_discs_and_have_a_minimum_radius(disc_widths):
  axes = draw(drawing.Graph(POSITIONS, EDGES), MEAN_FIELD)
  disc_radii = disc_widths(axes.collections[0]) / 2
  outline_radii = [circle.get_radius() for circle in circles(axes)]
  np.testing.assert_array_equal(
    [circle.center for circle in circles(axes)], POSITIONS
  )
  # The smallest distance of two nodes is 1.
  np.testing.assert_allclose(
    disc_radii, graph_drawing.DISC_SHARE * np.sqrt(MEAN_FIELD)
  )
  assert outline_radii[0] == disc_radii[0]
  assert disc_radii[2] == 0
  assert outline_radii[2] == graph_drawing.OUTLINE_SHARE


def test_every_node_has_its_number():
  graph = two_islands_drawing()
  axes = draw(graph, np.full(14, 1 / 14))
  assert [text.get_text() for text in axes.texts] == list(map(str, range(14)))
  np.testing.assert_array_equal(
    [text.get_position() for text in axes.texts], graph.positions
  )


def test_arrows_go_from_outline_to_outline():
  axes = draw(drawing.Graph(POSITIONS, EDGES), MEAN_FIELD)
  # All edges except for the loop.
  assert ends(axes) == [tuple(edge) for edge in EDGES[:3].tolist()]


def test_all_edges_of_the_islands_and_the_bridge_both_ways():
  axes = draw(two_islands_drawing(), np.full(14, 1 / 14))
  drawn = set(ends(axes))
  assert drawn == {
    (node, successor)
    for node, successors in enumerate(two_islands.SUCCESSORS.tolist())
    for successor in successors
  }
  assert {(6, 7), (7, 6)} <= drawn


def test_negative_values_have_discs_of_their_absolute_value(disc_widths):
  axes = draw(drawing.Graph(POSITIONS, EDGES), np.array([-0.5, 0.5, 1.0]))
  widths = disc_widths(axes.collections[0])
  assert widths[0] == widths[1] == pytest.approx(widths[2] / np.sqrt(2))


def test_the_largest_disc_hides_no_neighbor_and_stays_within_the_limits():
  graph = two_islands_drawing()
  for node in range(14):
    axes = draw(graph, np.eye(14)[node])
    for one, other in itertools.combinations(circles(axes), 2):
      distance = np.linalg.norm(np.subtract(one.center, other.center))
      # There is space for an arrow and its head between them.
      assert distance > 1.2 * (one.get_radius() + other.get_radius())
    circle = circles(axes)[node]
    for limit, center in zip((axes.get_xlim(), axes.get_ylim()), circle.center):
      assert limit[0] < center - circle.get_radius()
      assert limit[1] > center + circle.get_radius()


def test_numbers_are_black_with_a_halo_or_white_on_dark():
  colors_of = cm.ScalarMappable(colors.Normalize(0, 1), "gray_r")
  axes = figure_lib.Figure().subplots()
  graph = drawing.Graph(POSITIONS, EDGES)
  graph_drawing.draw(axes, graph, np.array([0.9, 0.1, 0.0]), colors_of)
  assert [text.get_color() for text in axes.texts] == ["white"] + ["black"] * 2
  halos = [bool(text.get_path_effects()) for text in axes.texts]
  assert halos == [False, True, True]


def test_one_node():
  axes = draw(drawing.Graph(np.zeros((1, 2)), np.zeros((0, 2))), np.ones(1))
  assert len(circles(axes)) == 1
  assert not arrows(axes)


@pytest.mark.parametrize(
  "positions, edges, match",
  [
    (
      POSITIONS[:, :1],
      EDGES,
      r"positions .* shape \(S, 2\), got shape \(3, 1\)",
    ),
    (POSITIONS * np.nan, EDGES, "positions of graph must be finite"),
    (
      POSITIONS * [[0], [0], [1]],
      EDGES,
      "node 0 has the position of another node",
    ),
    (POSITIONS, EDGES[:, :1], r"edges .* got shape \(4, 1\)"),
    (POSITIONS, EDGES.ravel(), r"edges .* got shape \(8,\)"),
    (POSITIONS, EDGES + 1, r"nodes in \[0, 2\], .* nodes \[3\]"),
    (POSITIONS, EDGES - 1, r"nodes \[-1\]"),
    (POSITIONS, EDGES + 0.5, "nodes"),
  ],
)
def test_invalid_graphs(positions, edges, match):
  with pytest.raises(ValueError, match=match):
    graph_drawing.check(drawing.Graph(positions, edges))
