"""The runs that compare MF-TRPO with its baselines for many readings.

The paper claims that MF-TRPO gives "superior results in the long run" compared
with Fictitious Play (FP) and Online Mirror Descent (OMD). It leaves several
choices open on which this depends. `create_experiments` returns runs of

* MF-TRPO as printed, for numbers L of policy updates and M of population steps
  per iteration, and initial distributions of the population. M and the initial
  distribution are varied for one L only;
* MF-TRPO with a warm start and L = 1, since Algorithm 2 of the paper
  initializes a policy that Algorithm 1 does not use;
* OMD, plain or of the regularized game, for several learning rates;
* FP with best responses, softmax responses or best responses of the regularized
  game, which averages with the weights 1 / (k + 1) or with the constant
  population update rate of the paper.

The baselines begin with the mean field of the uniform policy and do not depend
on the initial distribution of the population: each of these games has one
invariant distribution for every policy with full support. MF-TRPO in the limit
of many population steps has only one run, too: the weight of the initial
distribution is (1 - beta)^k in iteration k, which is below 1e-21 at the end.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import NamedTuple

from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.runs import experiment as experiment_lib

# The games of the paper with each crowd aversion.
SETTINGS = (*experiments.PANELS, *experiments.OTHER_AVERSION.values())
# The name of the limit of many population steps, M = None.
LIMIT = "limit"
# Name of an initial distribution -> the game parameters that it changes. The
# games of the paper start in one state by default.
INITIAL_DISTRIBUTIONS: dict[str, dict[str, str]] = {
  "one_state": {},
  "uniform": {"initial_distribution": "uniform"},
}
MF_TRPO, MF_TRPO_WARM = "MF-TRPO", "MF-TRPO warm"
FP, FP_SOFTMAX, FP_REGULARIZED = "FP", "FP softmax", "FP regularized"
OMD, OMD_REGULARIZED = "OMD", "OMD regularized"
# OpenSpiel's default.
OMD_LEARNING_RATE = 0.01
_RATE = experiments.PAPER["population_update_rate"]
# Learning rates of FP; None is 1 / (k + 1) in iteration k = 1, 2, ...
FP_LEARNING_RATES = (None, _RATE)


class RunName(NamedTuple):
  """What distinguishes the runs.

  Attributes:
    setting: The setting of the game, see `games/factory.py`.
    eta: The regularization of MF-TRPO and of phi_eta. Methods without
      regularization have a run for each eta too, measured with it.
    method: One of the names above.
    learning_rate: The learning rate of a baseline; None for the weights
      1 / (k + 1) of FP.
    num_policy_updates: L of MF-TRPO.
    num_population_steps: M of MF-TRPO; None is the limit of many.
    initial_distribution: One of `INITIAL_DISTRIBUTIONS`, for MF-TRPO.
  """

  setting: str
  eta: float
  method: str
  learning_rate: float | None = None
  num_policy_updates: int | None = None
  num_population_steps: int | None = None
  initial_distribution: str | None = None

  @property
  def is_mf_trpo(self) -> bool:
    """Whether this is a run of MF-TRPO and not of a baseline."""
    return self.method in (MF_TRPO, MF_TRPO_WARM)

  @property
  def population_steps_text(self) -> str:
    """M as text."""
    return str(self.num_population_steps or LIMIT)

  @property
  def is_regularized(self) -> bool:
    """Whether this is a run of a regularized method, which comes to rest."""
    return self.method not in (OMD, FP)

  @property
  def file_name(self) -> str:
    """File name of the run without a suffix."""
    start = f"{self.setting},eta={self.eta:g},{self.method.replace(' ', '_')}"
    if self.is_mf_trpo:
      return (
        f"{start},L={self.num_policy_updates},M={self.population_steps_text}"
        f",{self.initial_distribution}"
      )
    if self.learning_rate is None:
      return start
    return f"{start},lr={self.learning_rate:g}"


@dataclasses.dataclass(frozen=True)
class Grid:
  """The values of each choice.

  Attributes:
    settings: The settings of the games.
    etas: The regularizations, each > 0.
    num_policy_updates: L of MF-TRPO.
    num_population_steps: M of MF-TRPO; None is the limit of many. All L are run
      with the last one.
    initial_distributions: Of `INITIAL_DISTRIBUTIONS`; all L are run with the
      first one.
    learning_rates: Those of OMD, each > 0. Regularized OMD has no run where
      lr * eta >= 1.
    num_iterations: Number of iterations of each run.
  """

  settings: Sequence[str] = tuple(experiments.PANELS)
  etas: Sequence[float] = experiments.ETAS
  num_policy_updates: Sequence[int] = (1, 5, 10, 20)
  num_population_steps: Sequence[int | None] = (1, 10, None)
  initial_distributions: Sequence[str] = tuple(INITIAL_DISTRIBUTIONS)
  learning_rates: Sequence[float] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
  num_iterations: int = experiments.PAPER["num_iterations"]

  @property
  def main_policy_updates(self) -> int:
    """The L for which M and the initial distribution are varied."""
    default = experiments.PAPER["num_policy_updates"]
    known = self.num_policy_updates
    return default if default in known else max(known)

  @property
  def main_population_steps(self) -> int | None:
    """The M with which all L are run."""
    return self.num_population_steps[-1]

  @property
  def main_initial_distribution(self) -> str:
    """The initial distribution with which all L are run."""
    return self.initial_distributions[0]

  def main_runs(self, setting: str, eta: float) -> list[RunName]:
    """Returns the runs of MF-TRPO for each L, and the one with warm start."""
    methods = [(MF_TRPO, updates) for updates in self.num_policy_updates]
    return [
      RunName(
        setting,
        eta,
        method,
        None,
        updates,
        self.main_population_steps,
        self.main_initial_distribution,
      )
      for method, updates in (*methods, (MF_TRPO_WARM, 1))
    ]


def create_experiments(
  grid: Grid,
) -> dict[RunName, experiment_lib.Experiment]:
  """Returns the experiments by their names.

  The baselines come first, then MF-TRPO in the limit of many population steps,
  and then MF-TRPO with few of them; both are ordered by L.
  """
  runs: dict[RunName, experiment_lib.Experiment] = {}
  for setting in grid.settings:
    for eta in grid.etas:
      runs |= {
        name: _experiment(grid, name, algorithm, options)
        for name, algorithm, options in (
          *_baselines(grid, setting, eta),
          *_mf_trpo(grid, setting, eta),
        )
      }
  return dict(sorted(runs.items(), key=lambda run: _order(run[0])))


def _order(name: RunName) -> tuple[bool, int, int]:
  """Returns the key by which runs are sorted."""
  steps = name.num_population_steps or 0
  return steps > 0, name.num_policy_updates or 0, steps


_Choice = tuple[RunName, str, Mapping[str, Any]]


def _baselines(grid: Grid, setting: str, eta: float) -> list[_Choice]:
  """Returns name, algorithm and options of each baseline."""
  choices: list[_Choice] = []
  for lr in grid.learning_rates:
    name = RunName(setting, eta, OMD, lr)
    choices.append((name, "mirror_descent", {"lr": lr}))
    if lr * eta < 1:
      options = {"lr": lr, "regularization": eta}
      name = name._replace(method=OMD_REGULARIZED)
      choices.append((name, "mirror_descent", options))
  for rate in FP_LEARNING_RATES:
    averaging = {} if rate is None else {"lr": rate}
    for method, response in (
      (FP, {}),
      (FP_SOFTMAX, {"temperature": eta}),
      (FP_REGULARIZED, {"regularization": eta}),
    ):
      name = RunName(setting, eta, method, rate)
      choices.append((name, "fictitious_play", averaging | response))
  return choices


def _mf_trpo(grid: Grid, setting: str, eta: float) -> list[_Choice]:
  """Returns name, algorithm and options of each run of MF-TRPO."""
  names = grid.main_runs(setting, eta)
  for start in grid.initial_distributions:
    for steps in grid.num_population_steps:
      if steps is None and start != grid.main_initial_distribution:
        continue
      for method, updates in (
        (MF_TRPO, grid.main_policy_updates),
        (MF_TRPO_WARM, 1),
      ):
        names.append(RunName(setting, eta, method, None, updates, steps, start))
  choices: list[_Choice] = []
  for name in names:
    options = {
      "regularization": eta,
      "population_update_rate": _RATE,
      "num_policy_updates": name.num_policy_updates,
      "num_population_steps": name.num_population_steps,
    }
    if name.method == MF_TRPO_WARM:
      options["warm_start"] = True
    choices.append((name, "mf_trpo", options))
  return choices


def _experiment(
  grid: Grid, name: RunName, algorithm: str, options: Mapping[str, Any]
) -> experiment_lib.Experiment:
  start = name.initial_distribution
  return experiment_lib.Experiment(
    setting=name.setting,
    game_parameters=INITIAL_DISTRIBUTIONS[start] if start else {},
    model="stationary",
    algorithm=algorithm,
    options=options,
    num_iterations=grid.num_iterations,
    regularization=name.eta,
    num_records=experiments.NUM_RECORDS,
  )
