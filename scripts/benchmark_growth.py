"""How time and memory of an iteration grow with the number of cells."""

from collections.abc import Iterator
from concurrent import futures
import multiprocessing
import resource
import statistics
import sys
import time
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel import compiled_game
from mftrpo_openspiel import games  # noqa: F401 (registers the games)
from mftrpo_openspiel.algorithms import mirror_descent

HORIZON = 10
# From 10^2 to 10^5 cells: two rooms and a wall on each side of a square.
ROOM_SIZES = (5, 16, 50, 158)
NUM_ITERATIONS = 7

COLUMNS = {
  "cells": ">7",
  "transitions": ">11",
  "set-up, s": ">9.3g",
  "iteration, s": ">12.3g",
  "memory, MB": ">10.0f",
  "bytes a transition": ">18.0f",
  "slope so far": ">12.2f",
}


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each size: OMD on a compiled four rooms game.

  The slope is that of log(seconds) over log(cells), by least squares.
  """
  logs = []
  # A process of its own for each, as memory is never all given back.
  with futures.ProcessPoolExecutor(
    1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
  ) as executor:
    base = executor.submit(_peak_memory).result()
    for room_size in ROOM_SIZES:
      row = executor.submit(_measure, room_size).result()
      used = row.pop("peak") - base
      logs.append((np.log(row["cells"]), np.log(row["iteration, s"])))
      slope = np.polyfit(*zip(*logs), 1)[0] if len(logs) > 1 else None
      yield {
        **row,
        "memory, MB": used / 1e6,
        "bytes a transition": used / row["transitions"],
        "slope so far": slope,
      }


def _peak_memory() -> int:
  """Returns the largest size of this process so far, in bytes."""
  unit = 1 if sys.platform == "darwin" else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _measure(room_size: int) -> dict[str, Any]:
  start = time.perf_counter()
  game = pyspiel.load_game(
    "python_mfg_four_rooms", {"room_size": room_size, "horizon": HORIZON}
  )
  algorithm = mirror_descent.MirrorDescent(compiled_game.CompiledGame(game))
  set_up = time.perf_counter() - start
  seconds = []
  for _ in range(NUM_ITERATIONS):
    start = time.perf_counter()
    algorithm.iteration()
    seconds.append(time.perf_counter() - start)
  mdp = game.mean_field_mdp()
  return {
    "cells": mdp.num_states,
    "transitions": mdp.kernel.nnz * HORIZON,
    "set-up, s": set_up,
    "iteration, s": statistics.median(seconds),
    "peak": _peak_memory(),
  }
