"""The experiment of the companion paper: MF-TRPO with samples.

Ocello, Tiapkin, Mancini, Lauriere and Moulines, "Finite-Sample Convergence
Bounds for Trust Region Policy Optimization in Mean-Field Games" (ICML 2025,
arXiv:2505.22781), has one figure: the exploitability of sample-based MF-TRPO on
a 5x5 grid whose bottom-right corner is a point of interest, for eta = 0.05 over
10 seeds and for eta = 0.3 over 3 seeds. The paper does not give the number of
policy updates L, the number of population steps M, beta, the numbers of
trajectories and particles, or the initial distribution. The choices here are:

* The initial distribution is uniform. The equilibrium does not depend on it. If
  the population starts in a corner, most cells have no players at first, so
  that -log mu dominates the rewards, and most samples are spent on this phase.
* L, the length T of returns, beta and the number of trajectories come from a
  small study (docs/sampling.md). A larger L lowers the floor of the exact run,
  which is about 1 / (L + 1)^2, but not the noise. A larger T lowers the bias of
  returns and increases their noise. Both matter more for a lower eta, so that L
  and T depend on eta.

The criterion: at the largest budget, the median over seeds of the final
regularized exploitability is at most `FACTOR` times that of the exact run,
which is called its floor.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.runs import experiment as experiment_lib

# Setting of the game -> its name in figures; the first is the default.
SETTINGS = {
  "open_grid_poi_5x5": "Open 5x5 grid",
  "four_rooms_poi_5x5": "Four rooms, 5x5",
}
# eta -> number of seeds, as in the paper; L; and T, the length of a return.
NUM_SEEDS = {0.05: 10, 0.3: 3}
NUM_POLICY_UPDATES = {0.05: 1, 0.3: 5}
MAX_ROLLOUT_STEPS = {0.05: 8, 0.3: 22}
# Trajectories per iteration, shared by its L policy updates.
BUDGETS = (3_000, 30_000, 300_000)
# Trajectories per iteration divided by the number of particles.
TRAJECTORIES_PER_PARTICLE = 3
NUM_POPULATION_STEPS = 10
POPULATION_UPDATE_RATE = 0.2
NUM_ITERATIONS = 30
# The criterion, relative to the floor of the exact run.
FACTOR = 2.0
FIGURE = "companion.png"

Records = Sequence[iteration_loop.Record]


class RunName(NamedTuple):
  """What distinguishes the runs.

  Attributes:
    eta: The regularization.
    num_trajectories: Per iteration; None for the exact run.
    seed: Seed of the samples; 0 for the exact run.
  """

  eta: float
  num_trajectories: int | None
  seed: int

  @property
  def folder(self) -> str:
    """The name of its run directory."""
    if self.num_trajectories is None:
      return f"eta={self.eta:g},exact"
    return (
      f"eta={self.eta:g},num_trajectories={self.num_trajectories}"
      f",seed={self.seed}"
    )


Results = Mapping[RunName, Records]


def create_experiments(
  setting: str, budgets: Sequence[int] = BUDGETS
) -> dict[RunName, experiment_lib.Experiment]:
  """Returns the experiments by their names, the longest first.

  Args:
    setting: One of `SETTINGS`.
    budgets: Trajectories per iteration.
  """
  experiments = {}
  for eta, num_seeds in NUM_SEEDS.items():
    for budget in sorted(budgets, reverse=True):
      for seed in range(num_seeds):
        experiments[RunName(eta, budget, seed)] = _experiment(
          setting,
          eta,
          model="sampled",
          model_options={
            "num_trajectories": budget // NUM_POLICY_UPDATES[eta],
            "num_particles": budget // TRAJECTORIES_PER_PARTICLE,
            "max_rollout_steps": MAX_ROLLOUT_STEPS[eta],
            "seed": seed,
          },
        )
  for eta in NUM_SEEDS:
    experiments[RunName(eta, None, 0)] = _experiment(
      setting, eta, model="stationary"
    )
  return experiments


def _experiment(
  setting: str, eta: float, **fields: Any
) -> experiment_lib.Experiment:
  return experiment_lib.Experiment(
    setting=setting,
    game_parameters={"initial_distribution": "uniform"},
    algorithm="mf_trpo",
    options={
      "regularization": eta,
      "num_policy_updates": NUM_POLICY_UPDATES[eta],
      "num_population_steps": NUM_POPULATION_STEPS,
      "population_update_rate": POPULATION_UPDATE_RATE,
    },
    num_iterations=NUM_ITERATIONS,
    regularization=eta,
    record_every=1,
    **fields,
  )


class Verdict(NamedTuple):
  """The final results of the runs with one eta and budget.

  Attributes:
    eta: The regularization.
    num_trajectories: Per iteration.
    num_steps: Median number of environment steps of a run.
    finals: (num_seeds,), the final regularized exploitabilities.
    unregularized: Median of the final exploitabilities without regularization.
    floor: Final regularized exploitability of the exact run.
  """

  eta: float
  num_trajectories: int
  num_steps: float
  finals: np.ndarray
  unregularized: float
  floor: float

  @property
  def ratio(self) -> float:
    """The median of `finals` divided by the floor."""
    return float(np.median(self.finals)) / self.floor

  @property
  def holds(self) -> bool:
    """Whether the median is at most `FACTOR` times the floor."""
    return self.ratio <= FACTOR


def judge(results: Results) -> list[Verdict]:
  """Returns the verdicts, ordered by eta and then by budget."""
  verdicts = []
  for eta in NUM_SEEDS:
    exact, by_budget = _of_eta(results, eta)
    for budget, runs in by_budget.items():
      last = [records[-1] for records in runs]
      steps = [record.environment_steps or 0 for record in last]
      verdicts.append(
        Verdict(
          eta,
          budget,
          float(np.median(steps)),
          np.array([record.regularized_exploitability for record in last]),
          float(np.median([record.exploitability for record in last])),
          exact[-1].regularized_exploitability,
        )
      )
  return verdicts


def _of_eta(
  results: Results, eta: float
) -> tuple[Records, dict[int, list[Records]]]:
  """Returns the exact run of an eta, and the sampled runs by budget."""
  by_budget: dict[int, list[Records]] = {}
  for name in results:
    if name.eta == eta and name.num_trajectories is not None:
      by_budget.setdefault(name.num_trajectories, []).append(results[name])
  return results[RunName(eta, None, 0)], dict(sorted(by_budget.items()))


def figure(results: Results, setting: str) -> figure_lib.Figure:
  """Returns a panel for each exploitability and eta, against steps.

  Lines are medians over seeds, and bands span the full range. The exact run has
  no environment steps and is drawn at those of the largest budget.
  """
  panels = []
  for field, symbol in (
    ("regularized_exploitability", r"$\phi_\eta$"),
    ("exploitability", r"$\phi_0$"),
  ):
    for eta, num_seeds in NUM_SEEDS.items():
      exact, by_budget = _of_eta(results, eta)
      curves = []
      for budget, runs in by_budget.items():
        label = f"{budget:,} trajectories per iteration"
        curves.append(
          curve_plots.median_curve(
            [_curve(label, records, records, field) for records in runs]
          )
        )
      curves.append(_curve("exact", exact, runs[0], field))
      panels.append(
        curve_plots.Panel(
          curves,
          rf"{symbol}, $\eta$ = {eta:g}, {num_seeds} seeds",
          "Environment steps",
        )
      )
  return curve_plots.exploitability_figure(
    panels,
    "Discounted exploitability",
    log_x=True,
    title=f"{SETTINGS[setting]}: MF-TRPO with samples",
  )


def _curve(
  label: str, records: Records, at: Records, field: str
) -> curve_plots.Curve:
  """Returns the values of `records` at the steps of `at`, without the first."""
  return curve_plots.Curve(
    label,
    np.array([record.environment_steps for record in at[1:]]),
    np.array([getattr(record, field) for record in records[1:]]),
  )


def report(results: Results, setting: str) -> str:
  """Returns the report on the results, in Markdown."""
  verdicts = judge(results)
  lines = [
    "# MF-TRPO with samples: the experiment of the companion paper",
    "",
    f"{SETTINGS[setting]} with a point of interest, stationary model, uniform"
    f" initial distribution. {NUM_ITERATIONS} iterations of MF-TRPO as"
    f" published, M = {NUM_POPULATION_STEPS}, beta ="
    f" {POPULATION_UPDATE_RATE:g}, estimator baseline, one particle per"
    f" {TRAJECTORIES_PER_PARTICLE} trajectories. The companion paper does not"
    " give these settings; they were chosen here.",
    "",
    "| eta | L | T | trajectories per iteration | environment steps"
    " | final phi_eta: median | smallest | largest | phi_0: median"
    " | exact phi_eta"
    " | median / exact |",
    f"|{'---:|' * 11}",
  ]
  for v in verdicts:
    lines.append(
      f"| {v.eta:g} | {NUM_POLICY_UPDATES[v.eta]} | {MAX_ROLLOUT_STEPS[v.eta]}"
      f" | {v.num_trajectories:,}"
      f" | {v.num_steps:.1e} | {np.median(v.finals):.3g}"
      f" | {v.finals.min():.3g} | {v.finals.max():.3g}"
      f" | {v.unregularized:.3g} | {v.floor:.3g} | {v.ratio:.2f} |"
    )
  lines += ["", "## At the largest budget", ""]
  for eta in NUM_SEEDS:
    v = [verdict for verdict in verdicts if verdict.eta == eta][-1]
    lines.append(
      f"- eta {eta:g}: the median of phi_eta is {v.ratio:.2f} times the floor"
      f" of the exact run, {'within' if v.holds else 'not within'} the factor"
      f" {FACTOR:g}."
    )
  return "\n".join(lines) + "\n"
