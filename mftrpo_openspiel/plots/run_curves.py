"""Exploitability curves of runs on disk."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from matplotlib import figure as figure_lib

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import run_labels

# Kind of x -> the label of the axis, and the field of a record.
XS = {
  "iterations": ("Iteration", "iteration"),
  "seconds": ("Seconds", "seconds"),
  "environment_steps": ("Environment steps", iteration_loop.STEPS),
}


def figure(
  runs: Sequence[run_labels.Run],
  xs: Sequence[str] = ("iterations",),
  regularized: bool = False,
  spread: str = "range",
  log_x: bool = False,
) -> figure_lib.Figure:
  """Returns the curves of all runs, with one panel for each of `xs`.

  Args:
    runs: At least one; for runs with the same label, their median and a band
      are drawn.
    xs: Keys of `XS`.
    regularized: Whether the regularized exploitability is drawn.
    spread: The kind of bands, see `curve_plots.median_curve`.
    log_x: Whether the x axis is logarithmic.

  Raises:
    ValueError: If a run has no records, or no environment steps; see also
      `curve_plots`.
  """
  for run in runs:
    if not run.result.records:
      raise ValueError(f"{run.path} must have records to draw, it has none.")
  quantity = "regularized_exploitability" if regularized else "exploitability"
  panels = []
  for xlabel, field in dict.fromkeys(XS[x] for x in xs):
    by_label: dict[str, list[curve_plots.Curve]] = {}
    for run in runs:
      columns = run.result.columns
      if field not in columns:
        raise ValueError(
          f"x must be iterations or seconds for {run.path}, whose model,"
          f" {run.result.config['experiment']['model']}, has no environment"
          " steps."
        )
      curve = curve_plots.Curve(
        run.label, columns[field], columns[quantity], run.group, run.style
      )
      by_label.setdefault(run.label, []).append(curve)
    curves = [
      curve_plots.median_curve(alike, spread) if len(alike) > 1 else alike[0]
      for alike in by_label.values()
    ]
    panels.append(curve_plots.Panel(curves, xlabel=xlabel))
  configs = [run.result.config for run in runs]
  etas = {config["experiment"]["regularization"] for config in configs}
  return curve_plots.exploitability_figure(
    panels,
    curve_plots.exploitability_label(
      _measure(configs), etas if regularized else ()
    ),
    log_x,
    run_labels.shared(configs),
  )


def _measure(configs: Sequence[Mapping[str, Any]]) -> str:
  """Returns the name of the exploitability that is measured in all runs."""
  measures = {
    "Discounted exploitability"
    if config["model"] == "stationary"
    else "NashConv"
    for config in configs
  }
  return measures.pop() if len(measures) == 1 else "Exploitability"
