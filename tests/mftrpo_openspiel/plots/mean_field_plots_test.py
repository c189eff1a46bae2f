"""Tests of mean_field_plots."""

import dataclasses

from matplotlib import colors
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import mean_field_plots

ON_GRID = {
  "start": np.array([0.0, 1.0, 0.0, 0.0, 0.0]),
  "end": np.array([0.1, 0.2, 0.3, 0.15, 0.25]),
}
ON_GRAPH = {
  "start": np.array([0.8, 0.2, 0.0]),
  "end": np.array([0.2, 0.3, 0.5]),
}


def grid():
  return drawing.Grid(
    walls=np.array([[False, True, False], [False, False, False]]),
    # Not in reading order.
    cells=np.array([[1, 2], [0, 0], [0, 2], [1, 0], [1, 1]]),
  )


def graph():
  return drawing.Graph(
    positions=np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]),
    edges=np.array([[0, 1], [1, 0], [1, 2]]),
  )


def color_at(picture, axes, x, y):
  column, row = axes.transData.transform((x, y)).astype(int)
  return tuple(picture[row, column])


def bar_of(figure):
  """Returns the axes of the colour bar, at the end of the only row."""
  *others, last = figure.axes
  assert not any(axes.child_axes for axes in others)
  (bar,) = last.child_axes
  return bar


def rgb(color):
  return tuple(colors.to_rgba_array(color)[0, :3] * 255)


