"""Tests of curve_plots."""

import itertools

import numpy as np
import pytest

from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures

CURVE = {"label": "a", "x": [0, 1], "values": [1, 2]}


def curve(label, values, group="", style=""):
  x = np.arange(len(values))
  return curve_plots.Curve(label, x, values, group, style)


def figure_of(*curves, **options):
  return curve_plots.exploitability_figure(
    [curve_plots.Panel(curves)], **options
  )


@pytest.fixture(scope="module")
def figure_2():
  def panel(title, factor):
    curves = [
      curve(f"{algorithm} {eta}", [factor, eta], algorithm, f"{eta}")
      for algorithm in ("MF-TRPO", "FP", "OMD")
      for eta in (0.05, 0.3)
    ]
    return curve_plots.Panel(curves, title)

  return curve_plots.exploitability_figure(
    [panel("(a)", 1.0), panel("(b)", 2.0), panel("(c)", 3.0)], "phi"
  )


def legend_of(figure):
  (legend,) = figure.legends
  return legend.get_title().get_text(), [t.get_text() for t in legend.texts]


class TestExploitabilityFigure:
  def test_one_axes_per_panel(self, figure_2):
    all_axes = figure_2.axes
    assert [axes.get_title() for axes in all_axes] == ["(a)", "(b)", "(c)"]
    assert all_axes[0].get_ylabel() == "phi"
    assert all(axes.get_yscale() == "log" for axes in all_axes)
    assert all(axes.get_xscale() == "linear" for axes in all_axes)

  def test_lines_show_their_values(self, figure_2):
    for factor, axes in enumerate(figure_2.axes, start=1):
      np.testing.assert_array_equal(
        [line.get_ydata() for line in axes.lines],
        [[factor, eta] for _ in range(3) for eta in (0.05, 0.3)],
      )

  def test_style_is_eta_and_color_and_marker_are_the_group(self, figure_2):
    for axes in figure_2.axes:
      styles = [line.get_linestyle() for line in axes.lines]
      assert styles == ["-", "--"] * 3
      looks = [(line.get_color(), line.get_marker()) for line in axes.lines]
      assert looks == [
        look
        for look in zip(figures.PALETTE[:3], curve_plots.MARKERS[:3])
        for _ in range(2)
      ]

  def test_a_group_keeps_its_color_in_every_panel(self):
    figure = curve_plots.exploitability_figure(
      [
        curve_plots.Panel([curve("x", [1.0]), curve("y", [1.0])], "a"),
        curve_plots.Panel([curve("y", [1.0])], "b"),
      ]
    )
    lines = [axes.lines for axes in figure.axes]
    assert lines[0][1].get_color() == lines[1][0].get_color()
    assert lines[0][0].get_color() != lines[1][0].get_color()

  def test_many_groups_all_look_different(self):
    curves = [curve(f"{k}", [1.0, 2.0]) for k in range(curve_plots.MAX_GROUPS)]
    (axes,) = figure_of(*curves).axes
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines}
    assert len(looks) == curve_plots.MAX_GROUPS

  def test_groups_of_the_same_colour_have_different_line_styles(self):
    num_colors = len(figures.PALETTE)
    curves = [curve(f"{k}", [1.0, 2.0]) for k in range(num_colors + 3)]
    (axes,) = figure_of(*curves).axes
    styles = [line.get_linestyle() for line in axes.lines]
    assert styles == ["-"] * num_colors + ["--"] * 3
    colors = [line.get_color() for line in axes.lines]
    assert colors[num_colors:] == colors[:3]

  def test_one_legend_with_every_label_once(self, figure_2):
    title, labels = legend_of(figure_2)
    assert not title
    assert labels == [
      f"{algorithm} {eta}"
      for algorithm in ("MF-TRPO", "FP", "OMD")
      for eta in (0.05, 0.3)
    ]

  def test_one_legend_column_per_color_if_there_is_enough_space(self):
    curves = [
      curve(f"{group}{k}", [1.0], group, str(k))
      for group, count in (("a", 2), ("b", 1), ("c", 3))
      for k in range(count)
    ]
    figure = curve_plots.exploitability_figure([curve_plots.Panel(curves)] * 3)
    figure.draw_without_rendering()
    places: dict[str, set[int]] = {}
    for text in figure.legends[0].texts:
      if text.get_text():
        x = round(text.get_window_extent().x0)
        places.setdefault(text.get_text()[0], set()).add(x)
    assert list(places) == ["a", "b", "c"]
    assert all(len(column) == 1 for column in places.values())
    assert len(set.union(*places.values())) == 3

  def test_four_styles_look_different(self):
    curves = [curve(f"{k}", [1.0, 2.0], "a", f"{k}") for k in range(4)]
    (axes,) = figure_of(*curves).axes
    looks = {
      (line.get_linestyle(), line._unscaled_dash_pattern[1])
      for line in axes.lines
    }
    assert len(looks) == 4
    assert len({line.get_color() for line in axes.lines}) == 1

  @pytest.mark.parametrize("num_panels", [1, 2, 5])
  @pytest.mark.parametrize("num_curves, words", [(4, 8), (12, 8), (12, 40)])
  def test_nothing_is_cut_off(self, num_panels, num_curves, words, is_cut_off):
    curves = [
      curve(f"{'regularization = 0.05, ' * (words // 2)}{k}", [1.0, 2.0])
      for k in range(num_curves)
    ]
    panel = curve_plots.Panel(curves, "Panel", "Seconds")
    figure = curve_plots.exploitability_figure(
      [panel] * num_panels,
      curve_plots.exploitability_label("Discounted exploitability", [0.05]),
      title="two_islands, MF-TRPO, warm_start = True, " * 3,
      note="plain: without regularization, measured with eta = 0.05",
    )
    assert not is_cut_off(figure)
    # The whole legend is inside the figure.
    (legend,) = figure.legends
    box, edge = legend.get_window_extent(), figure.bbox
    assert edge.x0 <= box.x0 and box.x1 <= edge.x1
    assert edge.y0 <= box.y0 and box.y1 <= edge.y1
    labels = [text.get_text().replace("\n", " ") for text in legend.texts]
    assert labels == [curve.label for curve in curves]
    # The axes are at least as large as without a legend.
    lone = num_panels == 1
    assert figure.axes[0].get_window_extent().height > (150 if lone else 120)

  def test_title_note_and_the_first_panel_of_each_row(self):
    panel = curve_plots.Panel([curve("a", [1.0])])
    figure = curve_plots.exploitability_figure(
      [panel] * 5, "phi", title="A game", note="A note."
    )
    assert figure.get_suptitle() == "A game"
    assert legend_of(figure)[0] == "A note."
    named = [axes.get_ylabel() for axes in figure.axes]
    assert named == ["phi", "", "", "", "phi"]

  def test_label_names_the_exploitability(self):
    label = curve_plots.exploitability_label
    assert label("NashConv") == r"NashConv ($\phi_0$)"
    assert label("NashConv", [0.3, 0.3]).endswith(
      r"($\phi_\eta$, $\eta$ = 0.3)"
    )
    assert label("NashConv", {0.3, 0.05}).endswith(r"$\eta$ of each curve)")

  def test_rounding_errors_are_on_a_labelled_line(self, pixels):
    values = [1.0, 1e-9, 1e-17, 0.0, -1e-15]
    figure = curve_plots.exploitability_figure(
      [
        curve_plots.Panel([curve("a", values)]),
        curve_plots.Panel([curve("b", [1.0, 0.1])]),
      ],
      log_x=True,
    )
    pixels(figure)
    low, high = figure.axes
    floor = curve_plots.VALUE_FLOOR
    np.testing.assert_array_equal(
      low.lines[0].get_ydata(), [1.0, 1e-9, floor, floor, floor]
    )
    assert low.get_ylim()[0] > 0
    assert [text.get_text() for text in low.texts] == ["1e-16 or less"]
    assert not high.texts
    assert high.get_ylim()[0] > 0.01

  def test_log_x_shows_zero_and_all_positive_values(self):
    curves = [curve_plots.Curve("a", [0, 0.01, 0.1, 1], np.ones(4))]
    (axes,) = figure_of(*curves, log_x=True).axes
    x = axes.transData.transform(
      np.stack([[0, 0.01, 0.1, 1], np.ones(4)], axis=1)
    )[:, 0]
    assert np.isfinite(x).all() and (np.diff(x) > 0).all()
    # Above the smallest positive x, factors of ten have equal lengths.
    assert x[2] - x[1] == pytest.approx(x[3] - x[2])
    assert axes.get_xlim()[0] == 0

  def test_invalid_arguments(self):
    with pytest.raises(ValueError, match="at least one panel"):
      curve_plots.exploitability_figure([])
    with pytest.raises(ValueError, match="panel 'p' must have a curve"):
      curve_plots.Panel([], "p")
    with pytest.raises(ValueError, match="at most 90 groups, got 91"):
      figure_of(*[curve(str(k), [1.0]) for k in range(91)])
    with pytest.raises(ValueError, match="at most 4 styles, got 5"):
      figure_of(*[curve(str(k), [1.0], style=str(k)) for k in range(5)])
    with pytest.raises(ValueError, match="label 'a' must stand for one group"):
      figure_of(curve("a", [1.0]), curve("a", [1.0], style="other"))

  @pytest.mark.parametrize(
    "change, match",
    [
      ({"values": [1.0]}, r"shapes \(2,\) and \(1,\)"),
      ({"x": [], "values": []}, "at least one"),
      ({"x": [[0, 1]], "values": [[1, 2]]}, "shapes"),
      ({"x": [-1, 0]}, "x of curve 'a' must be non-neg"),
      ({"x": [1, 0]}, "x of curve 'a' must be .* nondecreasing"),
      ({"x": ["one", 0]}, "x of curve 'a' must be an array of numbers"),
      ({"values": [1, np.nan]}, "values of curve 'a' .* nan at position 1"),
      ({"values": [np.inf, 1]}, "values of curve 'a' .* inf at position 0"),
    ],
  )
  def test_invalid_curves(self, change, match):
    with pytest.raises(ValueError, match=match):
      curve_plots.Curve(**{**CURVE, **change})


