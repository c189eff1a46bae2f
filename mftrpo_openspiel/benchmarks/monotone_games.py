"""Convergence of methods on random monotone games.

Rewards r(s, a, mu) = b(s, a) + (M mu)(s), where the symmetric part of M has no
positive eigenvalue: with b the same for all actions (one-shot) or a finite
horizon such games are monotone. There are three kinds,

* potential: M is symmetric, -B B^T / n for Gaussian B;
* rotational: M = -e I + W, with e from 1e-3 to 1e-1 and Gaussian antisymmetric
  W: crowd aversion is weak, and the interaction is mostly cyclic;
* mixed: the sum of both, each times a random number in [0, 1],

and two forms, which alternate:

* one-shot: all players choose one of 3 to 10 states at each time, over an
  infinite horizon; in half of the games all states have positive mass at the
  equilibrium;
* layered: 3 to 10 states, three actions with random transitions, and 2 to 6
  steps.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import tabular_policies

KINDS = ("potential", "rotational", "mixed")
NUM_GAMES = 100  # Per kind; game i has the seed i.
# Exploitability is measured after these numbers of iterations, until it is at
# most `ROUNDING`.
MEASURED_AFTER = (30, 100, 200, 500)
ROUNDING = 1e-9
DISCOUNT = 0.9

# Methods with a fixed eta converge to the equilibrium of the regularized game,
# and are measured by its exploitability.
REGULARIZED = ("MF-TRPO (warm)", "MF-TRPO (warm, auto)")
BASELINES = ("FP", "OMD")
METHODS = {
  **{
    name: time_to_accuracy.METHODS[name]
    for name in ("MF-TRPO (annealed)", *REGULARIZED, "OMD")
  },
  "FP": time_to_accuracy.Method("fictitious_play"),
}
# Factor above the better baseline that counts as "behind".
FACTOR = 3.0
LEVELS = (1e-3, 1e-6)

COLUMNS = {
  "kind": "<10",
  "method": "<22",
  **{
    f"{what}, {count}": ">12.1e"
    for count in (MEASURED_AFTER[1], MEASURED_AFTER[-1])
    for what in ("median", "worst")
  },
  **{f"to {level:.0e}": ">8" for level in LEVELS},
  "behind": ">6",
}


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each kind of games and method.

  Exploitability is relative to that of the uniform policy. Columns are the
  median and the largest value after a number of iterations, and the number of
  games in which a level is reached. For a method with a grid, the point with
  the lowest final value is used in each game. "behind" is the number of games
  in which the exploitability is above 1e-6 and more than three times that of
  the better of OMD and FP.
  """
  for kind in KINDS:
    runs: dict[str, list[list[float]]] = {name: [] for name in METHODS}
    with progress.progress_bar(
      NUM_GAMES, unit="game", title=kind, keep=False
    ) as bar:
      for seed in range(NUM_GAMES):
        model = random_game(kind, seed)
        for name, method in METHODS.items():
          of_points = [
            _exploitabilities(model, name, point) for point in method.points()
          ]
          runs[name].append(min(of_points, key=lambda values: values[-1]))
        bar.update(1)
    best = np.min([np.array(runs[name])[:, -1] for name in BASELINES], axis=0)
    for name in METHODS:
      summary = _summary(np.array(runs[name]), best)
      yield {"kind": kind, "method": name, **summary}


def _summary(values: np.ndarray, best: np.ndarray) -> dict[str, float]:
  """Returns the columns of a method.

  `values` are (games, measurements); `best`, (games,), is the better baseline.
  """
  row: dict[str, float] = {}
  for index in (1, -1):
    row[f"median, {MEASURED_AFTER[index]}"] = float(np.median(values[:, index]))
    row[f"worst, {MEASURED_AFTER[index]}"] = float(values[:, index].max())
  last = values[:, -1]
  for level in LEVELS:
    row[f"to {level:.0e}"] = int((last <= level).sum())
  row["behind"] = int((last > np.maximum(FACTOR * best, LEVELS[-1])).sum())
  return row


def _exploitabilities(
  model: model_lib.MeanFieldModel, name: str, point: Mapping[str, Any]
) -> list[float]:
  """Returns exploitabilities relative to that of the uniform policy."""
  method = METHODS[name]
  options = {**method.options, **point}
  algorithm = registry.create_algorithm(method.algorithm, model, **options)
  eta = options["regularization"] if name in REGULARIZED else 0.0
  uniform = model.exploitability(
    tabular_policies.uniform_policy(model.legal_actions_mask), eta
  )
  values: list[float] = []
  count = 0
  for stop in MEASURED_AFTER:
    # A method that has converged is not continued.
    while count < stop and (not values or values[-1] > ROUNDING):
      algorithm.iteration()
      count += 1
    value = model.exploitability(algorithm.policy, eta) / uniform
    values.append(max(value, 0.0))
  return values


def random_game(kind: str, seed: int) -> model_lib.MeanFieldModel:
  """Returns a random monotone game.

  Args:
    kind: One of `KINDS`.
    seed: Seed of the random numbers. Even seeds give one-shot games.
  """
  rng = np.random.default_rng(seed)
  size = int(rng.integers(3, 11))
  interaction = interaction_matrix(kind, size, rng)
  uniform = np.full(size, 1 / size)
  if seed % 2:
    kernel = rng.dirichlet(np.full(size, 0.3), size=(size, 3))
    base = rng.normal(size=(size, 3)) * 10 ** rng.uniform(-2, 0)
    horizon = int(rng.integers(2, 7))
  else:
    kernel = np.zeros((size, size, size))
    kernel[:, np.arange(size), np.arange(size)] = 1.0
    at_equilibrium = rng.dirichlet(np.ones(size))
    base = 0.3 * rng.normal(size=size)
    if seed % 4:  # All states are equally good at this equilibrium.
      base = -interaction @ at_equilibrium
    base = np.repeat(base[:, None], size, axis=1)
  mdp = mdp_lib.MeanFieldMDP(
    kernel,
    lambda mean_field: base + (interaction @ mean_field)[:, None],
    DISCOUNT,
    uniform,
  )
  if seed % 2:
    return compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon))
  return stationary_model.StationaryModel(mdp)


def interaction_matrix(
  kind: str, size: int, rng: np.random.Generator
) -> np.ndarray:
  """Returns M, (size, size), whose symmetric part is negative semidefinite."""
  potential = rng.normal(size=(size, size))
  potential = -potential @ potential.T / size
  rotation = rng.normal(size=(size, size))
  rotation = rotation - rotation.T
  if kind == "potential":
    return potential
  if kind == "rotational":
    return rotation - 10 ** rng.uniform(-3, -1) * np.eye(size)
  return rng.random() * potential + rng.random() * rotation
