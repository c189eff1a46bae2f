"""Draws values on a directed graph into matplotlib axes."""

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import lines
from matplotlib import patches
from matplotlib import patheffects
import numpy as np
from scipy import sparse
from scipy import spatial

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing

PANEL_WIDTH = 3.6
ARROW_COLOR = "#8C8C8C"
# Radii of an outline and of the largest disc, as fractions of the smallest
# distance of two nodes. Their sum is clearly below 1, so that arrows between
# nodes are visible.
OUTLINE_SHARE = 0.24
DISC_SHARE = 0.48
# Approximate values in the key of sizes, as fractions of the largest value.
_KEY_SHARES = (1 / 16, 1 / 4)
# Width in points of an arrow of probability 1.
_POLICY_WIDTH = 4.0
# Arrows of smaller probabilities are not drawn.
LEAST_PROBABILITY = 0.01
# Distance of the middle of an edge from the straight line, relative to its
# length.
BEND = 0.06
# Weights of red, green and blue in the luminance of a colour.
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
      f"positions of graph must differ, node {int(distances.argmin())} has the"
      " position of another node."
    )
  nodes = np.arange(len(positions))
  if edges.shape != (len(edges), 2) or not np.isin(edges, nodes).all():
    raise ValueError(
      f"edges of graph must be of shape (E, 2) with nodes in [0, {nodes[-1]}],"
      f" got shape {edges.shape} and nodes {np.setdiff1d(edges, nodes)}."
    )
  return len(positions)


def aspect(graph: drawing.Graph) -> float:
  """Returns height by width, including the key of sizes."""
  low, high = limits(graph)
  width, height = high - low
  return (height + _key_height(graph)) / width


