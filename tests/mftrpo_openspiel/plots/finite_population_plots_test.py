"""Tests of finite_population_plots."""

import numpy as np
import pytest

from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import finite_population_plots

NUMBERS = [10, 100, 1000]


def gap(number, power, information="own", distance=None):
  return gaps.Gap(
    number, information, 3.0 * number**power, 0.0, 1 - 1 / number, 1.0,
    distance, "exact",
  )  # fmt: skip


def curve(label, power, information="own", phi=0.0):
  found = [gap(n, power, information, 0.5 * n**-0.5) for n in NUMBERS]
  return finite_population_plots.GapCurve(label, found, phi)


def texts(legend):
  return [text.get_text() for text in legend.get_texts()]


def test_panels_show_gain_value_and_distance_with_slopes():
  figure = finite_population_plots.gap_figure(
    [curve("a", -1.0), curve("a", -0.5, "counts")]
  )
  gain, value, distance = figure.axes
  for axes in figure.axes:
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert all(list(line.get_xdata()) == NUMBERS for line in axes.lines)
  np.testing.assert_allclose(gain.lines[0].get_ydata(), [0.3, 0.03, 0.003])
  np.testing.assert_allclose(value.lines[1].get_ydata(), [0.1, 0.01, 0.001])
  assert texts(gain.get_legend()) == [
    r"slope -1.00 $\pm$ 0.00",
    r"slope -0.50 $\pm$ 0.00",
  ]
  assert texts(distance.get_legend()) == [r"slope -0.50 $\pm$ 0.00"] * 2
  (legend,) = figure.legends
  assert texts(legend) == ["a (own state observed)", "a (counts observed)"]


def test_a_dotted_line_is_the_gain_of_the_mean_field_game():
  figure = finite_population_plots.gap_figure([curve("a", -1.0, phi=0.02)])
  line = figure.axes[0].lines[-1]
  assert line.get_linestyle() == ":"
  assert set(line.get_ydata()) == {0.02}
  assert "phi of the mean-field game" in texts(figure.legends[0])


def test_gains_of_zero_up_to_rounding_are_not_drawn():
  found = [
    gaps.Gap(n, "own", gain, 0.0, 1.0, 1.0, None, "")
    for n, gain in [(10, 0.3), (20, 0.0), (30, 1e-14)]
  ]
  figure = finite_population_plots.gap_figure(
    [finite_population_plots.GapCurve("a", found, 1e-14)]
  )
  (line,) = figure.axes[0].lines
  np.testing.assert_allclose(line.get_ydata(), [0.3, np.nan, np.nan])
  # The distances are not known.
  assert "unknown" in figure.axes[2].texts[0].get_text()


def test_a_policy_without_gains_can_be_drawn(tmp_path):
  found = [gaps.Gap(n, "own", 0.0, 0.0, 2.0, 1.0, 0.1, "") for n in NUMBERS]
  figure = finite_population_plots.gap_figure(
    [finite_population_plots.GapCurve("a", found, 0.0)]
  )
  figures.save(figure, tmp_path / "figure.png")
  assert "0 up to rounding" in figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize("best", [[], [(10, 0.1), (100, 0.01), (1000, 0.001)]])
def test_one_curve_per_number_of_players_and_one_for_the_mean_field(best):
  etas = [0.0, 0.01, 0.1]
  results = {eta: [gap(n, -1.0) for n in NUMBERS] for eta in etas}
  figure = finite_population_plots.regularization_figure(
    results,
    dict(zip(etas, [0.0, 0.2, 0.4])),
    {"best eta": best, "tolerable eta": []},
  )
  (legend,) = figure.legends
  assert texts(legend) == ["N = 10", "N = 100", "N = 1,000", "mean-field game"]
  assert legend.get_title().get_text() == "dotted: without regularization"
  solid = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
  by_x = [line for line in solid if list(line.get_xdata()) == [0.01, 0.1]]
  assert len(by_x) == 4
  np.testing.assert_allclose(by_x[-1].get_ydata(), [0.2, 0.4])
  assert len(figure.axes) == 1 + bool(best)
  if best:
    assert texts(figure.axes[1].get_legend()) == [
      r"best eta, slope -1.00 $\pm$ 0.00",
      "1 / sqrt(N)",
      "1 / N",
    ]
