"""Tests of plots."""

from matplotlib import colors
from matplotlib import pyplot
from matplotlib.backends import backend_agg
import numpy as np
from PIL import Image
import pyspiel
import pytest

from mftrpo_openspiel import drawing
from mftrpo_openspiel import plots

CURVE = {"label": "a", "iterations": [0, 1], "values": [1, 2], "algorithm": "x"}
ON_GRID = {
  "start": np.array([0.0, 1.0, 0.0, 0.0, 0.0]),
  "end": np.array([0.1, 0.2, 0.3, 0.15, 0.25]),
}
ON_GRAPH = {
  "start": np.array([0.8, 0.2, 0.0]),
  "end": np.array([0.2, 0.3, 0.5]),
}
# How the files of each format begin.
MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


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


def curve(label, values, algorithm, dashed=False):
  return plots.Curve(label, np.arange(len(values)), values, algorithm, dashed)


def figure_2():
  def curves(factor):
    return [
      curve(f"{algorithm} {eta}", [factor, eta], algorithm, eta == 0.3)
      for algorithm in ("MF-TRPO", "FP", "OMD")
      for eta in (0.05, 0.3)
    ]

  return plots.exploitability_panels(
    {"(a)": curves(1.0), "(b)": curves(2.0), "(c)": curves(3.0)}, "phi"
  )


def small_figure():
  return plots.exploitability_panels({"": [curve("a", [1.0, 0.1], "x")]})


def pixels(figure):
  """Returns the (height, width, 3) picture, its first row at the bottom."""
  canvas = backend_agg.FigureCanvasAgg(figure)
  canvas.draw()
  return np.asarray(canvas.buffer_rgba())[::-1, :, :3]


def color_at(picture, axes, x, y):
  column, row = axes.transData.transform((x, y)).astype(int)
  return tuple(picture[row, column])


def rgb(color):
  return tuple(colors.to_rgba_array(color)[0, :3] * 255)


def is_cut_off(figure):
  """Returns whether anything is cut off at the edge of the figure."""
  canvas = backend_agg.FigureCanvasAgg(figure)
  canvas.draw()
  box = figure.get_tightbbox(canvas.get_renderer())
  width, height = figure.get_size_inches()
  return box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height


class TestExploitabilityPanels:
  def test_one_panel_a_title(self):
    figure = figure_2()
    assert [axes.get_title() for axes in figure.axes] == ["(a)", "(b)", "(c)"]
    assert figure.axes[0].get_ylabel() == "phi"
    assert all(axes.get_yscale() == "log" for axes in figure.axes)

  def test_lines_carry_their_values(self):
    for factor, axes in enumerate(figure_2().axes, start=1):
      np.testing.assert_array_equal(
        [line.get_ydata() for line in axes.lines],
        [[factor, eta] for _ in range(3) for eta in (0.05, 0.3)],
      )

  def test_style_is_eta_and_color_is_algorithm(self):
    for axes in figure_2().axes:
      styles = [line.get_linestyle() for line in axes.lines]
      assert styles == ["-", "--"] * 3
      line_colors = [line.get_color() for line in axes.lines]
      assert line_colors == [c for c in plots.PALETTE[:3] for _ in range(2)]

  def test_an_algorithm_keeps_its_color_in_every_panel(self):
    figure = plots.exploitability_panels(
      {
        "a": [curve("x", [1.0], "x"), curve("y", [1.0], "y")],
        "b": [curve("y", [1.0], "y")],
      }
    )
    lines = [axes.lines for axes in figure.axes]
    assert lines[0][1].get_color() == lines[1][0].get_color()
    assert lines[0][0].get_color() != lines[1][0].get_color()

  def test_one_legend_with_every_label_once(self):
    figure = figure_2()
    assert len(figure.legends) == 1
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
      f"{algorithm} {eta}"
      for algorithm in ("MF-TRPO", "FP", "OMD")
      for eta in (0.05, 0.3)
    ]

  @pytest.mark.parametrize("num_panels", [1, 2, 3])
  def test_nothing_is_cut_off(self, num_panels):
    curves = [
      curve(f"Online Mirror Descent with a long name {k}", [1.0, 2.0], str(k))
      for k in range(4)
    ]
    figure = plots.exploitability_panels(
      {f"Panel {k}": curves for k in range(num_panels)}
    )
    assert not is_cut_off(figure)

  @pytest.mark.parametrize("log_iterations", [False, True])
  def test_rounding_errors_lie_on_a_marked_floor(self, log_iterations):
    values = [1.0, 1e-9, 1e-17, 0.0, -1e-15]
    figure = plots.exploitability_panels(
      {"low": [curve("a", values, "x")], "high": [curve("b", [1.0, 0.1], "x")]},
      log_iterations=log_iterations,
    )
    pixels(figure)
    low, high = figure.axes
    floor = plots.VALUE_FLOOR
    np.testing.assert_array_equal(
      low.lines[0].get_ydata(), [1.0, 1e-9, floor, floor, floor]
    )
    assert low.get_ylim()[0] > 0
    assert [text.get_text() for text in low.texts] == ["1e-16 or less"]
    assert not high.texts
    assert high.get_ylim()[0] > 0.01

  def test_log_iterations_show_iteration_zero(self):
    curves = [plots.Curve("a", [0, 1, 10, 100], np.ones(4), "x")]
    figure = plots.exploitability_panels({"": curves}, log_iterations=True)
    (axes,) = figure.axes
    shown = axes.transData.transform(np.stack([[0, 1, 10, 100], np.ones(4)], 1))
    steps = np.diff(shown[:, 0])
    assert np.isfinite(shown).all() and (steps > 0).all()
    # From 1 on, every factor of ten is as long as the other.
    assert steps[1] == pytest.approx(steps[2])
    assert axes.get_xlim()[0] == 0

  def test_linear_iterations_by_default(self):
    assert figure_2().axes[0].get_xscale() == "linear"

  @pytest.mark.parametrize(
    "panels, match",
    [
      ({}, "at least one panel"),
      ({"p": []}, "panel 'p' must have a curve"),
      (
        {"p": [curve(str(k), [1.0], str(k)) for k in range(8)]},
        "at most 7 algorithms, got 8",
      ),
      (
        {
          "p": [curve("a", [1.0], "x")],
          "q": [curve("a", [1.0], "x", dashed=True)],
        },
        "label 'a' must stand for one algorithm",
      ),
    ],
  )
  def test_refuses(self, panels, match):
    with pytest.raises(ValueError, match=match):
      plots.exploitability_panels(panels)

  @pytest.mark.parametrize(
    "change, match",
    [
      ({"values": [1.0]}, r"shapes \(2,\) and \(1,\)"),
      ({"iterations": [], "values": []}, "at least one"),
      ({"iterations": [[0, 1]], "values": [[1, 2]]}, "shapes"),
      ({"iterations": [-1, 0]}, "iterations of curve 'a' must be non-neg"),
      ({"values": [1, np.nan]}, "values of curve 'a' .* nan at position 1"),
      ({"values": [np.inf, 1]}, "values of curve 'a' .* inf at position 0"),
    ],
  )
  def test_refuses_curve(self, change, match):
    with pytest.raises(ValueError, match=match):
      plots.Curve(**{**CURVE, **change})


