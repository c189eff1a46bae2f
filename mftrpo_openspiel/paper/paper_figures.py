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

# The name of runs without regularization.
_PLAIN = "plain"


def exploitability_figure(
  is_regularized: bool, results: claims.Results
) -> figure_lib.Figure:
  """Returns figure 2: one panel per game, one line style per eta.

  It shows the regularized exploitability with the eta of each run, or the
  exploitability without regularization.
  """
  quantity = (
    "regularized_exploitability" if is_regularized else "exploitability"
  )
  panels = []
  for setting, title in experiments.PANELS.items():
    curves = []
    for name, result in results.items():
      if name.setting == setting and name.method != "FP regularized":
        style = _PLAIN if name.eta is None else f"eta = {name.eta:g}"
        curves.append(
          curve_plots.Curve(
            label=f"{name.method}, {style}",
            x=np.array([record.iteration for record in result.records]),
            values=np.array([getattr(r, quantity) for r in result.records]),
            group=name.method,
            style=style,
          )
        )
    # The first style is drawn solid.
    curves.sort(key=lambda curve: (curve.style == _PLAIN, curve.style))
    panels.append(curve_plots.Panel(curves, title))
  note = f"{_PLAIN}: without regularization"
  if is_regularized:
    note += f", measured with eta = {experiments.LOW_ETA:g}"
  return curve_plots.exploitability_figure(
    panels,
    curve_plots.exploitability_label(
      "Discounted exploitability", experiments.ETAS if is_regularized else ()
    ),
    log_x=True,
    title="Methods of the paper, infinite horizon",
    note=note,
  )


def mean_field_figure(
  number: int, results: claims.Results
) -> figure_lib.Figure:
  """Returns figure 3, 4 or 5: the mean field of MF-TRPO at some iterations.

  The color scale is clipped: the crowd starts in one state, and a scale up to
  its mass would show no difference between the other states.
  """
  setting, iterations = experiments.MEAN_FIELD_FIGURES[number]
  eta = experiments.LOW_ETA
  result = results[experiments.RunName(setting, claims.MF_TRPO, eta)]
  drawing = game_factory.create_game(setting=setting).mean_field_mdp().drawing
  _, name = experiments.PANELS[setting].split(" ", 1)
  return mean_field_plots.mean_field_figure(
    drawing,
    {
      "Start" if k == 0 else f"{k:,} iterations": result.mean_fields[k]
      for k in iterations
      if k in result.mean_fields
    },
    "clipped",
    f"{name}: mean field of {claims.MF_TRPO}, eta = {eta:g}"
    " (the uniform distribution has"
    f" {1 / len(result.mean_fields[0]):.2g} in each state)",
  )


# File name without suffix -> function that draws this figure of the paper.
FIGURES: dict[str, Callable[[claims.Results], figure_lib.Figure]] = {
  "figure_2": functools.partial(exploitability_figure, True),
  "figure_2_unregularized": functools.partial(exploitability_figure, False),
  **{
    f"figure_{number}": functools.partial(mean_field_figure, number)
    for number in experiments.MEAN_FIELD_FIGURES
  },
}
