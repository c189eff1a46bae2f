"""Figures of the quality of policies among N players."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines as lines_lib
from matplotlib import ticker
import numpy as np

from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.finite_population import rates
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures

# Labels for the information of the deviating player.
_SEES = {"own": "own state observed", "counts": "counts observed"}
# Gains below this fraction of the value are rounding errors.
_ROUNDING = 1e-12
# Largest number of tick labels with numbers of players.
_MAX_LABELS = 8
# The mean-field exploitability is drawn if it is above this fraction of phi_N.
_VISIBLE = 0.03


@dataclasses.dataclass(frozen=True, eq=False)
class GapCurve:
  """The quality of one policy, by the number of players.

  Attributes:
    label: The label of the policy.
    gaps: At least one, all with the same information.
    mean_field_exploitability: phi of the policy in the mean-field game.
  """

  label: str
  gaps: Sequence[gaps.Gap]
  mean_field_exploitability: float

  @property
  def num_players(self) -> list[int]:
    """N of all points."""
    return [gap.num_players for gap in self.gaps]

  @property
  def exploitabilities(self) -> list[float]:
    """phi_N; NaN if it is zero up to rounding."""
    return [_without_rounding(gap) for gap in self.gaps]

  @property
  def value_gaps(self) -> list[float]:
    """|J_N - J|."""
    return [abs(gap.value - gap.mean_field_value) for gap in self.gaps]

  @property
  def distances(self) -> list[float]:
    """Distances of the players to the mean field; NaN if not known."""
    return [
      np.nan if gap.distance is None else gap.distance for gap in self.gaps
    ]


def _without_rounding(gap: gaps.Gap) -> float:
  is_rounding = gap.exploitability <= _ROUNDING * abs(gap.value)
  return np.nan if is_rounding else gap.exploitability


def gap_figure(
  curves: Sequence[GapCurve], title: str = ""
) -> figure_lib.Figure:
  """Returns three panels on log axes against N, with slopes in their legends.

  The panels show the gain of the best deviation, the difference between the
  value and that of the mean-field game, and the distance of the players to the
  mean field. If the policy is not exactly an equilibrium of the mean-field
  game, a dotted line shows its exploitability in the mean-field game.

  Args:
    curves: At least one.
    title: The title of the figure; should name the game.
  """
  titles = [
    "Gain of the best deviation, phi_N",
    "Change of the value, |J_N - J|",
    "Distance to the mean field",
  ]
  figure, all_axes = figures.panels(titles, 3.9, 0.95, title)
  entries = {}
  for row, curve in enumerate(curves):
    style = _style(row)
    sees = _SEES[curve.gaps[0].information]
    entries[f"{curve.label} ({sees})"] = lines_lib.Line2D(
      [], [], linewidth=1.5, markersize=5, **style
    )
    quantities = curve.exploitabilities, curve.value_gaps, curve.distances
    for axes, values in zip(all_axes, quantities):
      _draw(axes, curve.num_players, values, "", style)
    phi = curve.mean_field_exploitability
    gains = np.array(curve.exploitabilities)
    if phi > _VISIBLE * gains.min(initial=np.inf, where=gains > 0):
      all_axes[0].axhline(phi, color=style["color"], linestyle=":", linewidth=1)
      entries["phi of the mean-field game"] = lines_lib.Line2D(
        [], [], color="0.3", linestyle=":", linewidth=1
      )
  for axes in all_axes:
    _finish(axes, "Number of players N")
    _mark_numbers(axes)
  all_axes[2].set_ylabel("Total variation, mean over times")
  figures.add_legend(figure, entries, 3)
  return figure


def regularization_figure(
  results: dict[float, list[gaps.Gap]],
  mean_field: dict[float, float],
  chosen: Mapping[str, Sequence[tuple[int, float]]],
  title: str = "",
) -> figure_lib.Figure:
  """Returns phi_N against eta for each N, and selected eta against N.

  Args:
    results: For each eta, at least one of them positive, one gap per number of
      players.
    mean_field: For each eta the exploitability in the mean-field game.
    chosen: By label, pairs of N and a selected eta; labels without pairs are
      omitted.
    title: The title of the figure; should name the game.
  """
  chosen = {label: pairs for label, pairs in chosen.items() if pairs}
  titles = ["Gain in the regularized equilibrium, phi_N"]
  if chosen:
    titles.append("Choice of eta for N players")
  figure, all_axes = figures.panels(titles, 4.6, 0.85, title)
  etas = sorted(eta for eta in results if eta > 0)
  entries = {}
  for column, gap in enumerate(results[etas[0]]):
    gains = [_without_rounding(results[eta][column]) for eta in etas]
    style = _style(column)
    label = f"N = {gap.num_players:,}"
    entries[label] = _plot(all_axes[0], etas, gains, style)
    if 0.0 in results:
      all_axes[0].axhline(
        _without_rounding(results[0.0][column]),
        color=style["color"],
        linestyle=":",
        linewidth=1,
      )
  entries["mean-field game"] = _plot(
    all_axes[0],
    etas,
    [mean_field[eta] for eta in etas],
    {"color": "0.4", "linestyle": "--"},
  )
  _finish(all_axes[0], "Regularization eta")
  sees = _SEES[results[etas[0]][0].information]
  all_axes[0].set_ylabel(f"phi_N ({sees})")
  for row, (label, pairs) in enumerate(chosen.items()):
    numbers, values = np.transpose(pairs)
    _draw(all_axes[1], numbers, values, label, _style(row))
  for row, pairs in enumerate(chosen.values()):
    numbers, values = np.transpose(pairs)
    for label, power, dashes in (("1 / sqrt(N)", 0.5, "--"), ("1 / N", 1, ":")):
      all_axes[1].plot(
        numbers,
        values[-1] * (numbers[-1] / numbers) ** power,
        color="0.6",
        linestyle=dashes,
        zorder=1,
        label="" if row else label,
      )
  if chosen:
    _finish(all_axes[1], "Number of players N")
    _mark_numbers(all_axes[1])
  note = "dotted: without regularization" if 0.0 in results else ""
  figures.add_legend(figure, entries, 4, note)
  return figure


def _mark_numbers(axes: axes_lib.Axes) -> None:
  """Labels each number of players, if there are at most `_MAX_LABELS`."""
  numbers = np.unique(np.array(axes.get_lines()[0].get_xdata()))
  axes.xaxis.set_minor_formatter(ticker.NullFormatter())
  if len(numbers) <= _MAX_LABELS:
    axes.set_xticks(numbers, [f"{number:,.0f}" for number in numbers])
    axes.xaxis.set_minor_locator(ticker.NullLocator())
  axes.tick_params(axis="x", labelsize="small")


def _style(row: int) -> dict[str, Any]:
  return {
    "color": figures.PALETTE[row % len(figures.PALETTE)],
    "marker": curve_plots.MARKERS[row % len(curve_plots.MARKERS)],
  }


def _plot(axes, x, y, style) -> lines_lib.Line2D:
  """Draws a curve; NaN and 0 are omitted."""
  values = np.array(y, dtype=float)
  values[values <= 0] = np.nan
  (line,) = axes.plot(x, values, linewidth=1.5, markersize=5, **style)
  return line


def _draw(axes, x, y, label: str, style) -> None:
  """Draws a curve, with its slope in the legend of the panel."""
  line = _plot(axes, x, y, style)
  rate = rates.fit(x, y)
  slope = "" if rate is None else f"slope {rate}".replace("+-", "$\\pm$")
  line.set_label(", ".join(part for part in (label, slope) if part))


def _finish(axes: axes_lib.Axes, xlabel: str) -> None:
  axes.set_xscale("log")
  lines = axes.get_lines()
  if any(np.isfinite(np.array(line.get_ydata())).any() for line in lines):
    axes.set_yscale("log")
  else:
    axes.set_yticks([])
    axes.text(
      0.5,
      0.5,
      "0 up to rounding,\nor unknown",
      transform=axes.transAxes,
      horizontalalignment="center",
    )
  axes.set_xlabel(xlabel)
  axes.grid(color="0.9", linewidth=0.6)
  axes.set_axisbelow(True)
  axes.spines[["top", "right"]].set_visible(False)
  labels = [str(line.get_label()) for line in lines]
  if any(label and not label.startswith("_") for label in labels):
    axes.legend(fontsize="small", frameon=False)
