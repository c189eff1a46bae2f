"""Draws values on a directed graph into matplotlib axes."""

from collections.abc import Sequence

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import patches
import numpy as np
from scipy import spatial

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures

PANEL_WIDTH = 3.2
ARROW_COLOR = "#8C8C8C"
# Radii of an outline and of the largest disc, as shares of the least distance
# of two nodes; together below 1, so that no disc hides a neighbour.
OUTLINE_SHARE = 0.22
DISC_SHARE = 0.6
# Of an edge: how far its middle is from the straight line, to its length.
BEND = 0.06
# How much of the light of a colour is red, green and blue.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def check(graph: drawing.Graph) -> int:
  """Returns the number of nodes of a graph that can be drawn.

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
  return len(positions)


def aspect(graph: drawing.Graph) -> float:
  """Returns height by width."""
  low, high = limits(graph)
  width, height = high - low
  return height / width


def limits(graph: drawing.Graph) -> tuple[np.ndarray, np.ndarray]:
  """Returns the lower left and upper right corner that discs stay within."""
  margin = (DISC_SHARE + 0.05) * _nearest_distances(graph.positions).min()
  low, high = np.min(graph.positions, axis=0), np.max(graph.positions, axis=0)
  return low - margin, high + margin


def draw(
  axes: axes_lib.Axes,
  graph: drawing.Graph,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws outlines, edges, a disc for the value of each node, and its number.

  The area of a disc is proportional to the size of the value, and the outline
  encloses it; an outline has a least radius, by which empty nodes stay visible.
  Edges from a node to itself are not drawn. The disc of the greatest value on
  the scale of the colours has the largest radius that leaves the neighbours
  visible. The (S,) values are such as the colours allow.
  """
  distance = _nearest_distances(graph.positions).min()
  shares = np.abs(values) / colors_of.norm.vmax
  radii = DISC_SHARE * distance * np.sqrt(shares)
  outlines = [
    patches.Circle(
      (x, y),
      max(radius, OUTLINE_SHARE * distance),
      facecolor="white",
      edgecolor=figures.DARK,
      linewidth=0.8,
      zorder=2,
    )
    for (x, y), radius in zip(graph.positions, radii)
  ]
  for outline in outlines:
    axes.add_patch(outline)
  _draw_arrows(axes, graph, outlines)
  figures.add_discs(
    axes,
    graph.positions,
    radii,
    array=values,
    cmap=colors_of.cmap,
    norm=colors_of.norm,
  )
  # (S,), how bright the colours of values are, from 0 to 1.
  luminances = np.asarray(colors_of.to_rgba(values))[:, :3] @ _LUMINANCE
  for node, (x, y) in enumerate(graph.positions):
    # The number of an empty node stands on the white of its outline.
    is_dark = shares[node] > 0.1 and luminances[node] < 0.45
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
  distances, _ = spatial.KDTree(positions).query(positions, k=2)
  return np.asarray(distances)[:, 1]


def _draw_arrows(
  axes: axes_lib.Axes, graph: drawing.Graph, outlines: Sequence[patches.Circle]
) -> None:
  """Draws the edges from outline to outline, bent to the right.

  So the two directions of an edge lie side by side.
  """
  for tail, head in np.asarray(graph.edges, dtype=int):
    if tail == head:
      continue
    arrow = patches.FancyArrowPatch(
      outlines[tail].center,
      outlines[head].center,
      patchA=outlines[tail],
      patchB=outlines[head],
      shrinkA=0,
      shrinkB=0,
      connectionstyle=f"arc3,rad={2 * BEND}",
      arrowstyle="-|>",
      mutation_scale=9,
      color=ARROW_COLOR,
      linewidth=1,
      zorder=1,
    )
    # It lies within the limits, so the layout need not ask for its extent.
    arrow.set_in_layout(False)
    axes.add_artist(arrow)
