"""Time and memory of an iteration as a function of the number of cells."""

from collections.abc import Iterator
import statistics
import timeit
import tracemalloc
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel import games  # noqa: F401 (registers the games)
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.models import compiled_game

HORIZON = 10
# From 10^2 to 10^5 cells: each side of the square has two rooms and a wall.
ROOM_SIZES = (5, 16, 50, 158)
NUM_ITERATIONS = 7

COLUMNS = {
  "cells": ">7",
  "transitions": ">11",
  "set-up, s": ">9.3g",
  "iteration, s": ">12.3g",
  "peak memory, MB": ">15.1f",
  "bytes per transition": ">18.1f",
  "slope so far": ">12.2f",
}


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each size: OMD on a compiled four rooms game.

  The slope is that of log(seconds) over log(cells), by least squares. Peak
  memory includes all allocations by Python and NumPy, from the creation of the
  game to the end of the first iteration.
  """
  rows: list[dict[str, Any]] = []
  for room_size in ROOM_SIZES:
    rows.append(_measure(room_size))
    yield with_slope(rows, "iteration, s")


def with_slope(rows: list[dict[str, Any]], column: str) -> dict[str, Any]:
  """Returns the last row with the slope of log(column) over log(cells)."""
  slope = None
  if len(rows) > 1:
    x, y = np.log([[row["cells"], row[column]] for row in rows]).T
    slope = float(np.polyfit(x, y, 1)[0])
  return {**rows[-1], "slope so far": slope}


def _measure(room_size: int) -> dict[str, Any]:
  stopwatch = timed_runs.Stopwatch()
  algorithm = stopwatch.time(_first_iteration, room_size)
  seconds = timeit.repeat(algorithm.iteration, number=1, repeat=NUM_ITERATIONS)
  mdp = algorithm.model.game.mean_field_mdp()
  transitions = mdp.kernel.nnz * HORIZON
  del algorithm
  tracemalloc.start()
  _first_iteration(room_size)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  return {
    "cells": mdp.num_states,
    "transitions": transitions,
    "set-up, s": stopwatch.seconds,
    "iteration, s": statistics.median(seconds),
    "peak memory, MB": peak / 1e6,
    "bytes per transition": peak / transitions,
  }


def _first_iteration(room_size: int) -> mirror_descent.MirrorDescent:
  game = pyspiel.load_game(
    "python_mfg_four_rooms", {"room_size": room_size, "horizon": HORIZON}
  )
  algorithm = mirror_descent.MirrorDescent(compiled_game.CompiledGame(game))
  algorithm.iteration()
  return algorithm
