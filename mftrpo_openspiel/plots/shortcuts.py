"""Figures of solvers, histories, runs or run directories, in one line.

    import mftrpo_openspiel as mf

    mf.plots.exploitability([solver, other_solver, "runs/mf_trpo"])
    mf.plots.mean_field(solver)
    mf.plots.policy(solver)
    mf.plots.difference(solver, other_solver)

Each function returns a figure. A notebook shows it as the last expression of a
cell, and `figure.savefig(path)` writes it to a file.
`figure.suptitle(title)` changes its title.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import os
from typing import Any

from matplotlib import figure as figure_lib

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import history as history_lib
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.plots import drawn as drawn_lib
from mftrpo_openspiel.plots import drawn_figures
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import run_curves
from mftrpo_openspiel.plots import run_drawings
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.utils import validation

Solved = (
  algorithm_lib.MeanFieldAlgorithm | run_directory.RunResult | str | os.PathLike
)
Measured = Solved | history_lib.History

_SOLVED = (
  algorithm_lib.MeanFieldAlgorithm,
  run_directory.RunResult,
  str,
  os.PathLike,
)
_MEASURED = (*_SOLVED, history_lib.History)


def exploitability(
  runs: Measured | Sequence[Measured] | Mapping[str, Measured],
  *,
  x: str = "iterations",
  regularized: bool = False,
  log_x: bool = False,
) -> figure_lib.Figure:
  """Returns exploitability against iterations, time or environment steps.

  Args:
    runs: One or several solvers that were run with `run`, histories that `run`
      returned, results of runs, or run directories; or a dictionary of them by
      label. Without a dictionary, labels contain the fields in which they
      differ, and for runs that differ only in a seed, their median and a band
      are drawn.
    x: "iterations", "seconds" or, for runs on a sampled model,
      "environment_steps".
    regularized: Whether phi_eta is drawn, with the eta of each run, instead of
      phi_0.
    log_x: Whether the x axis is logarithmic.

  Raises:
    ValueError: If an item has another type, or nothing to draw.
  """
  validation.check_choice("x", x, run_curves.XS)
  listed = _listed(runs, _MEASURED)
  results = _results(listed)
  configs = [result.config for result in results]
  if isinstance(runs, Mapping):
    labels = [str(name) for name in runs]
    looks = [(label, "") for label in labels]
  else:
    labels, looks = run_labels.labels(configs), run_labels.looks(configs)
  for config, label in zip(configs, labels):
    if regularized and not config["experiment"]["regularization"]:
      raise ValueError(
        "regularized must be False for runs without a regularized"
        f" exploitability, such as {label}."
      )
  return run_curves.figure(
    [
      run_labels.Run(label, label, result, *look)
      for label, result, look in zip(labels, results, looks)
    ],
    [x],
    regularized,
    log_x=log_x,
  )


def mean_field(
  runs: Solved | Sequence[Solved] | Mapping[str, Solved],
  moments: Sequence[int] | None = None,
  *,
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns mean fields on the drawing of the game, such as a grid.

  Args:
    runs: One or several solvers, results of runs or run directories; or a
      dictionary of them by name.
    moments: The moments to draw. For a finite horizon they are time steps, for
      an infinite one iterations; a solver only has its last iteration. If not
      given, the first, middle and last one.
    scale: The scale of colours. "log": from a tenth of the uniform distribution
      to the largest mass; smaller masses are white. "linear": from zero.
      "clipped": from zero to the largest mass of the panel in which the crowd
      is spread out most; larger masses have one darker colour.

  Raises:
    ValueError: If an item has another type, or nothing to draw.
  """
  return drawn_figures.mean_field_figure(_drawn(runs), moments, scale)


def policy(
  runs: Solved | Sequence[Solved] | Mapping[str, Solved],
  moments: Sequence[int] | None = None,
) -> figure_lib.Figure:
  """Returns policies on the drawing of the game, such as arrows on a grid.

  Args:
    runs: As in `mean_field`.
    moments: As in `mean_field`.

  Raises:
    ValueError: If an item has another type, or nothing to draw.
  """
  return drawn_figures.policy_figure(_drawn(runs), moments)