class TestHeatMaps:
  def test_mass_lies_in_its_cell_and_walls_are_masked(self):
    figure = plots.mean_field_heat_maps(grid(), ON_GRID)
    image = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(image.mask, grid().walls)
    np.testing.assert_array_equal(
      image.filled(-1), [[0.2, -1, 0.3], [0.15, 0.25, 0.1]]
    )

  @pytest.mark.parametrize("scale", plots.SCALES)
  def test_painted_colors(self, scale):
    figure = plots.mean_field_heat_maps(grid(), ON_GRID, scale)
    picture = pixels(figure)
    start, end, _ = figure.axes
    cmap = start.images[0].cmap
    nothing = rgb("white") if scale == "log" else cmap(0.0, bytes=True)[:3]
    for axes in (start, end):
      assert color_at(picture, axes, 1, 0) == rgb(plots.WALL_COLOR)
    assert color_at(picture, start, 0, 0) == cmap(1.0, bytes=True)[:3]
    # Empty cells do not look like walls.
    for x, y in ((2, 0), (0, 1), (1, 1), (2, 1)):
      assert color_at(picture, start, x, y) == nothing
    # Uniform law / 10 = 0.02, and the largest mass is 1.
    share = np.log(0.3 / 0.02) / np.log(1 / 0.02) if scale == "log" else 0.3
    assert color_at(picture, end, 2, 0) == cmap(share, bytes=True)[:3]

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = plots.mean_field_heat_maps(grid(), dict(reversed(ON_GRID.items())))
    end, start, bar = figure.axes
    norm = end.images[0].norm
    assert start.images[0].norm is norm
    assert isinstance(norm, colors.LogNorm)
    assert (norm.vmin, norm.vmax) == (pytest.approx(0.02), 1.0)
    assert "log scale" in bar.get_ylabel()
    assert bar.get_ylim() == (pytest.approx(0.02), 1.0)

  def test_cells_are_square(self):
    figure = plots.mean_field_heat_maps(grid(), ON_GRID)
    pixels(figure)
    for axes in figure.axes[:2]:
      width, height = np.abs(
        axes.transData.transform((1, 1)) - axes.transData.transform((0, 0))
      )
      assert width == pytest.approx(height)

  @pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3)])
  def test_nothing_is_cut_off(self, shape):
    walls = np.zeros(shape, dtype=bool)
    any_grid = drawing.Grid(walls, np.argwhere(~walls))
    law = np.full(walls.size, 1 / walls.size)
    figure = plots.mean_field_heat_maps(any_grid, {"One": law, "Two": law})
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
      plots.mean_field_heat_maps(bad, ON_GRID)


