"""Compares solvers of other packages with ours, on the same arrays.

Peers are Bench-MFG and MFGLib, installed by `mftrpo_openspiel[peers]`. The
module of each peer describes the game. The solvers run alternately, each with a
whole run from the same initial policy, and the medians of their seconds per
iteration are compared. An iteration includes the exploitability after it, which
the other packages always compute. "reached" is the smallest exploitability of a
run, as computed by the package itself. In single precision, the default of the
other packages, it is mostly rounding error.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import importlib
import statistics
import time
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib

PEERS = {"Bench-MFG": "bench_mfg_contest", "MFGLib": "mfglib_contest"}
# Number of timed runs of each solver, after one that is not timed.
NUM_ROUNDS = 5
NUM_RANDOM_POLICIES = 3

COLUMNS = {
  "peer": "<9",
  "game": "<28",
  "their method": "<24",
  "our method": "<32",
  "theirs, s": ">9.2g",
  "ours, s": ">8.2g",
  "ratio": ">6.1f",
  "iterations": ">10",
  "theirs reached": ">14.1e",
  "ours reached": ">12.1e",
  "difference": ">10.1e",
  "note": "<",
}

# Returns the exploitabilities after 1, 2, ..., n iterations.
Solver = Callable[[int], Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Contest:
  """A comparison on one game.

  Attributes:
    game: The name of the game.
    theirs: Solvers of the peer, by title.
    ours: Solvers of this package, by title.
    pairs: Titles of a solver of the peer and one of ours that share a row.
    num_iterations: Number of iterations of a run.
    difference: The largest relative difference between the exploitabilities
      that the two packages compute for random policies.
  """

  game: str
  theirs: dict[str, Solver]
  ours: dict[str, Solver]
  pairs: Sequence[tuple[str, str]]
  num_iterations: int
  difference: float


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each game and pair of solvers."""
  for peer, module in PEERS.items():
    try:
      contest_module = importlib.import_module(f"{__package__}.{module}")
    except ModuleNotFoundError as error:
      if (error.name or "").startswith(__package__):
        raise
      note = f"no module {error.name}: pip install mftrpo_openspiel[peers]"
      yield {"peer": peer, "note": note}
      continue
    for contest in contest_module.contests():
      for row in _rows(contest):
        yield {"peer": peer, "game": contest.game, **row}


def _rows(contest: Contest) -> Iterator[dict[str, Any]]:
  solvers = [*contest.theirs.values(), *contest.ours.values()]
  seconds: dict[Solver, list[float]] = {solve: [] for solve in solvers}
  reached = {}
  for _ in range(1 + NUM_ROUNDS):
    for solve in solvers:
      start = time.perf_counter()
      reached[solve] = min(solve(contest.num_iterations))
      seconds[solve].append(
        (time.perf_counter() - start) / contest.num_iterations
      )
  medians = {solve: statistics.median(s[1:]) for solve, s in seconds.items()}
  for their_title, our_title in contest.pairs:
    theirs, ours = contest.theirs[their_title], contest.ours[our_title]
    yield {
      "their method": their_title,
      "our method": our_title,
      "theirs, s": medians[theirs],
      "ours, s": medians[ours],
      "ratio": medians[theirs] / medians[ours],
      "iterations": contest.num_iterations,
      "theirs reached": reached[theirs],
      "ours reached": reached[ours],
      "difference": contest.difference,
    }


def solver(
  create: Callable[[], algorithm_lib.MeanFieldAlgorithm],
  regularization: float = 0.0,
) -> Solver:
  """Returns our algorithm as a solver, measured with this regularization."""

  def solve(num_iterations):
    algorithm = create()
    exploitabilities = []
    for _ in range(num_iterations):
      algorithm.iteration()
      exploitabilities.append(
        algorithm.model.exploitability(algorithm.policy, regularization)
      )
    return exploitabilities

  return solve


def random_policies(num_states: int, num_actions: int) -> list[np.ndarray]:
  """Returns a few random policies, (S, A)."""
  laws = np.random.default_rng(0).random(
    (NUM_RANDOM_POLICIES, num_states, num_actions)
  )
  return list(laws / laws.sum(axis=2, keepdims=True))