class TestMedianCurve:
  def test_quantiles_at_common_x(self):
    curves = [curve("a", [k, 10.0 * k]) for k in (5, 1, 4, 2, 3)]
    whole = curve_plots.median_curve(curves)
    np.testing.assert_array_equal(whole.values, [3, 30])
    np.testing.assert_array_equal(whole.band.low, [1, 10])
    np.testing.assert_array_equal(whole.band.high, [5, 50])
    middle = curve_plots.median_curve(curves, "quartiles")
    np.testing.assert_array_equal(middle.values, [3, 30])
    np.testing.assert_array_equal(middle.band.low, [2, 20])
    np.testing.assert_array_equal(middle.band.high, [4, 40])

  def test_other_x_are_interpolated_in_logarithms(self):
    def falling(factor, x):
      x = np.array(x, dtype=float)
      return curve_plots.Curve("a", x, factor * np.exp(-x))

    median = curve_plots.median_curve(
      [falling(1, [0, 2, 5]), falling(3, [0, 1, 4, 9]), falling(2, [0, 3, 6])]
    )
    # Up to the end of the shortest run.
    np.testing.assert_array_equal(median.x, [0, 1, 2, 3, 4, 5])
    fall = np.exp(-median.x)
    np.testing.assert_allclose(median.values, 2 * fall, rtol=1e-14)
    np.testing.assert_allclose(median.band.low, fall, rtol=1e-14)
    np.testing.assert_allclose(median.band.high, 3 * fall, rtol=1e-14)

  def test_band_and_legend(self):
    runs = [curve("a", [1.0, 0.5]), curve("a", [2.0, 0.0])]
    figure = figure_of(
      curve_plots.median_curve(runs, "quartiles"), curve("b", [1.0, 1.0])
    )
    title, labels = legend_of(figure)
    assert "median" in title and "quartiles" in title
    assert labels == ["a (2 runs)", "b"]
    (axes,) = figure.axes
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    # Quartiles of 1 and 2, and of 0 and 0.5.
    for point in ((0, 1.25), (0, 1.75), (1, 0.125), (1, 0.375)):
      assert np.isclose(corners, point).all(axis=1).any()
    assert band.get_facecolor()[0, 3] < 1

  def test_invalid_arguments(self):
    with pytest.raises(ValueError, match="spread must be one of quartiles, ra"):
      curve_plots.median_curve([curve("a", [1.0])], "deviation")
    with pytest.raises(ValueError, match="at least one run"):
      curve_plots.median_curve([])
    apart = [
      curve_plots.Curve("a", [0, 1], [1, 1]),
      curve_plots.Curve("a", [2, 3], [1, 1]),
    ]
    with pytest.raises(ValueError, match=r"'a' must have x in common, .* at 2"):
      curve_plots.median_curve(apart)
    bands = [
      curve_plots.median_curve([curve(spread, [1.0])], spread)
      for spread in curve_plots.SPREADS
    ]
    with pytest.raises(ValueError, match="bands must all have the same spread"):
      figure_of(*bands)


@pytest.mark.parametrize("first", (1.0e-4, 1.1e-4, 4.3e-4, 9.9e-4))
def test_labels_of_a_log_axis_do_not_overlap(first):
  x = np.append(0.0, np.geomspace(first, 10.0))
  panel = curve_plots.Panel([curve_plots.Curve("a", x, np.exp(-x))])
  figure = curve_plots.exploitability_figure([panel] * 4, log_x=True)
  figure.draw_without_rendering()
  for axes in figure.axes:
    low, high = axes.get_xlim()
    boxes = [
      label.get_window_extent()
      for place, label in zip(axes.get_xticks(), axes.get_xticklabels())
      if low <= place <= high and label.get_text()
    ]
    assert len(boxes) >= 6
    for left, right in itertools.pairwise(boxes):
      assert left.x1 < right.x0
