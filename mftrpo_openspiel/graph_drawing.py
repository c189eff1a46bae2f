"""Draws a mean field on a directed graph into matplotlib axes."""

from collections.abc import Sequence

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import collections
from matplotlib import patches
import numpy as np
from scipy import spatial

from mftrpo_openspiel import drawing

OUTLINE_COLOR = "#3C3C3C"
ARROW_COLOR = "#8C8C8C"
# Radii of an outline and of the largest disc, as shares of the least distance
# of two nodes; together below 1, so that no disc hides a neighbour.
OUTLINE_SHARE = 0.22
DISC_SHARE = 0.6


def check(graph: drawing.Graph) -> None:
  """Checks that `graph` can be drawn.

  Raises:
    ValueError: If the positions are not finite and of shape (S, 2) or two
      coincide, or the edges are not pairs of nodes.
  """
  positions, edges = np.asarray(graph.positions), np.asarray(graph.edges)
  if positions.shape != (len(positions), 2) or not np.isfinite(positions).all():
    raise ValueError(
      "positions of graph must be finite and of shape (S, 2), got shape"
      f" {positions.shape}."
    )
  distances = _nearest_distances(positions)
  if not distances.min() > 0:
    raise ValueError(
      f"positions of graph must differ, node {int(distances.argmin())} lies on"
      " another."
    )
  nodes = np.arange(len(positions))
  if edges.shape != (len(edges), 2) or not np.isin(edges, nodes).all():
    raise ValueError(
      f"edges of graph must be of shape (E, 2) with nodes in [0, {nodes[-1]}],"
      f" got shape {edges.shape} and nodes {np.setdiff1d(edges, nodes)}."
    )


def limits(graph: drawing.Graph) -> tuple[np.ndarray, np.ndarray]:
  """Returns the lower left and upper right corner that discs stay within."""
  margin = (DISC_SHARE + 0.05) * _nearest_distances(graph.positions).min()
  low, high = np.min(graph.positions, axis=0), np.max(graph.positions, axis=0)
  return low - margin, high + margin


def draw(
  axes: axes_lib.Axes,
  graph: drawing.Graph,
  mean_field: np.ndarray,
  largest_mass: float,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws outlines, edges, a disc for the mass of each node, and its number.

  The area of a disc is proportional to the mass, and the outline encloses it;
  an outline has a least radius, by which empty nodes stay visible. Edges from
  a node to itself are not drawn.

  Args:
    axes: Where to draw.
    graph: With S nodes.
    mean_field: (S,).
    largest_mass: Whose disc has the largest radius that leaves the neighbours
      visible.
    colors_of: The colours of the discs.
  """
  distance = _nearest_distances(graph.positions).min()
  radii = DISC_SHARE * distance * np.sqrt(mean_field / largest_mass)
  outlines = _draw_outlines(
    axes, graph.positions, np.maximum(radii, OUTLINE_SHARE * distance)
  )
  _draw_arrows(axes, graph, outlines)
  axes.add_collection(
    collections.EllipseCollection(
      2 * radii,
      2 * radii,
      np.zeros(len(radii)),
      units="xy",
      offsets=graph.positions,
      offset_transform=axes.transData,
      array=mean_field,
      cmap=colors_of.cmap,
      norm=colors_of.norm,
      zorder=3,
    )
  )
  for node, (x, y) in enumerate(graph.positions):
    is_dark = colors_of.norm(mean_field[node]) > 0.6
    axes.text(
      x,
      y,
      str(node),
      ha="center",
      va="center",
      fontsize="small",
      color="white" if is_dark else "black",
      zorder=4,
    )
  low, high = limits(graph)
  axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
  axes.set_axis_off()


def _nearest_distances(positions: np.ndarray) -> np.ndarray:
  """Returns (S,), how far each node is from the nearest other one."""
  if len(positions) == 1:
    return np.ones(1)
  return spatial.KDTree(positions).query(positions, k=2)[0][:, 1]


def _draw_outlines(
  axes: axes_lib.Axes, positions: np.ndarray, radii: np.ndarray
) -> list[patches.Circle]:
  return [
    axes.add_patch(
      patches.Circle(
        position,
        radius,
        facecolor="white",
        edgecolor=OUTLINE_COLOR,
        linewidth=0.8,
        zorder=2,
      )
    )
    for position, radius in zip(positions, radii)
  ]


def _draw_arrows(
  axes: axes_lib.Axes,
  graph: drawing.Graph,
  outlines: Sequence[patches.Circle],
) -> None:
  """Draws the edges, bent so that the two directions lie side by side."""
  for tail, head in np.asarray(graph.edges, dtype=int):
    if tail == head:
      continue
    arrow = patches.FancyArrowPatch(
      graph.positions[tail],
      graph.positions[head],
      patchA=outlines[tail],
      patchB=outlines[head],
      shrinkA=0,
      shrinkB=0,
      connectionstyle="arc3,rad=0.12",
      arrowstyle="-|>",
      mutation_scale=9,
      color=ARROW_COLOR,
      linewidth=1,
      zorder=1,
    )
    # Clipping an arrow at the outlines takes long. It lies within the limits,
    # so neither they nor the layout need to ask for its extent.
    arrow.set_in_layout(False)
    axes.add_artist(arrow)