def limits(graph: drawing.Graph) -> tuple[np.ndarray, np.ndarray]:
  """Returns the lower left and upper right corner of the area with discs."""
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

  The area of a disc is proportional to the absolute value. The outline
  surrounds it, with a minimum radius, so that empty nodes are visible. Edges
  from a node to itself are not drawn. The disc of the largest value on the
  colour scale, or of larger values, has the largest radius for which neighbours
  remain visible. The (S,) values must be valid for the colours.
  """
  radii = _radii(graph, values, colors_of)
  outlines = _draw_outlines(axes, graph, radii)
  edges = np.asarray(graph.edges, dtype=int)
  for tail, head in edges[edges[:, 0] != edges[:, 1]]:
    _draw_arrow(axes, outlines[tail], outlines[head])
  figures.add_discs(
    axes,
    graph.positions,
    radii,
    array=values,
    cmap=colors_of.cmap,
    norm=colors_of.norm,
  )
  # (S,), the luminance of the colours of values, from 0 to 1.
  luminances = np.asarray(colors_of.to_rgba(values))[:, :3] @ _LUMINANCE
  # The number of an empty node is on the white area of its outline.
  least = OUTLINE_SHARE * _nearest_distances(graph.positions).min()
  _draw_numbers(axes, graph, (luminances < 0.3) & (radii > 0.8 * least))
  _set_limits(axes, graph, _key_height(graph))


def draw_size_key(
  axes: axes_lib.Axes, graph: drawing.Graph, colors_of: cm.ScalarMappable
) -> None:
  """Draws a key of the sizes of discs below a graph.

  The graph must have been drawn before, with the same colours.
  """
  (left, bottom), (right, _) = limits(graph)
  _, largest = colors_of.get_clim()
  values = np.array(
    [*(float(f"{share * largest:.1g}") for share in _KEY_SHARES), largest]
  )
  radii = _radii(graph, values, colors_of)
  places = (np.arange(len(values)) + 0.3) / len(values)
  y = np.full(len(values), bottom - _key_height(graph) / 2)
  centers = np.stack([left + (right - left) * places, y], axis=1)
  style = {"facecolor": "none", "edgecolor": figures.DARK, "linewidth": 0.8}
  figures.add_discs(axes, centers, radii, **style)
  texts = [f" {value:.2g}" for value in values]
  if colors_of.cmap.colorbar_extend == "max":
    texts[-1] += " or more"
  for (x, y), radius, text in zip(centers, radii, texts):
    axes.text(x + radius, y, text, va="center", fontsize="small")


def draw_policy(
  axes: axes_lib.Axes,
  graph: drawing.Graph,
  moves: sparse.coo_array,
  is_reached: np.ndarray,
) -> None:
  """Draws the transition probabilities of the players of each node.

  The width of an arrow is proportional to the probability. The area of the disc
  in a node is proportional to the probability of staying.

  Args:
    axes: The axes.
    graph: The graph, with S nodes. Edges that are not used are not drawn.
    moves: (S, S), the transition probabilities.
    is_reached: (S,) of bool; the other nodes are grey, without arrows from
      them.
  """
  radii = np.full(len(is_reached), 0.0)
  outlines = _draw_outlines(axes, graph, radii)
  for outline, reached in zip(outlines, is_reached):
    if not reached:
      outline.set_facecolor(grid_drawing.UNREACHED_COLOR)
  stays = np.where(is_reached, moves.diagonal(), 0.0)
  figures.add_discs(
    axes,
    graph.positions,
    outlines[0].get_radius() * np.sqrt(stays),
    facecolor=grid_drawing.STAY_COLOR,
    linewidth=0,
  )
  for tail, head, share in zip(moves.row, moves.col, moves.data):
    if tail != head and is_reached[tail] and share >= LEAST_PROBABILITY:
      _draw_arrow(axes, outlines[tail], outlines[head], share)
  _draw_numbers(axes, graph, stays > 0.25)
  _set_limits(axes, graph)


def policy_key() -> dict[str, tuple[str, lines.Line2D]]:
  """Returns labels and symbols for the legend of a policy."""
  arrow = lines.Line2D([], [], color=ARROW_COLOR, linewidth=_POLICY_WIDTH)
  discs = {
    name: (
      label,
      lines.Line2D([], [], linestyle="none", marker="o", color=color),
    )
    for name, label, color in (
      ("stays", "stays (area: probability)", grid_drawing.STAY_COLOR),
      ("unreached", "no player is there", grid_drawing.UNREACHED_COLOR),
    )
  }
  return {"moves": ("goes there (this width: probability 1)", arrow), **discs}


def _radii(
  graph: drawing.Graph, values: np.ndarray, colors_of: cm.ScalarMappable
) -> np.ndarray:
  """Returns (n,), the radii of the discs of values."""
  shares = np.minimum(np.abs(values) / colors_of.norm.vmax, 1.0)
  distance = _nearest_distances(graph.positions).min()
  return DISC_SHARE * distance * np.sqrt(shares)


def _draw_outlines(
  axes: axes_lib.Axes, graph: drawing.Graph, radii: np.ndarray
) -> list[patches.Circle]:
  """Draws a circle around each disc, with a minimum radius."""
  least = OUTLINE_SHARE * _nearest_distances(graph.positions).min()
  outlines = [
    patches.Circle(
      (x, y),
      max(radius, least),
      facecolor="white",
      edgecolor=figures.DARK,
      linewidth=0.8,
      zorder=2,
    )
    for (x, y), radius in zip(graph.positions, radii)
  ]
  for outline in outlines:
    axes.add_patch(outline)
  return outlines


def _draw_numbers(
  axes: axes_lib.Axes, graph: drawing.Graph, is_dark: np.ndarray
) -> None:
  """Writes the number of each node, legible on discs of any size and colour."""
  # The edge of a small disc may be behind the number.
  halo = patheffects.withStroke(linewidth=1.6, foreground="white")
  for node, (x, y) in enumerate(graph.positions):
    axes.text(
      x,
      y,
      str(node),
      ha="center",
      va="center",
      fontsize="small",
      color="white" if is_dark[node] else "black",
      path_effects=None if is_dark[node] else [halo],
      zorder=4,
    )


def _set_limits(
  axes: axes_lib.Axes, graph: drawing.Graph, key_height: float = 0.0
) -> None:
  low, high = limits(graph)
  axes.set(
    xlim=(low[0], high[0]),
    ylim=(low[1] - key_height, high[1]),
    aspect="equal",
  )
  axes.set_axis_off()


def _nearest_distances(positions: np.ndarray) -> np.ndarray:
  """Returns (S,), the distance of each node to the nearest other node."""
  if len(positions) == 1:
    return np.ones(1)
  distances, _ = spatial.KDTree(positions).query(positions, k=2)
  return np.asarray(distances)[:, 1]


def _key_height(graph: drawing.Graph) -> float:
  """Returns the height of the key of sizes, that of the largest disc."""
  largest = DISC_SHARE * _nearest_distances(graph.positions).min()
  return float(2.1 * largest)


def _draw_arrow(
  axes: axes_lib.Axes,
  tail: patches.Circle,
  head: patches.Circle,
  share: float | None = None,
) -> None:
  """Draws an edge; its width shows the share of players on it, if given."""
  figures.add_arrow(
    axes,
    tail,
    head,
    BEND,
    head_size=9 if share is None else 9 + 6 * share,
    color=ARROW_COLOR,
    linewidth=1 if share is None else _POLICY_WIDTH * share,
    zorder=1,
  )
