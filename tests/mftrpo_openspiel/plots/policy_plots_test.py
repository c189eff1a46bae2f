"""Tests of policy_plots and of the arrows of grid_drawing."""

import dataclasses

from matplotlib import colors as mpl_colors
from matplotlib import patches
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import policy_plots

# A corner:  0 #
#            1 2   with the actions stay, right and up. Moves succeed with
# probability 0.6 and otherwise have no effect, as have moves into a wall.
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


def test_headings_are_the_most_likely_next_states():
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


def test_arrows_are_inside_their_cell():
  steps = np.linspace(0, 1, 101)
  radii = grid_drawing.DOT_RADIUS * np.sqrt(1 - steps)
  starts = np.maximum(radii, grid_drawing.ARROW_START)
  assert (starts + grid_drawing.ARROW_LENGTH * steps).max() <= 0.5


def test_unlikely_moves_and_unknown_states_are_not_drawn(disc_widths):
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


def test_the_legend_explains_symbols_and_nothing_is_cut_off(is_cut_off):
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
    ({"p": POLICY * 0.5}, "policy must be a probability dist"),
    ({"p": POLICY * np.nan}, "policy must be a probability dist"),
  ],
)
def test_invalid_policies(policies, match):
  with pytest.raises(ValueError, match=match):
    policy_plots.policy_figure(corner(), policies)


def test_arrows_shorter_than_two_heads_keep_their_shafts():
  """Half of the outline of a short arrow is its shaft."""
  policy = np.array([[1.0, 0, 0], [0.7, 0.3, 0.0], [0, 0, 1.0]])
  figure = policy_plots.policy_figure(corner(), {"p": policy})
  figure.draw_without_rendering()
  _, arrows = figure.axes[0].collections
  (outline,) = [path.vertices for path in arrows.get_paths()]
  length = np.ptp(outline[:, 0])
  # Shorter than two heads, with a length proportional to the probability.
  assert length < 2 * grid_drawing.HEAD_LENGTH
  assert length == pytest.approx(0.3 * grid_drawing.ARROW_LENGTH, rel=1e-6)
  widest = outline[np.abs(outline[:, 1]).argmax(), 0]
  assert widest - outline[:, 0].min() == pytest.approx(length / 2, rel=1e-6)


def test_cells_without_players_or_policy_are_grey(pixels, disc_widths):
  policy = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0, 0]])
  law = np.array([0.0, 1.0, 0.0])
  figure = policy_plots.policy_figure(
    corner(), {"p": policy, "q": POLICY}, {"p": law, "q": np.ones(3) / 3}
  )
  picture = pixels(figure)
  left, right = figure.axes

  def color_at(axes, x, y):
    column, row = axes.transData.transform((x, y)).astype(int)
    return mpl_colors.to_hex(picture[row, column] / 255).upper()

  # In the corners of cells, where nothing else is drawn.
  grey, white = grid_drawing.UNREACHED_COLOR, "#FFFFFF"
  assert color_at(left, 0.4, 0.4) == grey
  assert color_at(left, 0.4, 1.4) == white
  assert color_at(left, 1.4, 1.4) == grey
  assert color_at(right, 1.4, 1.4) == white
  arrows, areas = arrows_and_dots(left, disc_widths)
  assert list(arrows) == [((0, 1), (1, 0))]
  assert areas[0] == areas[2] == 0 < areas[1]
  (legend,) = figure.legends
  assert "no player is there" in [text.get_text() for text in legend.texts]


def test_title_and_marks(is_cut_off):
  mdp = corner()
  marked = dataclasses.replace(mdp.drawing, marks={"the bar": 2})
  figure = policy_plots.policy_figure(
    dataclasses.replace(mdp, drawing=marked), {"p": POLICY}, title="A game"
  )
  assert figure.get_suptitle() == "A game"
  labels = [text.get_text() for text in figure.legends[0].texts]
  assert labels[-1] == "the bar"
  # All states have players.
  assert "no player is there" not in labels
  assert not is_cut_off(figure)


def triangle():
  """Returns an MDP on a graph, with two actions."""
  kernel = np.zeros((3, 2, 3))
  # From 0 to 1 or 2 with 0.9; from 1 to 2 or 1; from 2 to 0.
  kernel[0] = [[0, 0.9, 0.1], [0, 0.1, 0.9]]
  kernel[1] = [[0, 0, 1], [0, 1, 0]]
  kernel[2] = [[1, 0, 0], [1, 0, 0]]
  return dataclasses.replace(
    corner(),
    kernel=kernel,
    reward=lambda mean_field: np.zeros((3, 2)),
    action_names=("one", "other"),
    drawing=drawing.Graph(
      np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.8]]),
      np.array([[0, 1], [0, 2], [1, 2], [1, 1], [2, 0]]),
    ),
  )


def test_widths_on_a_graph_are_transition_probabilities(disc_widths):
  policy = np.array([[0.5, 0.5], [0.36, 0.64], [1.0, 0.0]])
  figure = policy_plots.policy_figure(triangle(), {"p": policy})
  (axes,) = figure.axes
  arrows = [
    p for p in axes.get_children() if isinstance(p, patches.FancyArrowPatch)
  ]
  # 0 -> 1, 0 -> 2, 1 -> 2 and 2 -> 0.
  widths = np.array([arrow.get_linewidth() for arrow in arrows])
  np.testing.assert_allclose(widths / widths[-1], [0.5, 0.5, 0.36, 1.0])
  areas = disc_widths(axes.collections[0]) ** 2
  node = 2 * axes.patches[0].get_radius()
  np.testing.assert_allclose(areas, [0, 0.64 * node**2, 0], rtol=1e-12)


def test_no_arrow_starts_at_a_node_without_players():
  policy = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
  figure = policy_plots.policy_figure(
    triangle(), {"p": policy}, {"p": [0, 0.5, 0.5]}
  )
  (axes,) = figure.axes
  arrows = [
    p for p in axes.get_children() if isinstance(p, patches.FancyArrowPatch)
  ]
  assert len(arrows) == 2
  circles = [p for p in axes.patches if isinstance(p, patches.Circle)]
  grey = mpl_colors.to_rgba(grid_drawing.UNREACHED_COLOR)
  assert [c.get_facecolor() == grey for c in circles] == [True, False, False]


def test_policies_of_the_games_are_not_cut_off(is_cut_off):
  for name in ("python_mfg_four_rooms_poi", "python_mfg_two_islands"):
    mdp = pyspiel.load_game(name).mean_field_mdp()
    policy = np.full((mdp.num_states, mdp.num_actions), 1 / mdp.num_actions)
    figure = policy_plots.policy_figure(
      mdp, {"a": policy, "b": policy}, title=name
    )
    assert not is_cut_off(figure)


def test_invalid_mean_fields():
  for mean_fields, match in (
    ({}, "mean_fields must have one for each policy, none for 'p'"),
    ({"p": np.ones(2) / 2}, "mean field 'p'"),
  ):
    with pytest.raises(ValueError, match=match):
      policy_plots.policy_figure(corner(), {"p": POLICY}, mean_fields)


def test_no_drawing_raises_an_error():
  mdp = dataclasses.replace(corner(), drawing=None)
  with pytest.raises(ValueError, match="drawing of mdp must be a Grid or a Gr"):
    policy_plots.policy_figure(mdp, {"p": POLICY})
