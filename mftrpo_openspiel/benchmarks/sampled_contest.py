"""Compares algorithms that learn from samples, by number of environment steps.

Every method uses a `SampledModel` of the same game, with a budget of
environment steps. Its result is the policy of the last iteration that ended
within the budget, or the uniform policy if there is none. The unregularized
exploitability of this policy is computed on the exact model, to which the
methods have no access.

The division of the budget is tuned, too: for each value of `num_iterations`,
the number of trajectories per iteration, and half as many simulated players for
the mean field, are chosen such that the budget is used up. For each budget, a
method is run at all points of its grid with the `TUNING_SEEDS`. The point with
the smallest mean is run with the `SEEDS`, which are different, and only these
runs are reported. The steps of tuning do not count.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import itertools
from typing import Any

from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.utils import files

SETTING = "four_rooms_poi_5x5"
BUDGETS = (10**5, 10**6, 10**7)
TUNING_SEEDS = (1000,)
SEEDS = tuple(range(10))
# Number of simulated players for a mean field, per trajectory.
PARTICLES_PER_TRAJECTORY = 0.5
FIGURE = "sampled_contest.png"


@dataclasses.dataclass(frozen=True)
class Method:
  """A method and its settings.

  Attributes:
    algorithm: Its name in the registry.
    model: Options of the model that are not tuned.
    options: Options of the algorithm that are not tuned.
    grid: Option of model or algorithm -> values; all combinations are tried.
  """

  algorithm: str
  model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  grid: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)

  def points(self) -> list[dict[str, Any]]:
    """Returns the points of the grid."""
    return [
      dict(zip(self.grid, values))
      for values in itertools.product(*self.grid.values())
    ]


_FEW, _MANY = (10, 30), (30, 100)
_ETAS = (0.05, 0.3)
_ESTIMATORS = {
  "published": "published",
  "baseline": "baseline",
  "pair averages": "pair_averages",
}
METHODS = {
  **{
    f"MF-TRPO, {name}": Method(
      "mf_trpo",
      {"estimator": estimator},
      {"population_update_rate": 0.2},
      {
        "num_iterations": _FEW,
        "regularization": _ETAS,
        "num_policy_updates": (1, 3),
      },
    )
    for name, estimator in _ESTIMATORS.items()
  },
  **{
    f"MF-TRPO warm, {name}": Method(
      "mf_trpo",
      {"estimator": estimator},
      {
        "population_update_rate": 0.2,
        "num_policy_updates": 1,
        "warm_start": True,
        "max_step_count": 100,
      },
      {
        "num_iterations": _MANY,
        "regularization": _ETAS,
      },
    )
    for name, estimator in _ESTIMATORS.items()
  },
  "MF-TRPO annealed": Method(
    "annealed_mf_trpo",
    {"estimator": "pair_averages"},
    grid={"num_iterations": _MANY, "window": (10.0, 100.0)},
  ),
  "OMD": Method(
    "mirror_descent",
    {"estimator": "pair_averages"},
    grid={"num_iterations": _MANY, "lr": (0.1, 0.3, 1.0, 3.0)},
  ),
  "FP, sampled kernel": Method(
    "fictitious_play",
    {"best_response": "sampled_kernel"},
    grid={"num_iterations": _FEW, "lr": (None, 0.1)},
  ),
  "FP, Q-learning": Method(
    "fictitious_play",
    {"best_response": "q_learning"},
    grid={"num_iterations": _FEW, "lr": (None, 0.1)},
  ),
}
COLUMNS = {
  "environment steps": "<26",
  "method": "<26",
  "setting": "<70",
  "median": ">7.3f",
  "least": ">7.3f",
  "largest": ">7.3f",
}
METHOD_COLUMNS = {
  "method": "<26",
  "algorithm": "<18",
  "options": "<76",
  "tuned over": "<90",
  "grid": ">4",
}


def exploitability_within(
  exact: compiled_game.CompiledGame,
  method: Method,
  point: Mapping[str, Any],
  budget: int,
  seed: int,
) -> float:
  """Returns the exploitability of the result of a run within a budget.

  Args:
    exact: The exact model.
    method: The method.
    point: The point of its grid.
    budget: Number of environment steps.
    seed: Seed of the samples.
  """
  given = {**method.options, **point}
  num_iterations = given.pop("num_iterations")
  # Number of estimates of action values per iteration.
  num_calls = given.get("num_policy_updates", 1)
  length = int(exact.layers.max()) + 1
  num_trajectories = round(
    budget / num_iterations / length / (num_calls + PARTICLES_PER_TRAJECTORY)
  )
  model = sampled_model.SampledModel(
    exact,
    max(num_trajectories, 1),
    max(round(num_trajectories * PARTICLES_PER_TRAJECTORY), 1),
    seed=seed,
    **method.model,
  )
  algorithm = registry.create_algorithm(method.algorithm, model, **given)
  policy = algorithm.policy
  while True:
    algorithm.iteration()
    if model.num_environment_steps > budget:
      return exact.exploitability(policy)
    policy = algorithm.policy


def tuned(
  exact: compiled_game.CompiledGame, method: Method, budget: int
) -> tuple[dict[str, Any], np.ndarray]:
  """Returns the best point of a method, and the exploitabilities with it.

  The latter are an array (seeds,), one for each of the `SEEDS`.
  """

  def runs(point: Mapping[str, Any], seeds: Sequence[int]) -> np.ndarray:
    return np.array(
      [
        exploitability_within(exact, method, point, budget, seed)
        for seed in seeds
      ]
    )

  best = min(
    method.points(),
    key=lambda point: runs(point, TUNING_SEEDS).mean(),
  )
  return best, runs(best, SEEDS)


def table(logdir: str | None) -> Iterator[dict[str, Any]]:
  """Yields a row for each budget and method, and draws a figure at the end.

  The figure is saved in `logdir`, if given.
  """
  exact = compiled_game.CompiledGame(factory.create_game(setting=SETTING))
  finals: dict[str, list[np.ndarray]] = {name: [] for name in METHODS}
  for budget in BUDGETS:
    for name, method in METHODS.items():
      point, values = tuned(exact, method, budget)
      finals[name].append(values)
      yield {
        "environment steps": f"{budget:,} environment steps",
        "method": name,
        "setting": text(point),
        "median": float(np.median(values)),
        "least": float(values.min()),
        "largest": float(values.max()),
      }
  if logdir:
    figures.save(_figure(finals), files.folder(logdir) / FIGURE)


def _figure(finals: Mapping[str, Sequence[np.ndarray]]) -> figure_lib.Figure:
  """Returns curves over the budgets, from (seeds,) values at each."""
  curves = [
    curve_plots.median_curve(
      [
        curve_plots.Curve(name, np.array(BUDGETS, float), np.array(run))
        for run in zip(*values)
      ]
    )
    for name, values in finals.items()
  ]
  return curve_plots.exploitability_figure(
    [curve_plots.Panel(curves, xlabel="Environment steps")],
    curve_plots.exploitability_label("NashConv"),
    log_x=True,
    title=f"{SETTING}: learning from samples",
    note="each method at the best point of its grid for each budget",
  )


def method_table() -> Iterator[dict[str, Any]]:
  """Yields a row for each method, with its grid."""
  for name, method in METHODS.items():
    yield {
      "method": name,
      "algorithm": method.algorithm,
      "options": text({**method.model, **method.options}),
      "tuned over": "; ".join(
        f"{option}: {', '.join(map(str, values))}"
        for option, values in method.grid.items()
      ),
      "grid": len(method.points()),
    }


def text(options: Mapping[str, Any]) -> str:
  """Returns options as text for a table."""
  return ", ".join(f"{name}={value}" for name, value in options.items())
