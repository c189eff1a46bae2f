"""Figures of policies on a grid or a graph."""

from collections.abc import Mapping

from matplotlib import figure as figure_lib
import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.plots import drawers
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.utils import validation

# In inches; the width of a panel is limited, too.
_CELL_WIDTH = 0.32
# A state with a smaller mass counts as a state without players.
LEAST_MASS = 1e-12


def policy_figure(
  mdp: mdp_lib.MeanFieldMDP,
  policies: Mapping[str, np.ndarray],
  mean_fields: Mapping[str, np.ndarray] | None = None,
  title: str = "",
) -> figure_lib.Figure:
  """Returns policies as arrows on a grid or a graph, side by side.

  On a grid, the target of an action is the most likely next state, so that an
  action towards a wall counts as staying. On a graph, arrows show transition
  probabilities, including noise.

  Args:
    mdp: An MDP with a grid or a graph as drawing. If its kernel depends on the
      mean field, the kernel at its initial law is used.
    policies: The (S, A) policy of each panel, by its title. A row of zeros
      means that the policy in this state is unknown; the state is grey.
    mean_fields: The (S,) mean field of each panel, by its title; if given,
      states without players are grey.
    title: The title of the figure; should name the game.

  Raises:
    ValueError: If the MDP has no drawing on which policies can be drawn, there
      is no panel, or an array is not a policy or mean field.
  """
  drawing = mdp.drawing
  if drawing is None:
    raise ValueError(
      "drawing of mdp must be a Grid or a Graph for a policy, got None."
    )
  kernel = mdp.kernel_at(mdp.initial_distribution)
  moves: dict[str, sparse.coo_array] = {}
  reached: dict[str, np.ndarray] = {}
  for name, policy in policies.items():
    shape = (mdp.num_states, mdp.num_actions)
    array = validation.check_numbers(f"policy {name!r}", policy)
    if array.shape != shape:
      raise ValueError(
        f"policy {name!r} must have shape {shape}, got {array.shape}."
      )
    known = np.asarray(array.any(axis=1))
    validation.check_policy(array[known], np.ones(array[known].shape, bool))
    if isinstance(drawing, drawing_lib.Grid):
      moves[name] = headings(kernel, array)
    else:
      moves[name] = transitions(kernel, array)
    reached[name] = known
    if mean_fields is not None:
      if name not in mean_fields:
        raise ValueError(
          f"mean_fields must have one for each policy, none for {name!r}."
        )
      law = validation.check_distribution(
        f"mean field {name!r}", mean_fields[name], mdp.num_states
      )
      reached[name] = known & (law >= LEAST_MASS)
  return moves_figure(drawing, moves, reached, title)


def moves_figure(
  drawing: drawing_lib.Drawing,
  moves: Mapping[str, sparse.coo_array],
  reached: Mapping[str, np.ndarray],
  title: str = "",
  columns: int | None = None,
) -> figure_lib.Figure:
  """Returns panels with arrows for the moves of players, side by side.

  The probability is proportional to the length of an arrow on a grid, and to
  its width on a graph. The area of the dot is proportional to the probability
  of staying.

  Args:
    drawing: The positions of the S states.
    moves: (S, S) of each panel, by its title: the probabilities of moves from
      state to state.
    reached: (S,) of bool of each panel, by its title: the states with players
      whose policy is known; the others are grey.
    title: The title of the figure; should name the game.
    columns: Number of panels per row, at most 4; 4 if not given.

  Raises:
    ValueError: If policies cannot be drawn on this drawing, or there is no
      panel.
  """
  drawer = drawers.drawer_of(drawing)
  if not hasattr(drawer, "draw_policy"):
    raise ValueError(
      "drawing must be one on which policies can be drawn, got"
      f" {type(drawing).__name__}."
    )
  drawer.check(drawing)
  width = drawer.PANEL_WIDTH
  if isinstance(drawing, drawing_lib.Grid):
    width = float(np.clip(_CELL_WIDTH * np.shape(drawing.walls)[1], width, 7.0))
  figure, all_axes = figures.panels(
    list(moves), width, drawer.aspect(drawing), title, columns
  )
  for axes, (name, of_panel) in zip(all_axes, moves.items()):
    drawer.draw_policy(axes, drawing, of_panel, reached[name])
  key = drawer.policy_key()
  if not any(of_panel.diagonal().any() for of_panel in moves.values()):
    del key["stays"]
  if all(np.all(states) for states in reached.values()):
    del key["unreached"]
  entries = dict(key.values())
  if isinstance(drawing, drawing_lib.Grid):
    entries |= grid_drawing.mark_key(drawing)
  figures.add_legend(figure, entries, figures.MAX_COLUMNS)
  figures.trim(figure, all_axes)
  return figure


def headings(kernel: sparse.csr_array, policy: np.ndarray) -> sparse.coo_array:
  """Returns (S, S), the probabilities of intended next states."""
  num_states, num_actions = policy.shape
  # The first one of several states that are equally likely.
  aims = np.asarray(kernel.argmax(axis=1)).ravel()
  states = np.repeat(np.arange(num_states), num_actions)
  moves = sparse.coo_array(
    (policy.ravel(), (states, aims)), (num_states, num_states)
  )
  moves.sum_duplicates()
  return moves


def transitions(
  kernel: sparse.csr_array, policy: np.ndarray
) -> sparse.coo_array:
  """Returns (S, S), the transition probabilities."""
  return sparse.coo_array(state_action_rows.mixture(policy) @ kernel)