def difference(
  one: Solved, other: Solved, moments: Sequence[int] | None = None
) -> figure_lib.Figure:
  """Returns the mean field of `other` minus that of `one`.

  Args:
    one: A solver, the result of a run or a run directory.
    other: Another one, of the same game.
    moments: As in `mean_field`.

  Raises:
    ValueError: If an item has another type, or they cannot be compared.
  """
  return drawn_figures.difference_figure(_drawn([one, other]), moments)


def _listed(runs: Any, allowed: tuple[type, ...]) -> list[Any]:
  """Returns a list of solvers and runs from one, a list or a dictionary.

  Raises:
    ValueError: If there is none, or one has none of the types `allowed`.
  """
  if isinstance(runs, Mapping):
    listed = list(runs.values())
  elif isinstance(runs, list | tuple):
    listed = list(runs)
  else:
    listed = [validation.check_type("runs", runs, *allowed, list, Mapping)]
  if not listed:
    raise ValueError("runs must be at least one, got none.")
  for number, run in enumerate(listed):
    validation.check_type(f"runs[{number}]", run, *allowed)
  return listed


def _results(listed: Sequence[Measured]) -> list[run_directory.RunResult]:
  """Returns the result of each item, with configs that can be compared.

  Solvers have no settings. If there are solvers, the games of all runs are
  therefore given by name.
  """
  results = [_result(run) for run in listed]
  are_live = [
    isinstance(run, algorithm_lib.MeanFieldAlgorithm | history_lib.History)
    for run in listed
  ]
  if any(are_live):
    results = [
      result if is_live else _by_name(result)
      for result, is_live in zip(results, are_live)
    ]
  return results


def _by_name(result: run_directory.RunResult) -> run_directory.RunResult:
  """Returns a result whose config contains the game as in `_config`."""
  experiment = result.config["experiment"]
  game = experiment_lib.Experiment(**experiment).create_game()
  named = {
    **experiment,
    "game_name": games.brief_name(game),
    "setting": None,
    "game_parameters": {},
  }
  config = {**result.config, "experiment": named}
  return dataclasses.replace(result, config=config)


def _result(run: Measured) -> run_directory.RunResult:
  """Returns the measurements as the result of a run."""
  match run:
    case run_directory.RunResult():
      return run
    case algorithm_lib.MeanFieldAlgorithm():
      return _result(run.history)
    case history_lib.History():
      records = list(run.records)
      return run_directory.RunResult(_config(run), records, None, {})
  return run_directory.load_run(run)


def _config(history: history_lib.History) -> dict[str, Any]:
  """Returns the parts of the config of a run that labels and titles need."""
  options = dict(history.options)
  openspiel_class = options.pop("openspiel_class", None)
  model = history.model
  game_name = game_drawings.shown_name(model.game_name)
  experiment = {
    "game_name": game_name,
    "setting": None,
    "game_parameters": {},
    "model": from_game.kind_of(model),
    "model_options": model.shown_options()
    if isinstance(model, sampled_model.SampledModel)
    else {},
    "algorithm": registry.name_of(history.algorithm, openspiel_class),
    "options": options,
    "regularization": history.regularization,
  }
  return {
    "experiment": experiment,
    "game": game_name,
    "model": from_game.kind_of(from_game.exact_model(model)),
  }


def _drawn(
  runs: Solved | Sequence[Solved] | Mapping[str, Solved],
) -> list[drawn_lib.Drawn]:
  """Returns mean fields and policies of each item."""
  listed = _listed(runs, _SOLVED)
  if isinstance(runs, Mapping):
    labels = [str(name) for name in runs]
  else:
    labels = run_labels.labels([x.config for x in _results(listed)])
  drawn: list[drawn_lib.Drawn] = []
  for run, label in zip(listed, labels):
    taken = [other.name for other in drawn]
    name = f"{label} ({len(drawn) + 1})" if label in taken else label
    match run:
      case algorithm_lib.MeanFieldAlgorithm():
        one = drawn_lib.of_model(
          run.model, run.policy, run.mean_field, run.num_iterations, name
        )
      case run_directory.RunResult():
        one = run_drawings.drawn_result(run, name)
      case _:
        result = run_directory.load_run(run)
        one = run_drawings.drawn_run(
          run_labels.Run(name, str(run), result), name
        )
    drawn.append(one)
  return drawn
