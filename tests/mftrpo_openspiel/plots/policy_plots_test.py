"""Tests of policy_plots and of the arrows of grid_drawing."""

import dataclasses

import numpy as np
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import policy_plots

# A corner:  0 #
#            1 2   with the actions stay, right and up, of which moves succeed
# with probability 0.6 and otherwise stay, and none goes through a wall.
MOVES = np.array([[0, 0, 0], [1, 2, 0], [2, 2, 2]])
POLICY = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])


def corner():
  kernel = np.zeros((3, 3, 3))
  for state, targets in enumerate(MOVES):
    for action, target in enumerate(targets):
      kernel[state, action, target] += 0.6
      kernel[state, action, state] += 0.4
  return mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mean_field: np.zeros((3, 3)),
    discount=0.9,
    initial_distribution=[1, 0, 0],
    drawing=drawing.Grid(
      walls=np.array([[False, True], [False, False]]),
      cells=np.array([[0, 0], [1, 0], [1, 1]]),
    ),
  )


def arrows_and_dots(axes, disc_widths):
  """Returns {(from, to): length} of the arrows, and the dots' areas."""
  dots, arrows = axes.collections
  steps = np.stack([arrows.U, arrows.V], axis=1)
  lengths = {
    (tuple(start.round()), tuple(np.sign(step).astype(int))): np.hypot(*step)
    for start, step in zip(arrows.XY, steps)
  }
  return lengths, disc_widths(dots) ** 2


def test_headings_are_where_actions_most_likely_lead():
  mdp = corner()
  moves = policy_plots.headings(mdp.kernel, POLICY).toarray()
  np.testing.assert_allclose(
    moves, [[1.0, 0, 0], [0.3, 0.2, 0.5], [0, 0, 1.0]], rtol=1e-14
  )


def test_lengths_and_areas_are_probabilities(disc_widths):
  figure = policy_plots.policy_figure(corner(), {"p": POLICY})
  arrows, areas = arrows_and_dots(figure.axes[0], disc_widths)
  # x to the right, y downwards.
  assert arrows == {
    ((0, 1), (1, 0)): pytest.approx(0.5 * grid_drawing.ARROW_LENGTH),
    ((0, 1), (0, -1)): pytest.approx(0.3 * grid_drawing.ARROW_LENGTH),
  }
  np.testing.assert_allclose(areas / areas[0], [1, 0.2, 1])


def test_arrows_stay_in_their_cell_and_off_its_dot():
  steps = np.linspace(0, 1, 101)
  radii = grid_drawing.DOT_RADIUS * np.sqrt(1 - steps)
  starts = np.maximum(radii, grid_drawing.ARROW_START)
  assert (starts + grid_drawing.ARROW_LENGTH * steps).max() <= 0.5


def test_unlikely_moves_and_unknown_states_stay_empty(disc_widths):
  policy = np.array([[1.0, 0, 0], [0.98, 0.01, 0.01], [0, 0, 0]])
  figure = policy_plots.policy_figure(corner(), {"p": policy})
  arrows, areas = arrows_and_dots(figure.axes[0], disc_widths)
  assert not arrows
  assert areas[0] > 0 and areas[2] == 0


def test_kernel_may_depend_on_the_mean_field(disc_widths):
  mdp = corner()
  moving = dataclasses.replace(mdp, kernel=lambda mean_field: mdp.kernel)
  figure = policy_plots.policy_figure(moving, {"p": POLICY})
  assert len(arrows_and_dots(figure.axes[0], disc_widths)[0]) == 2


def test_key_says_what_is_what_and_nothing_is_cut_off(is_cut_off):
  figure = policy_plots.policy_figure(
    corner(), {f"Panel {k}": POLICY for k in range(3)}
  )
  (legend,) = figure.legends
  texts = " ".join(text.get_text() for text in legend.texts)
  assert "length: probability" in texts and "area: probability" in texts
  assert not is_cut_off(figure)


@pytest.mark.parametrize(
  "policies, match",
  [
    ({}, "at least one panel"),
    ({"p": POLICY[:2]}, r"policy 'p' must have shape \(3, 3\), got \(2, 3\)"),
    ({"p": POLICY * 0.5}, "policy must be a probability law"),
    ({"p": POLICY * np.nan}, "policy must be a probability law"),
  ],
)
def test_refuses_policy(policies, match):
  with pytest.raises(ValueError, match=match):
    policy_plots.policy_figure(corner(), policies)


def test_refuses_what_is_no_grid():
  for other in (None, drawing.Graph(np.eye(3)[:, :2], np.zeros((0, 2)))):
    mdp = dataclasses.replace(corner(), drawing=other)
    with pytest.raises(ValueError, match="drawing of mdp must be a Grid"):
      policy_plots.policy_figure(mdp, {"p": POLICY})
