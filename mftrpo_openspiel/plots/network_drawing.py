"""Draws values and policies on the links of a network into matplotlib axes."""

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import lines
from matplotlib import patches
from matplotlib import patheffects
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing

PANEL_WIDTH = 3.6
# Widths in points: of a link without players, and the increase for the largest
# value.
LEAST_WIDTH = 0.8
LARGEST_WIDTH = 6.0
# Links are thinner in networks with more links than this.
_NUM_WIDE_LINKS = 20
EMPTY_COLOR = "#BFBFBF"
CHOICE_COLOR = figures.PALETTE[0]
# Distance of the middle of a link from the straight line, relative to its
# length.
_BEND = 0.07
# As fractions of the smallest distance of two nodes.
_NODE_RADIUS = 0.09
_MARGIN = 0.45
# Smallest ratio of the shorter side to the longer one.
_LEAST_ASPECT = 0.4


def check(network: drawing.Network) -> int:
  """Returns the number of links of a network that can be drawn.

  Raises:
    ValueError: If nodes are not finite, of shape (V, 2) and different, links
      are not pairs of different nodes, or there is not one name per node.
  """
  nodes, links = np.asarray(network.nodes), np.asarray(network.links)
  if nodes.shape != (len(nodes), 2) or not np.isfinite(nodes).all():
    raise ValueError(
      "nodes of network must be finite and of shape (V, 2), got shape"
      f" {nodes.shape}."
    )
  if len(network.node_names) != len(nodes):
    raise ValueError(
      f"node_names of network must be {len(nodes)}, one per node, got"
      f" {len(network.node_names)}."
    )
  numbers = np.arange(len(nodes))
  if (
    links.shape != (len(links), 2)
    or not np.isin(links, numbers).all()
    or (links[:, 0] == links[:, 1]).any()
  ):
    raise ValueError(
      "links of network must be pairs of different nodes in"
      f" [0, {len(nodes) - 1}], got shape {links.shape}."
    )
  if not _least_distance(network) > 0:
    raise ValueError("nodes of network must differ, two coincide.")
  return len(links)


def aspect(network: drawing.Network) -> float:
  """Returns height by width."""
  low, high = _limits(network)
  width, height = high - low
  return float(height / width)


def draw(
  axes: axes_lib.Axes,
  network: drawing.Network,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws links with colours and widths that show the (S,) values."""
  shares = np.abs(values) / colors_of.norm.vmax
  _draw_links(axes, network, shares, list(colors_of.to_rgba(values)))


def draw_policy(
  axes: axes_lib.Axes,
  network: drawing.Network,
  moves: sparse.coo_array,
  is_reached: np.ndarray,
) -> None:
  """Draws the shares of links among players that move to a next link.

  Players that wait on a link are not counted. If several links lead to a node,
  their shares are averaged.

  Args:
    axes: The axes.
    network: The network, with S links.
    moves: (S, S), the transition probabilities between links.
    is_reached: (S,) of bool, the links with players.
  """
  _draw_links(
    axes,
    network,
    choices(network, moves, is_reached),
    [CHOICE_COLOR] * network.num_places,
  )


def choices(
  network: drawing.Network, moves: sparse.coo_array, is_reached: np.ndarray
) -> np.ndarray:
  """Returns (S,), the share of each link among those that start at its node.

  The share is zero if no player moves to these links. For the arguments see
  `draw_policy`.
  """
  leaving = moves.toarray() * np.asarray(is_reached)[:, None]
  np.fill_diagonal(leaving, 0.0)
  totals = leaving.sum(axis=1)
  leaves = totals > 0
  sums = (leaving[leaves] / totals[leaves, None]).sum(axis=0)
  num_before = np.bincount(
    network.links[leaves, 1], minlength=len(network.nodes)
  )[network.links[:, 0]]
  return sums / np.maximum(num_before, 1)


def policy_key() -> dict[str, tuple[str, lines.Line2D]]:
  """Returns labels and symbols for the legend of a policy."""
  taken, empty = (
    lines.Line2D([], [], color=color, linewidth=width)
    for color, width in (
      (CHOICE_COLOR, LEAST_WIDTH + LARGEST_WIDTH),
      (EMPTY_COLOR, LEAST_WIDTH),
    )
  )
  waits = lines.Line2D([], [], linestyle="none")
  return {
    "moves": ("taken by all moving players (width: share)", taken),
    "stays": ("waiting players are not counted", waits),
    "unreached": ("taken by no player", empty),
  }


def _draw_links(
  axes: axes_lib.Axes, network: drawing.Network, shares: np.ndarray, colors
) -> None:
  """Draws links with widths by share, in grey if the share is nearly 0."""
  distance = _least_distance(network)
  thickness = min(1.0, np.sqrt(_NUM_WIDE_LINKS / network.num_places))
  circles = [
    patches.Circle(
      position,
      _NODE_RADIUS * distance,
      facecolor="white",
      edgecolor=figures.DARK,
      linewidth=0.8,
      zorder=3,
    )
    for position in np.asarray(network.nodes, dtype=float)
  ]
  for circle in circles:
    axes.add_patch(circle)
  for place in np.argsort(shares):
    share = shares[place]
    tail, head = (circles[node] for node in network.links[place])
    is_empty = share < grid_drawing.LEAST_PROBABILITY / 10
    width = LEAST_WIDTH + LARGEST_WIDTH * share * thickness
    figures.add_arrow(
      axes,
      tail,
      head,
      _BEND,
      head_size=7 * thickness + 2 * width,
      color=EMPTY_COLOR if is_empty else colors[place],
      linewidth=LEAST_WIDTH if is_empty else width,
      zorder=1 + share,
    )
  for circle, name in zip(circles, network.node_names):
    text = axes.annotate(
      name,
      circle.center,
      (0, 5),
      textcoords="offset points",
      ha="center",
      va="bottom",
      fontsize="small",
      zorder=4,
    )
    text.set_path_effects(
      [patheffects.withStroke(linewidth=2, foreground="white")]
    )
    text.set_in_layout(False)
  low, high = _limits(network)
  axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
  axes.set_axis_off()


def _limits(network: drawing.Network) -> tuple[np.ndarray, np.ndarray]:
  """Returns the lower left and upper right corner of the drawing.

  There is space above and below a straight road.
  """
  nodes = np.asarray(network.nodes, dtype=float)
  low, high = nodes.min(axis=0), nodes.max(axis=0)
  extent = high - low
  margin = max(_MARGIN * _least_distance(network), 0.06 * extent.max())
  missing = np.maximum(_LEAST_ASPECT * extent.max() - extent, 0.0) / 2
  return low - margin - missing, high + margin + missing


def _least_distance(network: drawing.Network) -> float:
  nodes = np.asarray(network.nodes, dtype=float)
  gaps = np.linalg.norm(nodes[:, None] - nodes, axis=2)
  np.fill_diagonal(gaps, np.inf)
  return float(gaps.min())
