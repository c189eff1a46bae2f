"""Compares all methods on OpenSpiel's four rooms and the games of the paper.

Each method has the same wall time, and at most `MAX_ITERATIONS` iterations.
During a run, the policies of our methods are evaluated with the compiled game.
At the end, all policies are evaluated with OpenSpiel's NashConv. It is
unregularized, so that the values of regularized methods do not decrease below
the bias caused by eta.
"""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.utils import files

MAX_ITERATIONS = 5000
LEARNING_RATE = 0.1
ETA = 0.05

COLUMNS = {
  "game": "<52",
  "method": "<24",
  "iterations": ">10",
  "s / iteration": ">13.4g",
  "NashConv": ">11.5g",
  "after 1 s": ">11.5g",
  "after 10 iterations": ">19.5g",
  "difference": ">10.1e",
}

# Title -> the group with the same colour, and a function that creates the
# algorithm from a compiled game. Titles of OpenSpiel's algorithms contain its
# name.
METHODS: dict[str, tuple[str, Callable[[compiled_game.CompiledGame], Any]]] = {
  "MF-TRPO (as printed)": (
    "MF-TRPO",
    lambda model: mf_trpo.MFTRPO(model, ETA),
  ),
  "MF-TRPO (warm)": (
    "MF-TRPO warm",
    lambda model: mf_trpo.MFTRPO(model, **time_to_accuracy.WARM),
  ),
  "FP": ("FP", fictitious_play.FictitiousPlay),
  "OMD (textbook)": (
    "OMD",
    lambda model: mirror_descent.MirrorDescent(model, lr=LEARNING_RATE),
  ),
  "FP (OpenSpiel)": (
    "FP",
    lambda model: openspiel_fp.FictitiousPlay(model.game),
  ),
  "OMD (OpenSpiel, shipped)": (
    "OMD",
    lambda model: openspiel_omd.MirrorDescent(model.game, lr=LEARNING_RATE),
  ),
}


def table(seconds: float, logdir: str | None) -> Iterator[dict[str, Any]]:
  """Yields a row for each game and method, and draws figures at the end.

  Each method has `seconds` of wall time. Figures are saved in `logdir`, if
  given.
  """
  runs: dict[str, dict[str, timed_runs.TimedRun]] = {}
  for name in game_names.HEAD_TO_HEAD:
    model = compiled_game.CompiledGame(game_names.load(name))
    for title in METHODS:
      run, last = _run(title, model, seconds)
      runs.setdefault(name, {})[title] = run
      yield {
        "game": name,
        "method": title,
        "iterations": run.iterations[-1],
        "s / iteration": run.seconds[-1] / run.iterations[-1],
        "NashConv": last,
        "after 1 s": run.at_seconds(1.0),
        "after 10 iterations": run.at_iteration(10),
        "difference": abs(run.values[-1] / last - 1),
      }
  if not logdir:
    return
  for x, xlabel in {"iterations": "Iteration", "seconds": "Seconds"}.items():
    panels = [
      curve_plots.Panel(
        [
          curve_plots.Curve(
            title,
            np.array(getattr(run, x)),
            np.array(run.values),
            group=METHODS[title][0],
            style="OpenSpiel's" if "OpenSpiel" in title else "ours",
          )
          for title, run in its_runs.items()
        ],
        name.partition(":")[0],
        xlabel,
      )
      for name, its_runs in runs.items()
    ]
    figure = curve_plots.exploitability_figure(
      panels,
      curve_plots.exploitability_label("NashConv"),
      log_x=True,
      title=f"{seconds:g} seconds per method",
    )
    figures.save(figure, files.folder(logdir) / f"head_to_head_{x}.png")


def _run(
  title: str, model: compiled_game.CompiledGame, seconds: float
) -> tuple[timed_runs.TimedRun, float]:
  """Returns the run, and the final NashConv by OpenSpiel."""
  algorithm = METHODS[title][1](model)

  def nash_conv():
    return comparison.openspiel_nash_conv(model.game, algorithm.get_policy())

  def exploitability():
    return model.exploitability(algorithm.policy)

  measure = nash_conv if "OpenSpiel" in title else exploitability
  run = timed_runs.run_timed(
    algorithm.iteration, measure, seconds, MAX_ITERATIONS, title=title
  )
  return run, nash_conv()
