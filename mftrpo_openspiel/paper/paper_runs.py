"""The runs behind the figures of the paper, performed many at a time.

Runs that differ in the game and in eta alone are one run on the union of the
games. It rounds in another way than they would by themselves, and at first that
matters: while the crowd sloshes about, chains almost fall apart and a
difference in the last digit grows by as much as 1e14, and the crowd's symmetry
gives best responses ties to break. So each algorithm takes its first iterations
alone, and with dense LU. Every number is then that of a run by itself, to
1e-11.

Regularized methods come to rest: their iterations move them by no more than
rounding does. Such a run is left as it is, and the others go on in a smaller
union.
"""

from collections.abc import Sequence
import dataclasses
import time

import numpy as np

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import experiments as experiments_lib
from mftrpo_openspiel.paper import union_model
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.utils import softmax

Batch = list[experiments_lib.Experiment]

# By method: iterations after which rounding does not grow, and there are no
# ties.
NUM_ALONE = {
  "MF-TRPO": 100,
  "MF-TRPO warm": 150,
  "FP": 75,
  "FP regularized": 75,
  "OMD": 0,
}


class _Run:
  """An experiment under way.

  Attributes:
    experiment: What is run.
    algorithm: For the iterations that it takes alone.
    moments: The iterations whose mean fields are kept.
  """

  def __init__(
    self, experiment: experiments_lib.Experiment, num_iterations: int
  ):
    """Initializes the run."""
    self.experiment = experiment
    game = game_factory.create_game(setting=experiment.setting)
    model = stationary_model.StationaryModel(
      game.mean_field_mdp(), game, solver="dense LU"
    )
    self.algorithm = algorithm_factory.create_algorithm(
      experiment.algorithm, model, **experiment.options
    )
    self.moments = experiments_lib.moments_of(
      experiment.setting, num_iterations
    )
    self._records: list[run_loop.Record] = []
    self._mean_fields: dict[int, np.ndarray] = {}
    self._mean_field: np.ndarray | None = None

  @property
  def mdp(self) -> mdp_lib.MeanFieldMDP:
    """What is played."""
    return self.algorithm.model.mdp

  @property
  def unit(self) -> float:
    """What rewards are divided by on a union."""
    return self.experiment.options.get("temperature", 1.0)

  @property
  def is_at_rest(self) -> bool:
    """Whether the last iteration moved a regularized run by rounding alone."""
    last = self._records[-1]
    change = max(last.mean_field_change, last.policy_change)
    is_least = change < experiments_lib.LEAST_CHANGE
    return is_least and self.experiment.eta is not None

  def record(self, record: run_loop.Record, mean_field: np.ndarray) -> None:
    """Adds what there is after an iteration."""
    self._records.append(record)
    self._mean_field = mean_field
    if record.iteration in self.moments:
      self._mean_fields[record.iteration] = mean_field

  def result(self, record_at: Sequence[int]) -> experiments_lib.Result:
    """Returns the result; later records are those of a run at rest."""
    last = self._records[-1]
    for iteration in record_at:
      if iteration > last.iteration:
        self.record(
          dataclasses.replace(last, iteration=iteration), self._mean_field
        )
    return experiments_lib.Result(
      self._records,
      self._mean_fields,
      last.entropy / np.log(self.mdp.num_actions),
      last.iteration,
    )


def batches(experiments: Sequence[experiments_lib.Experiment]) -> list[Batch]:
  """Returns the experiments in groups that run together, long ones first."""
  together: dict[tuple, Batch] = {}
  for experiment in experiments:
    options = sorted(_union_options(experiment).items())
    together.setdefault((experiment.algorithm, *options), []).append(experiment)

  def is_short(batch):
    first = batch[0]
    return (
      first.options.get("num_policy_updates", 1) == 1,
      first.algorithm != "fictitious_play",
    )

  return sorted(together.values(), key=is_short)


