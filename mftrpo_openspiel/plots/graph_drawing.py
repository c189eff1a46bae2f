"""Draws values on a directed graph into matplotlib axes."""

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import collections
from matplotlib import patches
from matplotlib import path
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


def num_states(graph: drawing.Graph) -> int:
  """Returns the number of nodes."""
  return len(graph.positions)


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
  Edges from a node to itself are not drawn.

  Args:
    axes: Where to draw.
    graph: With S nodes.
    values: (S,), such as the colours allow.
    colors_of: The colours of the discs. The disc of the greatest value on their
      scale has the largest radius that leaves the neighbours visible.
  """
  distance = _nearest_distances(graph.positions).min()
  shares = np.abs(values) / colors_of.norm.vmax
  radii = DISC_SHARE * distance * np.sqrt(shares)
  outlines = np.maximum(radii, OUTLINE_SHARE * distance)
  _draw_outlines(axes, graph.positions, outlines)
  _draw_arrows(axes, graph, outlines)
  axes.add_collection(
    collections.EllipseCollection(
      2 * radii,
      2 * radii,
      np.zeros(len(radii)),
      units="xy",
      offsets=graph.positions,
      offset_transform=axes.transData,
      array=values,
      cmap=colors_of.cmap,
      norm=colors_of.norm,
      zorder=3,
    )
  )
  for node, (x, y) in enumerate(graph.positions):
    # The number of an empty node stands on the white of its outline.
    is_dark = shares[node] > 0.1 and _luminance(colors_of, values[node]) < 0.45
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


def _luminance(colors_of: cm.ScalarMappable, value: float) -> float:
  """Returns how bright the colour of a value is, from 0 to 1."""
  return float(np.dot(colors_of.to_rgba(value)[:3], (0.2126, 0.7152, 0.0722)))


def _nearest_distances(positions: np.ndarray) -> np.ndarray:
  """Returns (S,), how far each node is from the nearest other one."""
  if len(positions) == 1:
    return np.ones(1)
  return spatial.KDTree(positions).query(positions, k=2)[0][:, 1]


def _draw_outlines(
  axes: axes_lib.Axes, positions: np.ndarray, radii: np.ndarray
) -> None:
  for position, radius in zip(positions, radii):
    axes.add_patch(
      patches.Circle(
        position,
        radius,
        facecolor="white",
        edgecolor=figures.DARK,
        linewidth=0.8,
        zorder=2,
      )
    )


def _draw_arrows(
  axes: axes_lib.Axes, graph: drawing.Graph, radii: np.ndarray
) -> None:
  """Draws the edges from outline to outline, of the given (S,) radii."""
  positions = np.asarray(graph.positions, dtype=float)
  for tail, head in np.asarray(graph.edges, dtype=int):
    if tail == head:
      continue
    curve = _between_circles(
      _bent(positions[tail], positions[head]), radii[tail], radii[head]
    )
    arrow = patches.FancyArrowPatch(
      path=path.Path(curve, [path.Path.MOVETO] + 2 * [path.Path.CURVE3]),
      arrowstyle="-|>",
      mutation_scale=9,
      color=ARROW_COLOR,
      linewidth=1,
      zorder=1,
    )
    # It lies within the limits, so the layout need not ask for its extent.
    arrow.set_in_layout(False)
    axes.add_artist(arrow)


def _bent(tail: np.ndarray, head: np.ndarray) -> np.ndarray:
  """Returns a quadratic Bezier curve, (3, 2), that bends to the right.

  So the two directions of an edge lie side by side.
  """
  step = head - tail
  middle = (tail + head) / 2 + 2 * BEND * np.array([step[1], -step[0]])
  return np.array([tail, middle, head])


def _between_circles(
  curve: np.ndarray, tail_radius: float, head_radius: float
) -> np.ndarray:
  """Returns the part of a (3, 2) Bezier curve outside circles at its ends."""
  times = np.linspace(0, 1, 129)
  points = _blossom(curve, times, times)
  # So shallow a curve goes away from its tail and towards its head all along.
  from_tail = np.linalg.norm(points - curve[0], axis=1)
  to_head = np.linalg.norm(points - curve[2], axis=1)
  start = np.interp(tail_radius, from_tail, times)
  end = np.interp(head_radius, to_head[::-1], times[::-1])
  return _blossom(
    curve, np.array([start, start, end]), np.array([start, end, end])
  )


def _blossom(curve: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
  """Returns (n, 2): the polar form of a (3, 2) Bezier curve at (n,) s and t.

  On s = t it is the curve, and at (s, s), (s, t), (t, t) it gives the control
  points of the part between s and t.
  """
  weights = np.array([(1 - s) * (1 - t), s * (1 - t) + t * (1 - s), s * t])
  return weights.T @ curve