class TestGraphs:
  def test_areas_are_proportional_to_mass_in_all_panels(self):
    figure = plots.mean_field_graphs(graph(), ON_GRAPH)
    masses, areas = [], []
    for axes, mean_field in zip(figure.axes, ON_GRAPH.values()):
      (discs,) = axes.collections
      np.testing.assert_array_equal(discs.get_widths(), discs.get_heights())
      np.testing.assert_array_equal(discs.get_offsets(), graph().positions)
      masses.extend(mean_field)
      areas.extend(np.pi / 4 * discs.get_widths() ** 2)
    np.testing.assert_allclose(
      areas, np.array(masses) * areas[0] / 0.8, rtol=1e-12, atol=1e-15
    )
    assert areas[0] > 0

  def test_common_scale_and_one_labelled_color_bar(self):
    figure = plots.mean_field_graphs(graph(), ON_GRAPH)
    start, end, bar = figure.axes
    discs = [axes.collections[0] for axes in (start, end)]
    assert discs[0].norm is discs[1].norm
    assert (discs[0].norm.vmin, discs[0].norm.vmax) == (
      pytest.approx(0.1 / 3),
      0.8,
    )
    assert "log scale" in bar.get_ylabel()
    for disc, mean_field in zip(discs, ON_GRAPH.values()):
      np.testing.assert_array_equal(disc.get_array(), mean_field)

  def test_nothing_is_cut_off(self):
    figure = plots.mean_field_graphs(graph(), ON_GRAPH)
    assert not is_cut_off(figure)


class TestMeanFieldFigure:
  @pytest.mark.parametrize(
    "name, num_images, num_collections",
    [
      ("python_mfg_four_rooms", 1, 0),
      ("python_mfg_four_rooms_poi", 1, 0),
      ("python_mfg_two_islands", 0, 1),
    ],
  )
  def test_draws_the_games(self, name, num_images, num_collections):
    mdp = pyspiel.load_game(name).mean_field_mdp()
    figure = plots.mean_field_figure(
      mdp.drawing, {"Start": mdp.initial_distribution}
    )
    axes, _ = figure.axes
    assert axes.get_title() == "Start"
    assert len(axes.images) == num_images
    assert len(axes.collections) == num_collections
    assert not is_cut_off(figure)

  def test_passes_the_scale_on(self):
    for any_drawing, size in ((grid(), 5), (graph(), 3)):
      laws = {"": np.full(size, 1 / size)}
      figure = plots.mean_field_figure(any_drawing, laws, "linear")
      assert "log" not in figure.axes[1].get_ylabel()

  def test_refuses_no_drawing(self):
    with pytest.raises(ValueError, match="Grid or a Graph, got None"):
      plots.mean_field_figure(None, {"": np.ones(1)})

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
      plots.mean_field_figure(any_drawing, mean_fields, scale)

  def test_refuses_scale(self):
    with pytest.raises(ValueError, match="scale must be one of linear, log"):
      plots.mean_field_figure(graph(), {"": np.ones(3) / 3}, "cubic")


class TestSave:
  def test_formats_are_tested(self):
    assert set(MAGIC) == set(plots.FORMATS)

  @pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "PNG"])
  def test_writes_one_file_of_the_format(self, tmp_path, suffix):
    path = tmp_path / f"figure.{suffix}"
    plots.save(small_figure(), path)
    assert path.read_bytes().startswith(MAGIC[suffix.lower()])
    assert list(tmp_path.iterdir()) == [path]

  def test_png_has_the_size_of_the_figure(self, tmp_path):
    figure = small_figure()
    plots.save(figure, str(tmp_path / "figure.png"))
    with Image.open(tmp_path / "figure.png") as picture:
      np.testing.assert_allclose(
        picture.size, 150 * figure.get_size_inches(), atol=1
      )

  def test_failure_leaves_the_old_file_alone(self, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_text("old")
    figure = small_figure()

    def fail(target, **_):
      target.write_text("half")
      raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
      plots.save(figure, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

  def test_replaces_an_old_file(self, tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")
    plots.save(small_figure(), path)
    assert path.read_bytes().startswith(b"\x89PNG")

  @pytest.mark.parametrize("name", ["figure.gif", "figure", ".png"])
  def test_refuses_ending(self, tmp_path, name):
    with pytest.raises(ValueError, match="must end in one of pdf, png, svg"):
      plots.save(small_figure(), tmp_path / name)

  def test_refuses_missing_folder(self, tmp_path):
    with pytest.raises(ValueError, match="path must lie in a writable folder"):
      plots.save(small_figure(), tmp_path / "missing" / "figure.png")


def test_no_global_state():
  plots.mean_field_figure(grid(), {"": np.full(5, 0.2)})
  figure_2()
  assert not pyplot.get_fignums()
