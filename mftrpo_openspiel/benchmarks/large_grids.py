"""The stationary model on large grids: methods, cost, and certified errors."""

from collections.abc import Callable
from collections.abc import Iterator
import functools
import resource
import statistics
import time
from typing import Any

import pyspiel

from mftrpo_openspiel import games  # noqa: F401 (registers the games)
from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import growth_table
from mftrpo_openspiel.models import stationary_model

# From 10^4 to 10^6 cells: each side of the square has two rooms and a wall.
ROOM_SIZES = (50, 150, 500)
NUM_ITERATIONS = 3
REGULARIZATION = 0.3
# MF-TRPO uses the four rooms, with all players in a corner initially. OMD
# starts from the uniform policy, which OMD would not change there without a
# point of interest.
_METHODS: dict[
  str, tuple[str, Callable[..., algorithm_lib.MeanFieldAlgorithm]]
] = {
  "MF-TRPO": (
    "python_mfg_four_rooms",
    functools.partial(mf_trpo.MFTRPO, warm_start=True, max_step_count=10),
  ),
  "OMD": (
    "python_mfg_four_rooms_poi",
    functools.partial(mirror_descent.MirrorDescent, lr=0.1),
  ),
}

COLUMNS = {
  "algorithm": "<9",
  "cells": ">7",
  "set-up, s": ">9.3g",
  "iteration, s": ">12.3g",
  "iteration, CPU s": ">16.3g",
  "slope so far": ">12.2f",
  "exploitability, CPU s": ">21.3g",
  "exploitability": ">14.5g",
  "error bound": ">11.1e",
  "law error bound": ">15.1e",
  "consistency residual": ">20.1e",
  "peak memory, MB": ">15.0f",
  "values by": "<9",
  "laws by": "<",
}


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each size and algorithm.

  MF-TRPO is warm-started, with L = 1 and the limit of many population steps;
  both algorithms are regularized. Set-up includes the first iteration; the time
  of an iteration is the median of the next ones. Exploitability is regularized,
  and an upper bound if an error bound is given. CPU seconds are those of this
  process, and do not depend on other programs. The slope is that of their
  logarithm over log(cells), by least squares. Peak memory is the maximum of the
  process up to this row.
  """
  rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _METHODS}
  for room_size in ROOM_SIZES:
    for name, same in rows.items():
      same.append({"algorithm": name, **_measure(name, room_size)})
      yield growth_table.with_slope(same, "iteration, CPU s")


def _measure(name: str, room_size: int) -> dict[str, Any]:
  start = time.perf_counter()
  game_name, create = _METHODS[name]
  game = pyspiel.load_game(game_name, {"room_size": room_size})
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  algorithm = create(model, regularization=REGULARIZATION)
  algorithm.iteration()
  set_up = time.perf_counter() - start
  wall, cpu = [], []
  for _ in range(NUM_ITERATIONS):
    start, cpu_start = time.perf_counter(), time.process_time()
    algorithm.iteration()
    wall.append(time.perf_counter() - start)
    cpu.append(time.process_time() - cpu_start)
  start = time.process_time()
  exploitability = model.exploitability(algorithm.policy, REGULARIZATION)
  exploitability_seconds = time.process_time() - start
  report = model.invariant_law(algorithm.policy).report
  gap = model.optimality_gap(algorithm.policy, REGULARIZATION)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return {
    "cells": model.mdp.num_states,
    "set-up, s": set_up,
    "iteration, s": statistics.median(wall),
    "iteration, CPU s": statistics.median(cpu),
    "exploitability, CPU s": exploitability_seconds,
    "exploitability": exploitability,
    "error bound": gap.error_bound,
    "law error bound": report.relative_error_bound,
    "consistency residual": report.consistency_residual,
    "peak memory, MB": peak * 1024 / 1e6,
    "values by": model.solver.name,
    "laws by": report.names,
  }