class TestOnGrid:
  def test_mass_is_in_its_cell_and_walls_are_masked(self):
    figure = mean_field_plots.mean_field_figure(grid(), ON_GRID)
    image = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(image.mask, grid().walls)
    np.testing.assert_array_equal(
      image.filled(-1), [[0.2, -1, 0.3], [0.15, 0.25, 0.1]]
    )

  @pytest.mark.parametrize("scale", mean_field_plots.SCALES)
  def test_painted_colors(self, scale, pixels):
    figure = mean_field_plots.mean_field_figure(grid(), ON_GRID, scale)
    picture = pixels(figure)
    start, end = figure.axes
    cmap = start.images[0].cmap
    nothing = rgb("white") if scale == "log" else cmap(0.0, bytes=True)[:3]
    for axes in (start, end):
      assert color_at(picture, axes, 1, 0) == rgb(figures.DARK)
    # "clipped" has a colour for masses above its scale.
    fullest = cmap(1.0 if scale != "clipped" else 1.1, bytes=True)[:3]
    assert color_at(picture, start, 0, 0) == fullest
    # Empty cells do not look like walls.
    for x, y in ((2, 0), (0, 1), (1, 1), (2, 1)):
      assert color_at(picture, start, x, y) == nothing
    # Uniform law / 10 = 0.02. The largest mass is 1, and 0.3 in "end".
    share = {
      "log": np.log(0.3 / 0.02) / np.log(1 / 0.02),
      "linear": 0.3,
      "clipped": 1.0,
    }[scale]
    assert color_at(picture, end, 2, 0) == cmap(share, bytes=True)[:3]

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = mean_field_plots.mean_field_figure(
      grid(), dict(reversed(ON_GRID.items()))
    )
    end, start = figure.axes
    bar = bar_of(figure)
    norm = end.images[0].norm
    assert start.images[0].norm is norm
    assert isinstance(norm, colors.LogNorm)
    assert (norm.vmin, norm.vmax) == (pytest.approx(0.02), 1.0)
    assert "log scale" in bar.get_ylabel()
    assert bar.get_ylim() == (pytest.approx(0.02), 1.0)

  def test_clipped_scale_ends_at_the_smallest_maximum_of_panels(self):
    figure = mean_field_plots.mean_field_figure(grid(), ON_GRID, "clipped")
    norm = figure.axes[0].images[0].norm
    assert (norm.vmin, norm.vmax) == (0.0, 0.3)
    over = figure.axes[0].images[0].cmap(1.1)
    # Without masses above the scale, the color bar has no extension.
    even = {"end": ON_GRID["end"]}
    for fields, extend in ((ON_GRID, "max"), (even, False)):
      colors_of = mean_field_plots.mass_colors(fields, "clipped")
      assert colors_of.cmap.colorbar_extend == extend
    # Distinguishable from the end of the scale, and from a wall.
    for other in (colors_of.cmap(1.0), colors.to_rgba(figures.DARK)):
      assert np.abs(np.subtract(over, other)).max() > 0.15

  @pytest.mark.parametrize("shape", [(11, 11), (3, 40), (40, 3)])
  def test_color_bar_is_as_high_as_the_map(self, shape, pixels):
    walls = np.zeros(shape, dtype=bool)
    any_grid = drawing.Grid(walls, np.argwhere(~walls))
    law = np.full(walls.size, 1 / walls.size)
    for number in (1, 3):
      laws = {f"Panel {k}": law for k in range(number)}
      figure = mean_field_plots.mean_field_figure(any_grid, laws, "linear")
      pixels(figure)
      bar = bar_of(figure).get_window_extent()
      panel = figure.axes[-1].get_window_extent()
      assert (bar.y0, bar.y1) == pytest.approx((panel.y0, panel.y1), abs=0.5)
      assert bar.x0 > panel.x1

  def test_every_row_has_a_color_bar(self):
    laws = {f"Panel {k}": ON_GRID["end"] for k in range(6)}
    figure = mean_field_plots.mean_field_figure(grid(), laws)
    with_bar = [k for k, axes in enumerate(figure.axes) if axes.child_axes]
    assert with_bar == [3, 5]

  def test_a_color_bar_of_a_short_row_opens_no_gap(self):
    laws = {f"Panel {k}": ON_GRID["end"] for k in range(5)}
    figure = mean_field_plots.mean_field_figure(grid(), laws)
    figure.draw_without_rendering()
    left = [axes.get_window_extent().x0 for axes in figure.axes[:4]]
    gaps = np.diff(left)
    np.testing.assert_allclose(gaps, gaps.mean(), atol=1)
    assert figure.axes[4].get_window_extent().x0 == pytest.approx(
      left[0], abs=1
    )
    (bar,) = figure.axes[4].child_axes
    assert bar.get_tightbbox().x1 < figure.bbox.x1

  def test_marked_cells_are_framed_and_named(self, pixels):
    marked = dataclasses.replace(grid(), marks={"the bar": 2})
    figure = mean_field_plots.mean_field_figure(marked, ON_GRID)
    picture = pixels(figure)
    for axes in figure.axes:
      # State 2 is the cell in row 0 and column 2, state 1 that in column 0. A
      # pixel at the edge of a line has a mixed colour.
      right, other = (
        np.abs(
          np.subtract(
            color_at(picture, axes, x, 0), rgb(grid_drawing.MARK_COLOR)
          )
        ).max()
        for x in (2.46, 0.46)
      )
      assert right < 60 < other
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["the bar"]

  def test_cells_are_square(self, pixels):
    figure = mean_field_plots.mean_field_figure(grid(), ON_GRID)
    pixels(figure)
    for axes in figure.axes[:2]:
      width, height = np.abs(
        axes.transData.transform((1, 1)) - axes.transData.transform((0, 0))
      )
      assert width == pytest.approx(height)

  @pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3)])
  def test_nothing_is_cut_off(self, shape, is_cut_off):
    walls = np.zeros(shape, dtype=bool)
    any_grid = drawing.Grid(walls, np.argwhere(~walls))
    law = np.full(walls.size, 1 / walls.size)
    figure = mean_field_plots.mean_field_figure(
      any_grid, {"One": law, "Two": law}
    )
    assert not is_cut_off(figure)

  @pytest.mark.parametrize(
    "cells, match",
    [
      ([[1, 2], [0, 0], [0, 2], [1, 0]], "every other cell once"),
      ([[1, 2], [0, 0], [0, 1], [1, 0], [1, 1]], "every other cell once"),
      ([[1, 2], [0, 0], [0, 0], [1, 0], [1, 1]], "every other cell once"),
      ([[1, 3], [0, 0], [0, 2], [1, 0], [1, 1]], "every other cell once"),
      ([0, 1, 2, 3, 4], r"shapes \(2, 3\) and \(5,\)"),
    ],
  )
  def test_invalid_grids(self, cells, match):
    bad = drawing.Grid(grid().walls, np.array(cells))
    with pytest.raises(ValueError, match=match):
      mean_field_plots.mean_field_figure(bad, ON_GRID)

  def test_invalid_marks(self):
    bad = dataclasses.replace(grid(), marks={"the bar": 5})
    with pytest.raises(ValueError, match=r"'the bar' .* in \[0, 4\], got 5"):
      mean_field_plots.mean_field_figure(bad, ON_GRID)


