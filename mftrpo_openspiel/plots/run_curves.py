"""Exploitability curves of runs on disk."""

from collections.abc import Sequence

from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import run_labels

# What x may be -> how it is called under the axis; in small letters, the field
# of a record.
XLABELS = {"iterations": "Iteration", "seconds": "Seconds"}


def figure(
  runs: Sequence[run_labels.Run],
  xs: Sequence[str] = ("iterations",),
  regularized: bool = False,
  spread: str = "range",
  log_x: bool = False,
) -> figure_lib.Figure:
  """Returns the curves of all runs, with one panel for each of `xs`.

  Args:
    runs: At least one; those of one label become their median and a band.
    xs: Each "iterations" or "seconds".
    regularized: Which exploitability is drawn.
    spread: Of the bands, see `curve_plots.median_curve`.
    log_x: Whether x is on a log axis.

  Raises:
    ValueError: If a run has no records, or see `curve_plots`.
  """
  by_label: dict[str, list[run_labels.Run]] = {}
  for run in runs:
    if not run.result.records:
      raise ValueError(f"{run.path} must have records to draw, it has none.")
    by_label.setdefault(run.label, []).append(run)
  quantity = "regularized_exploitability" if regularized else "exploitability"
  panels = [
    curve_plots.Panel(
      [
        _curve(label, alike, XLABELS[x].lower(), quantity, spread)
        for label, alike in by_label.items()
      ],
      xlabel=XLABELS[x],
    )
    for x in dict.fromkeys(xs)
  ]
  ylabel = quantity.replace("_", " ").capitalize()
  etas = {run.result.config["experiment"]["regularization"] for run in runs}
  if regularized and len(etas) == 1:
    ylabel += f" (eta = {etas.pop():g})"
  return curve_plots.exploitability_figure(panels, ylabel, log_x)


def _curve(
  label: str,
  runs: Sequence[run_labels.Run],
  column: str,
  quantity: str,
  spread: str,
) -> curve_plots.Curve:
  curves = [
    curve_plots.Curve(
      label,
      np.array([getattr(record, column) for record in run.result.records]),
      np.array([getattr(record, quantity) for record in run.result.records]),
    )
    for run in runs
  ]
  if len(curves) == 1:
    return curves[0]
  return curve_plots.median_curve(curves, spread)
