"""Tests of mean_field_plots."""

from matplotlib import colors
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures
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


def rgb(color):
  return tuple(colors.to_rgba_array(color)[0, :3] * 255)


class TestOnGrid:
  def test_mass_lies_in_its_cell_and_walls_are_masked(self):
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
    start, end, _ = figure.axes
    cmap = start.images[0].cmap
    nothing = rgb("white") if scale == "log" else cmap(0.0, bytes=True)[:3]
    for axes in (start, end):
      assert color_at(picture, axes, 1, 0) == rgb(figures.DARK)
    assert color_at(picture, start, 0, 0) == cmap(1.0, bytes=True)[:3]
    # Empty cells do not look like walls.
    for x, y in ((2, 0), (0, 1), (1, 1), (2, 1)):
      assert color_at(picture, start, x, y) == nothing
    # Uniform law / 10 = 0.02, and the largest mass is 1.
    share = np.log(0.3 / 0.02) / np.log(1 / 0.02) if scale == "log" else 0.3
    assert color_at(picture, end, 2, 0) == cmap(share, bytes=True)[:3]

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = mean_field_plots.mean_field_figure(
      grid(), dict(reversed(ON_GRID.items()))
    )
    end, start, bar = figure.axes
    norm = end.images[0].norm
    assert start.images[0].norm is norm
    assert isinstance(norm, colors.LogNorm)
    assert (norm.vmin, norm.vmax) == (pytest.approx(0.02), 1.0)
    assert "log scale" in bar.get_ylabel()
    assert bar.get_ylim() == (pytest.approx(0.02), 1.0)

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
  def test_refuses_grid(self, cells, match):
    bad = drawing.Grid(grid().walls, np.array(cells))
    with pytest.raises(ValueError, match=match):
      mean_field_plots.mean_field_figure(bad, ON_GRID)


class TestOnGraph:
  def test_areas_are_proportional_to_mass_in_all_panels(self, disc_widths):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH)
    masses, areas = [], []
    for axes, mean_field in zip(figure.axes, ON_GRAPH.values()):
      (discs,) = axes.collections
      np.testing.assert_array_equal(discs.get_offsets(), graph().positions)
      masses.extend(mean_field)
      areas.extend(np.pi / 4 * disc_widths(discs) ** 2)
    np.testing.assert_allclose(
      areas, np.array(masses) * areas[0] / 0.8, rtol=1e-12, atol=1e-15
    )
    assert areas[0] > 0

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = mean_field_plots.mean_field_figure(graph(), ON_GRAPH)
    start, end, bar = figure.axes
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


class TestDifferences:
  def test_signs_have_opposite_colors_around_white(self, pixels):
    difference = np.array([0.2, -0.2, 0.1, -0.1, 0.0])
    figure = mean_field_plots.difference_figure(grid(), {"b - a": difference})
    axes, bar = figure.axes
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
    # Red against blue, which no kind of colour blindness confuses.
    assert more[0] - more[2] > 100
    assert less[2] - less[0] > 20
    for color in (more, less):
      assert np.abs(color - rgb(figures.DARK)).max() > 60

  def test_scale_is_that_of_all_panels(self, disc_widths):
    figure = mean_field_plots.difference_figure(
      graph(),
      {"a": np.array([0.1, -0.1, 0.0]), "b": np.array([0.0, 0.4, -0.4])},
    )
    small, large, _ = (axes.collections for axes in figure.axes)
    assert small[0].norm is large[0].norm
    assert small[0].norm.vmax == 0.4
    # Areas are as the sizes.
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
  def test_refuses(self, difference, match):
    with pytest.raises(ValueError, match=match):
      mean_field_plots.difference_figure(grid(), {"p": difference})


class TestAnyDrawing:
  @pytest.mark.parametrize(
    "name, num_images, num_collections",
    [
      ("python_mfg_four_rooms", 1, 0),
      ("python_mfg_four_rooms_poi", 1, 0),
      ("python_mfg_two_islands", 0, 1),
    ],
  )
  def test_draws_the_games(self, name, num_images, num_collections, is_cut_off):
    mdp = pyspiel.load_game(name).mean_field_mdp()
    figure = mean_field_plots.mean_field_figure(
      mdp.drawing, {"Start": mdp.initial_distribution}
    )
    axes, _ = figure.axes
    assert axes.get_title() == "Start"
    assert len(axes.images) == num_images
    assert len(axes.collections) == num_collections
    assert not is_cut_off(figure)

  def test_linear_scale(self):
    for any_drawing, size in ((grid(), 5), (graph(), 3)):
      laws = {"": np.full(size, 1 / size)}
      figure = mean_field_plots.mean_field_figure(any_drawing, laws, "linear")
      assert "log" not in figure.axes[1].get_ylabel()

  def test_refuses_no_drawing(self):
    for draw in (
      mean_field_plots.mean_field_figure,
      mean_field_plots.difference_figure,
    ):
      with pytest.raises(ValueError, match="Grid or a Graph, got None"):
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
  def test_refuses(self, any_drawing, mean_fields, scale, match):
    with pytest.raises(ValueError, match=match):
      mean_field_plots.mean_field_figure(any_drawing, mean_fields, scale)

  def test_refuses_scale(self):
    with pytest.raises(
      ValueError, match="scale must be one of clipped, linear, log"
    ):
      mean_field_plots.mean_field_figure(graph(), {"": np.ones(3) / 3}, "cubic")
