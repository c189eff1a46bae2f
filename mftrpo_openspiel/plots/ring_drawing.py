"""Draws values and policies on a ring into matplotlib axes."""

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import collections
from matplotlib import lines
from matplotlib import patches
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.utils import validation

PANEL_WIDTH = 2.7
# The outer radius of the ring is 1; the numbers are inside the inner one.
INNER_RADIUS = 0.6
_NUMBER_RADIUS = 0.47
_MAX_NUMBERS = 20
# As fractions of the length of a place: the radius of the dot of probability 1,
# the smallest distance between the middle and the start of an arrow, and the
# length of an arrow of probability 1.
_DOT_RADIUS = 0.15
_ARROW_START = 0.05
_ARROW_LENGTH = 0.42


def check(ring: drawing.Ring) -> int:
  """Returns the number of places of a ring that can be drawn.

  Raises:
    ValueError: If there are fewer than two.
  """
  return validation.check_int("num_places of ring", ring.num_places, 2)


def aspect(ring: drawing.Ring) -> float:
  """Returns height by width."""
  del ring
  return 1.0


def draw(
  axes: axes_lib.Axes,
  ring: drawing.Ring,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws the (S,) values as the colours of sectors, with their numbers."""
  _draw_sectors(axes, ring, colors_of.to_rgba(values))


def draw_policy(
  axes: axes_lib.Axes,
  ring: drawing.Ring,
  moves: sparse.coo_array,
  is_reached: np.ndarray,
) -> None:
  """Draws the probabilities of intended moves in each place.

  An arrow points along the ring, in the shorter direction. Its length is
  proportional to the probability. The area of the dot in a place is
  proportional to the probability of staying.

  Args:
    axes: The axes.
    ring: The ring, with S places.
    moves: (S, S), the probabilities of intended moves from place to place.
    is_reached: (S,) of bool; the other places are grey and empty.
  """
  is_reached = np.asarray(is_reached, dtype=bool)
  colors = np.where(is_reached, "white", grid_drawing.UNREACHED_COLOR)
  _draw_sectors(axes, ring, list(colors))
  size = ring.num_places
  angles = _angles(ring)
  outward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  # The next place is the next one clockwise.
  along = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
  middle = (1 + INNER_RADIUS) / 2
  # Limited, because a small number of places would give long arrows.
  length = min(2 * np.pi * middle / size, 0.8)
  radii = _DOT_RADIUS * length * np.sqrt(moves.diagonal() * is_reached)
  figures.add_discs(
    axes,
    middle * outward,
    radii,
    facecolor=grid_drawing.STAY_COLOR,
    linewidth=0,
  )
  steps = (moves.col - moves.row + size // 2) % size - size // 2
  shown = (
    (steps != 0)
    & is_reached[moves.row]
    & (moves.data >= grid_drawing.LEAST_PROBABILITY)
  )
  tails = moves.row[shown]
  ways = np.sign(steps[shown])[:, None] * along[tails]
  starts = np.maximum(radii[tails], _ARROW_START * length)[:, None] * ways
  arrows = _ARROW_LENGTH * length * moves.data[shown, None] * ways
  grid_drawing.draw_arrows(
    axes, middle * outward[tails] + starts, arrows, length
  )


def policy_key() -> dict[str, tuple[str, lines.Line2D]]:
  """Returns labels and symbols for the legend of a policy."""
  return grid_drawing.policy_key()


def _angles(ring: drawing.Ring) -> np.ndarray:
  """Returns (S,), the angles of the middles of the places, in radians."""
  return np.pi / 2 - 2 * np.pi * np.arange(ring.num_places) / ring.num_places


def _draw_sectors(axes: axes_lib.Axes, ring: drawing.Ring, colors) -> None:
  """Draws a sector for each place with these colours, and numbers."""
  half = 180 / ring.num_places
  angles = _angles(ring)
  sectors = [
    patches.Wedge(
      (0, 0), 1, middle - half, middle + half, width=1 - INNER_RADIUS
    )
    for middle in np.degrees(angles)
  ]
  axes.add_collection(
    collections.PatchCollection(
      sectors, facecolors=colors, edgecolors=figures.DARK, linewidths=0.8
    )
  )
  every = -(-ring.num_places // _MAX_NUMBERS)
  numbered = range(0, ring.num_places, every)
  for place in numbered:
    axes.text(
      _NUMBER_RADIUS * np.cos(angles[place]),
      _NUMBER_RADIUS * np.sin(angles[place]),
      str(place),
      ha="center",
      va="center",
      fontsize="small" if len(numbered) <= _MAX_NUMBERS // 2 else "x-small",
    )
  axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
  axes.set_axis_off()