class TestOnGraph:
  def test_areas_are_proportional_to_mass_in_all_panels(self, disc_widths):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH)
    masses, areas = [], []
    for axes, mean_field in zip(figure.axes, ON_GRAPH.values()):
      discs = axes.collections[0]
      np.testing.assert_array_equal(discs.get_offsets(), graph().positions)
      masses.extend(mean_field)
      areas.extend(np.pi / 4 * disc_widths(discs) ** 2)
    np.testing.assert_allclose(
      areas, np.array(masses) * areas[0] / 0.8, rtol=1e-12, atol=1e-15
    )
    assert areas[0] > 0

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH)
    start, end = figure.axes
    bar = bar_of(figure)
    discs = [axes.collections[0] for axes in (start, end)]
    assert discs[0].norm is discs[1].norm
    assert (discs[0].norm.vmin, discs[0].norm.vmax) == (
      pytest.approx(0.1 / 3),
      0.8,
    )
    assert "log scale" in bar.get_ylabel()

  def test_nothing_is_cut_off(self, is_cut_off):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH)
    assert not is_cut_off(figure)

  @pytest.mark.parametrize("scale", mean_field_plots.SCALES)
  def test_first_panel_has_a_key_of_sizes(self, scale, disc_widths):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH, scale)
    first, second = figure.axes
    assert len(second.collections) == 1
    discs, key = first.collections
    labels = [text.get_text() for text in first.texts[3:]]
    *values, largest = [float(label.split()[0]) for label in labels]
    assert 0 < values[0] < values[1] < largest
    # The node of mass 0.2 is on every scale.
    unit = disc_widths(discs)[1] ** 2 / 0.2
    np.testing.assert_allclose(
      disc_widths(key) ** 2 / unit, [*values, largest], rtol=1e-12
    )
    assert labels[-1].endswith("or more") == (scale == "clipped")


class TestDifferences:
  def test_signs_have_opposite_colors_around_white(self, pixels):
    difference = np.array([0.2, -0.2, 0.1, -0.1, 0.0])
    figure = mean_field_plots.difference_figure(grid(), {"b - a": difference})
    (axes,), bar = figure.axes, bar_of(figure)
    norm = axes.images[0].norm
    assert (norm.vmin, norm.vmax) == (-0.2, 0.2)
    assert "Difference" in bar.get_ylabel()
    picture = pixels(figure)
    assert color_at(picture, axes, 1, 0) == rgb(figures.DARK)
    more, less, nothing = (
      np.array(color_at(picture, axes, *place), dtype=int)
      for place in ((2, 1), (0, 0), (1, 1))
    )
    assert nothing.min() > 240
    # Red and blue, which are distinguishable with any colour blindness.
    assert more[0] - more[2] > 100
    assert less[2] - less[0] > 20
    for color in (more, less):
      assert np.abs(color - rgb(figures.DARK)).max() > 60

  def test_scale_is_that_of_all_panels(self, disc_widths):
    figure = mean_field_plots.difference_figure(
      graph(),
      {"a": np.array([0.1, -0.1, 0.0]), "b": np.array([0.0, 0.4, -0.4])},
    )
    small, large = (axes.collections for axes in figure.axes)
    assert small[0].norm is large[0].norm
    assert small[0].norm.vmax == 0.4
    # Areas are proportional to absolute values.
    large_widths = disc_widths(large[0])
    assert large_widths[1] == large_widths[2]
    assert large_widths[1] == pytest.approx(2 * disc_widths(small[0])[0])

  def test_equal_laws(self, pixels):
    figure = mean_field_plots.difference_figure(grid(), {"": np.zeros(5)})
    picture = pixels(figure)
    assert min(color_at(picture, figure.axes[0], 0, 0)) > 240

  @pytest.mark.parametrize(
    "difference, match",
    [
      (np.zeros(4), r"two laws over 5 states, got shape \(4,\)"),
      (np.full(5, 0.2), "sum 1"),
      (np.array([np.nan, 0, 0, 0, 0]), "sum nan"),
      ("none", "must be an array of numbers"),
    ],
  )
  def test_invalid_differences(self, difference, match):
    with pytest.raises(ValueError, match=match):
      mean_field_plots.difference_figure(grid(), {"p": difference})


