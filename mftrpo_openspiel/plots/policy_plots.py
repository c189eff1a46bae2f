"""Figures of policies on a grid."""

from collections.abc import Mapping

from matplotlib import cm
from matplotlib import colors
from matplotlib import figure as figure_lib
from matplotlib import lines
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.utils import validation

# In inches, as long as the panel is neither too narrow nor too wide by it.
_CELL_WIDTH = 0.32


def policy_figure(
  mdp: mdp_lib.MeanFieldMDP, policies: Mapping[str, np.ndarray]
) -> figure_lib.Figure:
  """Returns policies as arrows on a grid, side by side.

  An action is taken to head for the state to which it most likely leads; so an
  action against a wall counts as staying. From each cell an arrow points at the
  cells that players head for, and its length is proportional to the
  probability. The area of the dot is proportional to that of staying.

  Args:
    mdp: Whose states are cells of a grid. Where its kernel depends on the mean
      field, that under its initial law is taken.
    policies: The (S, A) policy of each panel, by its title. A row of zeros is a
      state in which nothing is known of the policy; it stays empty.

  Raises:
    ValueError: If the states are no cells of a grid, there is no panel, or an
      array is no policy.
  """
  grid = mdp.drawing
  if not isinstance(grid, drawing_lib.Grid):
    raise ValueError(
      f"drawing of mdp must be a Grid for arrows, got {type(grid).__name__}."
    )
  grid_drawing.check(grid)
  kernel = mdp.kernel_at(mdp.initial_distribution)
  figure, all_axes = figures.panels(
    list(policies),
    float(np.clip(_CELL_WIDTH * np.shape(grid.walls)[1], 2.7, 7.0)),
    grid_drawing.aspect(grid),
  )
  # All cells white, all walls dark.
  white = colors.ListedColormap(["white"])
  paper = cm.ScalarMappable(
    colors.Normalize(), white.with_extremes(bad=figures.DARK)
  )
  for axes, (title, policy) in zip(all_axes, policies.items()):
    grid_drawing.draw(axes, grid, np.zeros(mdp.num_states), paper)
    name, shape = f"policy {title!r}", (mdp.num_states, mdp.num_actions)
    array = validation.check_numbers(name, policy)
    if array.shape != shape:
      raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    known = array[array.any(axis=1)]
    validation.check_policy(known, np.ones(known.shape, bool))
    grid_drawing.draw_policy(axes, grid, headings(kernel, array))
  # What arrows and dots mean, below all panels.
  entries = {
    label: lines.Line2D([], [], linestyle="none", marker=marker, color=color)
    for label, marker, color in (
      ("heads there (length: probability)", ">", grid_drawing.ARROW_COLOR),
      ("stays (area: probability)", "o", grid_drawing.STAY_COLOR),
    )
  }
  figures.add_legend(figure, entries, 2)
  return figure


def headings(kernel: sparse.csr_array, policy: np.ndarray) -> sparse.coo_array:
  """Returns (S, S), how likely players head from a state for a state."""
  num_states, num_actions = policy.shape
  # Of several states that are as likely, the first.
  aims = np.asarray(kernel.argmax(axis=1)).ravel()
  states = np.repeat(np.arange(num_states), num_actions)
  moves = sparse.coo_array(
    (policy.ravel(), (states, aims)), (num_states, num_states)
  )
  moves.sum_duplicates()
  return moves
