"""Figures of policies of any game with a drawing."""

from collections.abc import Mapping

from matplotlib import cm
from matplotlib import colormaps
from matplotlib import colors
from matplotlib import figure as figure_lib
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.plots import drawers
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import line_drawing
from mftrpo_openspiel.plots import placement
from mftrpo_openspiel.plots import policy_plots


def policy_figure(
  game_drawing: placement.GameDrawing,
  policies: Mapping[str, np.ndarray],
  mean_fields: Mapping[str, np.ndarray],
  title: str = "",
  columns: int | None = None,
) -> figure_lib.Figure:
  """Returns policies side by side.

  On a line, colours show the probabilities of the actions in each place. For
  other drawings see `policy_plots.moves_figure`. Places without players are
  grey.

  Args:
    game_drawing: The drawing, with S places.
    policies: The (S, A) policy of each panel, by its title; a row of zeros if
      the policy in a place is unknown.
    mean_fields: The (S,) mean field of each panel, by its title; without one,
      all places count as places with players.
    title: The title of the figure; should name the game.
    columns: Number of panels per row, at most 4; 4 if not given.

  Raises:
    ValueError: If there is no panel, or the targets of actions are not known.
  """
  reached: dict[str, np.ndarray] = {}
  for name, policy in policies.items():
    reached[name] = np.asarray(policy.any(axis=1))
    if name in mean_fields:
      reached[name] &= mean_fields[name] >= policy_plots.LEAST_MASS
  if isinstance(game_drawing.drawing, drawing_lib.Line):
    return _action_figure(game_drawing, policies, reached, title, columns)
  if game_drawing.moves is None:
    raise ValueError(
      "moves of the GameDrawing must be given for a picture of a policy, got"
      " None."
    )
  moves = {
    name: sparse.coo_array(
      state_action_rows.mixture(policy) @ game_drawing.moves
    )
    for name, policy in policies.items()
  }
  return policy_plots.moves_figure(
    game_drawing.drawing, moves, reached, title, columns
  )


def _action_figure(
  game_drawing: placement.GameDrawing,
  policies: Mapping[str, np.ndarray],
  reached: Mapping[str, np.ndarray],
  title: str,
  columns: int | None,
) -> figure_lib.Figure:
  """Returns the probabilities of actions in the places of a line."""
  line = game_drawing.drawing
  assert isinstance(line, drawing_lib.Line)
  drawers.drawer_of(line).check(line)
  figure, all_axes = figures.panels(
    list(policies),
    line_drawing.PANEL_WIDTH,
    line_drawing.aspect(line),
    title,
    columns,
  )
  largest = max(float(policy.max()) for policy in policies.values())
  colors_of = cm.ScalarMappable(
    colors.Normalize(0.0, largest),
    colormaps["YlGnBu"].with_extremes(bad=grid_drawing.UNREACHED_COLOR),
  )
  for axes, (name, policy) in zip(all_axes, policies.items()):
    names = game_drawing.action_names or tuple(map(str, range(policy.shape[1])))
    line_drawing.draw_actions(
      axes, line, policy, reached[name], names, colors_of
    )
  # At the ends of the rows.
  for axes in figures.first_of_rows(all_axes):
    axes.set_ylabel("Action")
  for bar in figures.bar_axes(all_axes):
    figure.colorbar(colors_of, cax=bar, label="Probability")
  return figure