def _union_options(
  experiment: experiments_lib.Experiment,
) -> dict[str, float]:
  """Returns the options of the run on a union.

  Its weights are eta; rewards are in units of the temperature, if there is one.
  """
  options = dict(experiment.options)
  if "temperature" in options:
    options["temperature"] = 1.0
  elif "regularization" in options or experiment.algorithm != "fictitious_play":
    options["regularization"] = 1.0
  return options


def _in_units(mdp: mdp_lib.MeanFieldMDP, unit: float) -> mdp_lib.MeanFieldMDP:
  """Returns the MDP with all rewards divided by `unit`."""
  return dataclasses.replace(mdp, reward=lambda law: mdp.reward(law) / unit)


def _union(moving: Sequence[_Run]) -> algorithm_lib.MeanFieldAlgorithm:
  """Returns the algorithm of runs of one batch, on the union of their games."""
  model = union_model.UnionModel(
    [_in_units(run.mdp, run.unit) for run in moving],
    [run.experiment.options.get("regularization", 0.0) for run in moving],
  )
  experiment = moving[0].experiment
  return algorithm_factory.create_algorithm(
    experiment.algorithm, model, **_union_options(experiment)
  )


def perform(batch: Batch, num_iterations: int) -> list[experiments_lib.Result]:
  """Runs the experiments of one batch on stationary models."""
  num_alone = NUM_ALONE[batch[0].method]
  all_runs = [_Run(experiment, num_iterations) for experiment in batch]
  record_at = sorted(
    {*run_loop.log_spaced_iterations(num_iterations)}.union(
      *(run.moments for run in all_runs)
    )
  )
  moving, union = all_runs, _union(all_runs)
  seconds = 0.0
  for iteration in range(num_iterations + 1):
    before = union.policy, union.mean_field
    start = time.perf_counter()
    if iteration > num_alone:
      union.iteration()
    elif iteration > 0:
      for run in moving:
        run.algorithm.iteration()
      union.restore(
        union.model.join_states(
          [run.algorithm.state() for run in moving], union.state()
        )
      )
    seconds += (time.perf_counter() - start) / len(moving)
    if iteration not in record_at:
      continue
    states = union.model.split_state(union.state())
    records = _records(union, moving, iteration, seconds, *before)
    for run, record, state in zip(moving, records, states):
      run.record(record, state["mean_field"])
    resting = [run for run in moving if run.is_at_rest]
    if iteration <= num_alone or not resting:
      continue
    if len(resting) == len(moving):
      break
    states = [s for run, s in zip(moving, states) if run not in resting]
    moving = [run for run in moving if run not in resting]
    union = _union(moving)
    union.restore(union.model.join_states(states, union.state()))
  return [run.result(record_at) for run in all_runs]


def _records(
  union: algorithm_lib.MeanFieldAlgorithm,
  moving: Sequence[_Run],
  iteration: int,
  seconds: float,
  old_policy: np.ndarray,
  old_mean_field: np.ndarray,
) -> list[run_loop.Record]:
  """Returns the record of each run on a union.

  Args:
    union: The algorithm after the iteration.
    moving: The runs.
    iteration: How many there were.
    seconds: Spent in them by each run.
    old_policy: Before the last iteration.
    old_mean_field: The same.
  """
  units = np.array([run.unit for run in moving])
  etas = np.array(
    [run.experiment.eta or experiments_lib.LOW_ETA for run in moving]
  )
  model: union_model.UnionModel = union.model
  policy, mean_field = union.policy, union.mean_field
  masses = model.masses(mean_field)
  policy_change = np.abs(policy - old_policy).sum(axis=1)
  columns = (
    units * model.exploitabilities(policy),
    units * model.exploitabilities(policy, etas / units),
    model.masses(np.abs(mean_field - old_mean_field)) / masses,
    model.masses(mean_field * policy_change) / masses,
    model.masses(mean_field * softmax.entropy(policy)) / masses,
  )
  return [
    run_loop.Record(iteration, seconds, *map(float, numbers))
    for numbers in zip(*columns)
  ]
