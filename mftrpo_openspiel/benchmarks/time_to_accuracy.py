"""CPU seconds to an accuracy: MF-TRPO and other methods with tuned step sizes.

The accuracy is the unregularized exploitability, divided by that of the uniform
policy, from which all methods start. A method with a grid is first run once for
each point of it, each time for the same CPU time. The best point is the one
with the smallest exploitability, or, if several points reach the last level,
the first one to reach it. With this point the method is run for `LONG_RUN`
times as long, as are the methods without a grid. All runs of a game are made
one after the other in one process. They end at the last level; smaller
exploitabilities are not compared.

Only the time of iterations counts, not that of measurements and of tuning. It
is CPU time, so that it depends little on other programs.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import itertools
import time
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import tabular_policies

# The CPU time of a method is this multiple of that of a point of its grid.
LONG_RUN = 20


@dataclasses.dataclass(frozen=True)
class Game:
  """A game of the benchmark.

  Attributes:
    model: The model on which it is solved.
    time_share: Factor of the requested time: large games need more time.
  """

  model: str
  time_share: float = 1


GAMES = {
  "four_rooms": Game("stationary", 0.5),
  "four_rooms_poi": Game("stationary", 0.5),
  "two_islands": Game("stationary", 0.5),
  "mfg_crowd_modelling_2d:crowd_modelling_2d_four_rooms": Game("compiled"),
  "mfg_crowd_modelling_2d:crowd_modelling_2d_maze": Game("compiled", 4),
  "python_mfg_predator_prey:predator_prey_5x5x3": Game("compiled", 0.5),
}


@dataclasses.dataclass(frozen=True)
class Method:
  """A method and its settings.

  Attributes:
    algorithm: Its name in the registry.
    options: Options that are not tuned; all others have their defaults.
    grid: Option -> values. All combinations are tried; one if it is empty.
    is_allowed: Returns whether a combination is tried.
  """

  algorithm: str
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  grid: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
  is_allowed: Callable[[dict[str, Any]], bool] = lambda point: True

  def points(self) -> list[dict[str, Any]]:
    """Returns the points of the grid that are allowed."""
    points = (
      dict(zip(self.grid, values))
      for values in itertools.product(*self.grid.values())
    )
    return [point for point in points if self.is_allowed(point)]


WARM: dict[str, Any] = {
  "regularization": 0.05,
  "population_update_rate": 0.03,
  "warm_start": True,
  "max_step_count": 10,
}
_LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_TEMPERATURES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
METHODS = {
  "MF-TRPO (paper)": Method(
    "mf_trpo",
    {"population_update_rate": 0.01, "num_policy_updates": 10},
    {"regularization": game_factory.PAPER_HYPERPARAMETERS["regularization"]},
  ),
  "MF-TRPO (warm)": Method("mf_trpo", WARM),
  "MF-TRPO (warm, auto)": Method(
    "mf_trpo", {**WARM, "population_update_rate": "auto"}
  ),
  "MF-TRPO (annealed)": Method("annealed_mf_trpo"),
  "Interior point": Method("interior_point"),
  "FP": Method("fictitious_play", grid={"lr": (None, 0.3, 0.1, 0.03, 0.01)}),
  "FP (line search)": Method("line_search_fictitious_play"),
  "OMD": Method("mirror_descent", grid={"lr": _LEARNING_RATES}),
  "Proximal point": Method(
    "proximal_point",
    {"num_prior_iterations": 10},
    {"lr": _LEARNING_RATES, "proximal_weight": (0.01, 0.1, 1.0, 10.0)},
    lambda point: 0.01 <= point["lr"] * point["proximal_weight"] <= 1,
  ),
  "Fixed point": Method(
    "fixed_point", grid={"temperature": (None, *_TEMPERATURES[1:])}
  ),
  "Prior descent": Method(
    "prior_descent",
    grid={"temperature": _TEMPERATURES, "num_prior_iterations": (1, 10)},
  ),
  "Boltzmann policy iteration": Method(
    "boltzmann_policy_iteration", grid={"temperature": _TEMPERATURES}
  ),
}
METHOD_COLUMNS = {
  "method": "<26",
  "algorithm": "<26",
  "options": "<82",
  "tuned over": "<70",
  "grid": ">4",
}

# Column -> exploitability relative to the uniform policy's, decreasing.
LEVELS = {f"s to 1e-{n}": float(f"1e-{n}") for n in (1, 2, 3, 4, 6, 8, 10)}
TARGET = min(LEVELS.values())
COLUMNS = {
  "game": "<52",
  "method": "<26",
  "setting": "<40",
  "grid": ">4",
  "iterations": ">10",
  "iterations / s": ">14.4g",
  "least": ">8.1e",
  **dict.fromkeys(LEVELS, ">9.2g"),
  "note": "<",
}
FIGURE = "time_to_accuracy.png"


def method_table() -> Iterator[dict[str, Any]]:
  """Yields a row for each method, with its grid."""
  for title, method in METHODS.items():
    yield {
      "method": title,
      "algorithm": method.algorithm,
      "options": _text(method.options),
      "tuned over": "; ".join(
        f"{name}: {', '.join(map(str, values))}"
        for name, values in method.grid.items()
      ),
      "grid": len(method.points()),
    }


def table(seconds: float, logdir: str | None) -> Iterator[dict[str, Any]]:
  """Yields a row for each game and method, and draws a figure at the end.

  Each point of a grid has `seconds` of CPU time, times the time share of the
  game. The figure is saved in `logdir`, if given. If a method does not support
  a game, its row contains the reason.
  """
  panels = []
  for name, game in GAMES.items():
    model = from_game.create_model(game.model, game_names.load(name))
    uniform = model.exploitability(
      tabular_policies.uniform_policy(model.legal_actions_mask)
    )
    if uniform < comparison.ROUNDING:
      note = "nothing to solve: the exploitability of the uniform policy is"
      yield {"game": name, "note": f"{note} {uniform:.1e}"}
      continue
    curves = []
    for title, method in METHODS.items():
      run_at = functools.partial(_run, title, model, method, uniform=uniform)
      try:
        point, run = _tuned(method.points(), run_at, game.time_share * seconds)
      except ValueError as error:
        yield {"game": name, "method": title, "note": str(error)}
        continue
      curves.append(
        curve_plots.Curve(title, np.array(run.seconds), np.array(run.values))
      )
      yield {
        "game": name,
        "method": title,
        "setting": _text(point),
        "grid": len(method.points()),
        "iterations": run.iterations[-1],
        "iterations / s": run.iterations[-1] / run.seconds[-1],
        "least": min(run.values),
        **{column: run.seconds_to(e) for column, e in LEVELS.items()},
      }
    if curves:
      panels.append(
        curve_plots.Panel(
          curves, title=name.rpartition(":")[2], xlabel="CPU seconds"
        )
      )
  if logdir and panels:
    figure = curve_plots.exploitability_figure(
      panels, ylabel=r"Exploitability ($\phi_0$) / uniform policy's", log_x=True
    )
    figures.save(figure, files.folder(logdir) / FIGURE)


def _tuned(
  points: Sequence[dict[str, Any]],
  run_at: Callable[[dict[str, Any], float], timed_runs.TimedRun],
  seconds: float,
) -> tuple[dict[str, Any], timed_runs.TimedRun]:
  """Returns the best point of the grid, and a long run with it."""
  point = points[0]
  if len(points) > 1:
    runs = [run_at(point, seconds) for point in points]
    index = best(runs)
    point = points[index]
    if min(runs[index].values) <= TARGET:
      return point, runs[index]
  return point, run_at(point, LONG_RUN * seconds)


def best(runs: Sequence[timed_runs.TimedRun]) -> int:
  """Returns the index of the run with the lowest value down to `TARGET`.

  Of equally low ones it is the first to reach this value.
  """

  def rank(index):
    least = max(min(runs[index].values), TARGET)
    return least, runs[index].seconds_to(least)

  return min(range(len(runs)), key=rank)


def _run(
  title: str,
  model: model_lib.MeanFieldModel,
  method: Method,
  point: Mapping[str, Any],
  seconds: float,
  uniform: float,
) -> timed_runs.TimedRun:
  """Returns exploitabilities relative to that of the uniform policy."""
  algorithm = algorithm_factory.create_algorithm(
    method.algorithm, model, **method.options, **point
  )
  return timed_runs.run_timed(
    algorithm.iteration,
    lambda: model.exploitability(algorithm.policy) / uniform,
    seconds,
    target=TARGET,
    title=f"{title} {_text(point)}",
    clock=time.process_time,
  )


def _text(options: Mapping[str, Any]) -> str:
  return ", ".join(f"{name}={value}" for name, value in options.items())
