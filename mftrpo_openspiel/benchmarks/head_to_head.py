"""All methods on OpenSpiel's four rooms and on the games of the paper.

Each method has the same wall time, and at most `MAX_ITERATIONS`. On the way the
policies of our methods are measured by the compiled game, and at the end all by
OpenSpiel's NashConv: unregularized, so that the regularized methods stop at the
bias of their eta.
"""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import pathlib
from typing import Any

import numpy as np
from open_spiel.python.mfg.algorithms import (
  fictitious_play as openspiel_fictitious_play,
)
from open_spiel.python.mfg.algorithms import (
  mirror_descent as openspiel_mirror_descent,
)

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


@dataclasses.dataclass(frozen=True)
class _Method:
  """A method of the head-to-head.

  Attributes:
    create: Returns it on a compiled game.
    group: What its colour stands for.
    is_openspiel: Whether it is one of OpenSpiel's classes.
  """

  create: Callable[[compiled_game.CompiledGame], Any]
  group: str
  is_openspiel: bool = False


METHODS = {
  "MF-TRPO (as printed)": _Method(
    lambda model: mf_trpo.MFTRPO(model, ETA), "MF-TRPO"
  ),
  "MF-TRPO (warm)": _Method(
    lambda model: mf_trpo.MFTRPO(model, **time_to_accuracy.WARM),
    "MF-TRPO warm",
  ),
  "FP": _Method(fictitious_play.FictitiousPlay, "FP"),
  "OMD (textbook)": _Method(
    lambda model: mirror_descent.MirrorDescent(model, LEARNING_RATE), "OMD"
  ),
  "FP (OpenSpiel)": _Method(
    lambda model: openspiel_fictitious_play.FictitiousPlay(model.game),
    "FP",
    True,
  ),
  "OMD (OpenSpiel, shipped)": _Method(
    lambda model: openspiel_mirror_descent.MirrorDescent(
      model.game, lr=LEARNING_RATE
    ),
    "OMD",
    True,
  ),
}


def table(seconds: float, logdir: str | None) -> Iterator[dict[str, Any]]:
  """Yields a row for each game and method, and draws figures at the end.

  Args:
    seconds: Wall time of each method.
    logdir: Folder for the figures; none if not given.
  """
  runs = {}
  for name in game_names.HEAD_TO_HEAD:
    model = compiled_game.CompiledGame(game_names.load(name))
    for title, method in METHODS.items():
      run, last = _run(title, method, model, seconds)
      runs[name, title] = run
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
  if logdir:
    _draw(runs, pathlib.Path(logdir))


def _run(
  title: str,
  method: _Method,
  model: compiled_game.CompiledGame,
  seconds: float,
) -> tuple[timed_runs.TimedRun, float]:
  """Returns the run, and the last NashConv by OpenSpiel."""
  algorithm = method.create(model)

  def measure():
    if method.is_openspiel:
      return comparison.openspiel_nash_conv(model.game, algorithm.get_policy())
    return model.exploitability(algorithm.policy)

  run = timed_runs.run_timed(
    algorithm, measure, seconds, MAX_ITERATIONS, title=title
  )
  last = comparison.openspiel_nash_conv(model.game, algorithm.get_policy())
  return run, last


def _draw(
  runs: dict[tuple[str, str], timed_runs.TimedRun], logdir: pathlib.Path
) -> None:
  for attribute, xlabel in (
    ("iterations", "Iteration"),
    ("seconds", "Seconds"),
  ):
    panels = []
    for name in game_names.HEAD_TO_HEAD:
      curves = [
        curve_plots.Curve(
          label=title,
          x=np.array(getattr(runs[name, title], attribute)),
          values=np.array(runs[name, title].values),
          group=method.group,
          dashed=method.is_openspiel,
        )
        for title, method in METHODS.items()
      ]
      panels.append(curve_plots.Panel(curves, name.partition(":")[0], xlabel))
    figure = curve_plots.exploitability_figure(
      panels, ylabel="Exploitability (NashConv)", log_x=True
    )
    figures.save(figure, files.folder(logdir) / f"head_to_head_{attribute}.png")
