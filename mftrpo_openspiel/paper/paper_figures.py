"""Figures 2 to 5 of the paper."""

from collections.abc import Callable
import functools

from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import mean_field_plots


def exploitability_figure(
  quantity: str, results: claims.Results
) -> figure_lib.Figure:
  """Returns figure 2: one panel a game, solid and dashed for the two eta.

  Drawn is `quantity`, a field of the records.
  """
  panels = []
  for setting, title in experiments.PANELS.items():
    curves = [
      curve_plots.Curve(
        label=f"{name.method}, "
        + ("plain" if name.eta is None else f"eta = {name.eta:g}"),
        x=np.array([record.iteration for record in result.records]),
        values=np.array([getattr(r, quantity) for r in result.records]),
        group=name.method + (" plain" if name.eta is None else ""),
        dashed=name.eta == experiments.HIGH_ETA,
      )
      for name, result in results.items()
      if name.setting == setting and name.method != "FP regularized"
    ]
    panels.append(curve_plots.Panel(curves, title))
  label = quantity.replace("_", " ").capitalize()
  return curve_plots.exploitability_figure(panels, ylabel=label)


def mean_field_figure(
  number: int, results: claims.Results
) -> figure_lib.Figure:
  """Returns figure 3, 4 or 5: MF-TRPO's mean field at some iterations."""
  setting, iterations = experiments.MEAN_FIELD_FIGURES[number]
  result = results[
    experiments.RunName(setting, claims.MF_TRPO, experiments.LOW_ETA)
  ]
  drawing = game_factory.create_game(setting=setting).mean_field_mdp().drawing
  return mean_field_plots.mean_field_figure(
    drawing,
    {
      "Start" if k == 0 else f"{k:,} iterations": result.mean_fields[k]
      for k in iterations
      if k in result.mean_fields
    },
  )


# What draws each figure of the paper, by the name of its file.
FIGURES: dict[str, Callable[[claims.Results], figure_lib.Figure]] = {
  "figure_2": functools.partial(
    exploitability_figure, "regularized_exploitability"
  ),
  "figure_2_unregularized": functools.partial(
    exploitability_figure, "exploitability"
  ),
  **{
    f"figure_{number}": functools.partial(mean_field_figure, number)
    for number in experiments.MEAN_FIELD_FIGURES
  },
}