class TestAnyDrawing:
  @pytest.mark.parametrize(
    "name, num_images, num_collections",
    [
      ("python_mfg_four_rooms", 1, 0),
      ("python_mfg_four_rooms_poi", 1, 0),
      # One for the nodes, and one for the key of sizes.
      ("python_mfg_two_islands", 0, 2),
    ],
  )
  def test_draws_the_games(self, name, num_images, num_collections, is_cut_off):
    mdp = pyspiel.load_game(name).mean_field_mdp()
    figure = mean_field_plots.mean_field_figure(
      mdp.drawing, {"Start": mdp.initial_distribution}
    )
    (axes,) = figure.axes
    assert axes.get_title() == "Start"
    assert len(axes.images) == num_images
    assert len(axes.collections) == num_collections
    assert not is_cut_off(figure)

  def test_a_single_array_is_one_panel_without_a_title(self):
    law = np.full(5, 0.2)
    alone, titled = (
      mean_field_plots.mean_field_figure(grid(), given)
      for given in (law, {"": law})
    )
    (axes,), (expected,) = alone.axes, titled.axes
    assert axes.get_title() == ""
    np.testing.assert_array_equal(
      axes.images[0].get_array(), expected.images[0].get_array()
    )
    with pytest.raises(
      ValueError, match=r"mean field '' must have shape \(5,\)"
    ):
      mean_field_plots.mean_field_figure(grid(), law[:4])

  def test_linear_scale(self):
    for any_drawing, size in ((grid(), 5), (graph(), 3)):
      laws = {"": np.full(size, 1 / size)}
      figure = mean_field_plots.mean_field_figure(any_drawing, laws, "linear")
      assert "log" not in bar_of(figure).get_ylabel()

  @pytest.mark.parametrize("any_drawing, size", [(grid(), 5), (graph(), 3)])
  def test_figure_title(self, any_drawing, size, is_cut_off):
    title = "python_mfg_with_a_very_long_name, stationary, " * 4 + "end"
    law, nothing = np.full(size, 1 / size), np.zeros(size)
    for figure in (
      mean_field_plots.mean_field_figure(any_drawing, {"p": law}, title=title),
      mean_field_plots.difference_figure(any_drawing, {"p": nothing}, title),
    ):
      assert figure.get_suptitle().replace("\n", " ") == title
      assert not is_cut_off(figure)
      (axes,) = figure.axes
      box = figure._suptitle.get_window_extent()
      assert axes.title.get_window_extent().y1 < box.y0

  def test_no_drawing_raises_an_error(self):
    for draw in (
      mean_field_plots.mean_field_figure,
      mean_field_plots.difference_figure,
    ):
      with pytest.raises(
        ValueError, match=r"^drawing must be a Grid or .* got None"
      ):
        draw(None, {"": np.ones(1)})

  @pytest.mark.parametrize(
    "mean_fields, scale, match",
    [
      ({}, "log", "at least one panel"),
      ({"p": np.ones(2) / 2}, "log", r"mean field 'p' .* shape .* \(2,\)"),
      ({"p": np.full(9, 0.5)}, "log", "mean field 'p'"),
      ({"p": None}, "square", "mean field 'p'|scale"),
    ],
  )
  @pytest.mark.parametrize("any_drawing", [grid(), graph()])
  def test_invalid_arguments(self, any_drawing, mean_fields, scale, match):
    with pytest.raises(ValueError, match=match):
      mean_field_plots.mean_field_figure(any_drawing, mean_fields, scale)

  def test_an_unknown_scale_raises_an_error(self):
    with pytest.raises(
      ValueError, match="scale must be one of clipped, linear, log"
    ):
      mean_field_plots.mean_field_figure(graph(), {"": np.ones(3) / 3}, "cubic")


def test_the_heights_on_a_line_are_named():
  line = drawing.Line(np.arange(3))
  laws = {name: np.full(3, 1 / 3) for name in "abcde"}
  figure = mean_field_plots.mean_field_figure(line, laws)
  assert [axes.get_ylabel() for axes in figure.axes] == [
    "Share of the players",
    *("", "", ""),
    "Share of the players",
  ]
