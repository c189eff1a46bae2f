"""Figures of the study in which cases MF-TRPO ends below FP and OMD."""

from matplotlib import figure as figure_lib
from matplotlib import lines as lines_lib
import numpy as np

from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import claim_verdicts
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.plots import figures

# Values below this are drawn at it: they are rounding errors.
VALUE_FLOOR = 1e-12
_LABELS = {"phi_eta": r"$\phi_\eta$", "phi_0": r"$\phi_0$"}
_PANEL_WIDTH, _PANEL_ASPECT = 2.5, 0.7
# Of the lines of FP, by its response.
_FP_STYLES = {
  claim_grid.FP: (0, (1, 1.5)),
  claim_grid.FP_SOFTMAX: "--",
  claim_grid.FP_REGULARIZED: "-.",
}
_OMD_MARKERS = {claim_grid.OMD: "o", claim_grid.OMD_REGULARIZED: "s"}


def learning_rate_figure(
  results: claim_verdicts.Results, grid: claim_grid.Grid
) -> figure_lib.Figure:
  """Returns final exploitabilities against the learning rate of OMD.

  There is a panel per game, eta and exploitability. FP with averaging weights
  1/(k+1) and MF-TRPO do not depend on the learning rate and are horizontal
  lines.
  """
  cases = claim_verdicts.cases(results)
  settings = list(dict.fromkeys(setting for setting, _ in cases))
  etas = list(dict.fromkeys(eta for _, eta in cases))
  places = [
    (setting, eta, metric)
    for eta in etas
    for metric in claim_verdicts.METRICS
    for setting in settings
  ]
  figure, all_axes = figures.panels(
    [
      f"{experiments.PANELS.get(setting, setting).split(') ')[-1]}"
      f"\n{_LABELS[metric]}, eta = {eta:g}"
      for setting, eta, metric in places
    ],
    _PANEL_WIDTH,
    _PANEL_ASPECT,
    f"Final exploitability ({VALUE_FLOOR:g}: this value or less)",
    columns=len(settings),
  )
  entries: dict[str, lines_lib.Line2D] = {}
  for axes, (setting, eta, metric) in zip(all_axes, places):
    lines = [
      *_omd_lines(results, setting, eta, metric),
      *_horizontal_lines(results, grid, setting, eta, metric),
    ]
    for line in lines:
      axes.add_line(line)
      entries.setdefault(str(line.get_label()), line)
    rates = [
      name.learning_rate
      for name in results
      if name.method == claim_grid.OMD and name.learning_rate
    ]
    axes.set_xlim(min(rates) / 2, max(rates) * 2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.autoscale(axis="y")
    axes.grid(alpha=0.3)
  for axes in all_axes[-len(settings) :]:
    axes.set_xlabel("Learning rate of OMD")
  figures.add_legend(figure, entries, 4)
  return figure


def _omd_lines(
  results: claim_verdicts.Results, setting: str, eta: float, metric: str
) -> list[lines_lib.Line2D]:
  """Returns a line for OMD and one for regularized OMD."""
  lines = []
  for (method, marker), color in zip(
    _OMD_MARKERS.items(), (figures.PALETTE[1], figures.PALETTE[3])
  ):
    points = sorted(
      (
        name.learning_rate,
        _shown(claim_verdicts.value(records[-1], metric)),
      )
      for name, records in results.items()
      if name[:3] == (setting, eta, method) and name.learning_rate
    )
    if points:
      lines.append(
        lines_lib.Line2D(
          *zip(*points), label=method, color=color, marker=marker, zorder=3
        )
      )
  return lines


def _horizontal_lines(
  results: claim_verdicts.Results,
  grid: claim_grid.Grid,
  setting: str,
  eta: float,
  metric: str,
) -> list[lines_lib.Line2D]:
  """Returns the lines of FP and of MF-TRPO."""
  lines = []
  for method, style in _FP_STYLES.items():
    name = claim_grid.RunName(setting, eta, method)
    if name in results:
      lines.append(
        _horizontal(
          results[name], metric, method, color=figures.PALETTE[2], ls=style
        )
      )
  runs = grid.main_runs(setting, eta)
  # From light to dark with L.
  shades = np.linspace(0.3, 1.0, len(runs))
  for name, shade in zip(runs, shades):
    is_warm = name.method == claim_grid.MF_TRPO_WARM
    label = claim_verdicts.mf_trpo_label(name)
    text = name.method if is_warm else f"{name.method}, {label}"
    lines.append(
      _horizontal(
        results[name],
        metric,
        text,
        color=figures.PALETTE[6] if is_warm else figures.PALETTE[0],
        alpha=shade,
        ls=":" if is_warm else "-",
      )
    )
  return lines


def _horizontal(
  records: claim_verdicts.Records, metric: str, label: str, **style
) -> lines_lib.Line2D:
  final = _shown(claim_verdicts.value(records[-1], metric))
  # Wider than the panel.
  return lines_lib.Line2D([1e-9, 1e9], [final] * 2, label=label, **style)


def _shown(final: float) -> float:
  return max(final, VALUE_FLOOR)
