"""Draws values and policies on a grid into matplotlib axes."""

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import colors
from matplotlib import lines
from matplotlib import patches
from matplotlib import ticker
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures

PANEL_WIDTH = 2.7
ARROW_COLOR = "#1A1A1A"
STAY_COLOR = figures.PALETTE[0]
MARK_COLOR = figures.PALETTE[0]
# Colour of states without players, or whose policy is not known.
UNREACHED_COLOR = "#D9D9D9"
# Lengths in cells: the radius of the dot of probability 1; the smallest
# distance between the centre and the start of an arrow; the length of an arrow
# of probability 1, the size of its head and the width of its shaft.
DOT_RADIUS = 0.15
ARROW_START = 0.05
ARROW_LENGTH = 0.45
HEAD_LENGTH = 0.16
HEAD_WIDTH = 0.2
SHAFT_WIDTH = 0.055
# An arrow that is shorter than this number of heads is scaled as a whole, so
# that the shaft of every arrow is visible.
_HEADS_OF_A_WHOLE_ARROW = 2.0
# Arrows of smaller probabilities are not drawn.
LEAST_PROBABILITY = 0.05


def check(grid: drawing.Grid) -> int:
  """Returns the number of free cells of a grid that can be drawn.

  Raises:
    ValueError: If the walls are not two-dimensional, the cells are not all
      other positions, each once, or a mark is not a state.
  """
  walls, cells = np.asarray(grid.walls, dtype=bool), np.asarray(grid.cells)
  if (
    walls.ndim != 2
    or cells.shape != ((~walls).sum(), 2)
    or not np.array_equal(np.unique(cells, axis=0), np.argwhere(~walls))
  ):
    raise ValueError(
      "grid must have two-dimensional walls, and every other cell once in"
      f" cells, got shapes {walls.shape} and {cells.shape}."
    )
  for name, state in grid.marks.items():
    if state not in range(len(cells)):
      raise ValueError(
        f"mark {name!r} of grid must be a state in [0, {len(cells) - 1}], got"
        f" {state!r}."
      )
  return len(cells)


def aspect(grid: drawing.Grid) -> float:
  """Returns height by width."""
  rows, columns = np.shape(grid.walls)
  return rows / columns


def draw(
  axes: axes_lib.Axes,
  grid: drawing.Grid,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws the (S,) values of the free cells as colours.

  Walls have the colour of bad values. Marked cells are framed.
  """
  image = np.ma.masked_all(np.shape(grid.walls))
  image[tuple(np.transpose(grid.cells))] = values
  axes.imshow(
    image,
    cmap=colors_of.cmap,
    norm=colors_of.norm,  # type: ignore[arg-type]  # Any Norm will do.
    aspect="equal",
    interpolation="nearest",
  )
  for axis in (axes.xaxis, axes.yaxis):
    axis.set_major_locator(ticker.MaxNLocator(6, integer=True, min_n_ticks=1))
  axes.tick_params(length=0, labelsize="small")
  axes.spines[:].set(color=figures.DARK, linewidth=2)
  for state in grid.marks.values():
    row, column = grid.cells[state]
    frame = patches.Rectangle(
      (column - 0.46, row - 0.46),
      0.92,
      0.92,
      facecolor="none",
      edgecolor=MARK_COLOR,
      linewidth=2,
      zorder=2.5,
    )
    axes.add_patch(frame)


def mark_key(grid: drawing.Grid) -> dict[str, lines.Line2D]:
  """Returns the symbols of the marks for a legend, by name."""
  frame = lines.Line2D(
    [],
    [],
    linestyle="none",
    marker="s",
    markersize=9,
    markerfacecolor="none",
    markeredgecolor=MARK_COLOR,
    markeredgewidth=2,
  )
  return dict.fromkeys(grid.marks, frame)


def draw_policy(
  axes: axes_lib.Axes,
  grid: drawing.Grid,
  moves: sparse.coo_array,
  is_reached: np.ndarray,
) -> None:
  """Draws the probabilities of intended moves in each cell.

  The length of an arrow is proportional to the probability. The area of the dot
  in a cell, from which its arrows start, is proportional to the probability of
  staying.

  Args:
    axes: The axes.
    grid: The grid, with S cells.
    moves: (S, S), the probabilities of intended moves from cell to cell.
    is_reached: (S,) of bool; the other cells are grey and empty.
  """
  colors_of = cm.ScalarMappable(
    colors.Normalize(0, 1),
    colors.ListedColormap([UNREACHED_COLOR, "white"]).with_extremes(
      bad=figures.DARK
    ),
  )
  draw(axes, grid, np.asarray(is_reached, dtype=float), colors_of)
  moves = sparse.coo_array(sparse.diags_array(is_reached * 1.0) @ moves)
  cells = np.asarray(grid.cells, dtype=float)[:, ::-1]
  radii = DOT_RADIUS * np.sqrt(moves.diagonal())
  figures.add_discs(axes, cells, radii, facecolor=STAY_COLOR, linewidth=0)
  tails, heads = moves.row, moves.col
  shown = (tails != heads) & (moves.data >= LEAST_PROBABILITY)
  tails, heads = tails[shown], heads[shown]
  steps = cells[heads] - cells[tails]
  if grid.is_torus:
    # The shorter direction, which may cross the edge of the grid.
    size = np.array(np.shape(grid.walls))[::-1]
    steps -= size * np.round(steps / size)
  steps /= np.linalg.norm(steps, axis=1, keepdims=True)
  starts = cells[tails] + np.maximum(radii, ARROW_START)[tails, None] * steps
  arrows = ARROW_LENGTH * moves.data[shown, None] * steps
  draw_arrows(axes, starts, arrows)


def draw_arrows(
  axes: axes_lib.Axes,
  starts: np.ndarray,
  arrows: np.ndarray,
  cell: float = 1.0,
) -> None:
  """Draws n arrows, small ones with small heads.

  Args:
    axes: The axes.
    starts: (n, 2), the positions where they start.
    arrows: (n, 2), the vectors from there to the tips.
    cell: The size of a place, to which the sizes of shafts and heads are
      proportional.
  """
  axes.quiver(
    *starts.T,
    *arrows.T,
    angles="xy",
    scale_units="xy",
    scale=1,
    units="xy",
    width=SHAFT_WIDTH * cell,
    # In shaft widths.
    headwidth=HEAD_WIDTH / SHAFT_WIDTH,
    headlength=HEAD_LENGTH / SHAFT_WIDTH,
    headaxislength=HEAD_LENGTH / SHAFT_WIDTH,
    minshaft=_HEADS_OF_A_WHOLE_ARROW,
    minlength=0,
    color=ARROW_COLOR,
    zorder=3,
  )


def policy_key() -> dict[str, tuple[str, lines.Line2D]]:
  """Returns labels and symbols for the legend of a policy."""
  return {
    name: (
      label,
      lines.Line2D(
        [], [], linestyle="none", marker=marker, markersize=size, color=color
      ),
    )
    for name, label, marker, size, color in (
      (
        "moves",
        "heads there (length: probability)",
        r"$\rightarrow$",
        14,
        ARROW_COLOR,
      ),
      ("stays", "stays (area: probability)", "o", 7, STAY_COLOR),
      ("unreached", "no player is there", "s", 9, UNREACHED_COLOR),
    )
  }
