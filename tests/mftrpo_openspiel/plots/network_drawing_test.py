"""Tests of network_drawing."""

import dataclasses

from matplotlib import cm
from matplotlib import colors
from matplotlib import figure as figure_lib
from matplotlib import patches
import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import network_drawing

# Links a -> b, b -> c, b -> d and c -> b.
NETWORK = drawing.Network(
  np.array([[0.0, 0], [1, 0], [2, 1], [2, -1]]),
  np.array([[0, 1], [1, 2], [1, 3], [2, 1]]),
  ("a", "b", "c", "d"),
)
COLORS = cm.ScalarMappable(colors.Normalize(0, 1))


def links(axes):
  """Returns the arrows by the nodes that are nearest to their ends."""
  found = {}
  for arrow in axes.get_children():
    if isinstance(arrow, patches.FancyArrowPatch):
      path = arrow.get_transform().transform_path(arrow.get_path())
      path = axes.transData.inverted().transform_path(path)
      gaps = np.linalg.norm(path.vertices[:, None] - NETWORK.nodes, axis=2)
      tail = int(gaps[0].argmin())
      others = gaps.min(axis=0)
      others[tail] = np.inf
      found[tail, int(others.argmin())] = arrow
  return found


def test_widths_and_colors_are_the_values():
  axes = figure_lib.Figure().subplots()
  values = np.array([1.0, 0.25, 0.0, 0.5])
  network_drawing.draw(axes, NETWORK, values, COLORS)
  found = links(axes)
  assert found.keys() == set(map(tuple, NETWORK.links.tolist()))
  for link, value in zip(NETWORK.links.tolist(), values):
    arrow = found[tuple(link)]
    assert arrow.get_linewidth() == pytest.approx(
      network_drawing.LEAST_WIDTH + network_drawing.LARGEST_WIDTH * value
    )
    color = COLORS.to_rgba(value) if value else network_drawing.EMPTY_COLOR
    np.testing.assert_allclose(arrow.get_edgecolor(), colors.to_rgba(color))
  assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "d"]


def test_choices_are_shares_of_moving_players():
  # On link 0 half of the players wait, and a quarter moves to each of 1 and 2.
  # From link 3 all moving players take 2. Link 1 leads back to 3.
  moves = sparse.coo_array(
    np.array(
      [[0.5, 0.25, 0.25, 0], [0, 0.9, 0, 0.1], [0, 0, 1, 0], [0, 0, 0.5, 0.5]]
    )
  )
  everywhere = np.ones(4, bool)
  np.testing.assert_allclose(
    network_drawing.choices(NETWORK, moves, everywhere), [0, 0.25, 0.75, 1]
  )
  np.testing.assert_allclose(
    network_drawing.choices(NETWORK, moves, np.eye(4, dtype=bool)[0]),
    [0, 0.5, 0.5, 0],
  )
  assert not network_drawing.choices(NETWORK, moves, ~everywhere).any()


def test_a_straight_road_has_space_above_and_below():
  road = drawing.Network(
    np.array([[0.0, 0], [1, 0], [2, 0]]), np.array([[0, 1], [1, 2]]), "abc"
  )
  assert 0.3 < network_drawing.aspect(road) < 0.6


@pytest.mark.parametrize(
  "changes, match",
  [
    ({"nodes": np.zeros((4, 3))}, r"nodes of network must be .* \(4, 3\)"),
    ({"nodes": np.zeros((4, 2))}, "nodes of network must differ"),
    ({"links": np.array([[0, 4]])}, r"links of network must be .* in \[0, 3\]"),
    ({"links": np.array([[1, 1]])}, "links of network must be pairs of diff"),
    ({"node_names": ("a",)}, "node_names of network must be 4, .* got 1"),
  ],
)
def test_invalid_networks(changes, match):
  with pytest.raises(ValueError, match=match):
    network_drawing.check(dataclasses.replace(NETWORK, **changes))
