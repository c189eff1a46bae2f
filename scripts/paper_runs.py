"""The runs behind the figures of the paper, performed many at a time.

Runs that differ in the game and in eta alone are one run on the union of the
games. It rounds in another way than they would by themselves, and at first that
matters: while the crowd sloshes about, chains almost fall apart and a
difference in the last digit grows by as much as 1e14, and the crowd's symmetry
gives best responses ties to break. So each algorithm takes its first iterations
alone, and with dense LU. Every number is then that of a run by itself, to
1e-11.
"""

from collections.abc import Sequence
import dataclasses
import time

import numpy as np

from mftrpo_openspiel import entropy
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import runs
from mftrpo_openspiel import stationary_model
from mftrpo_openspiel import union_model
from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import factory as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import paper_experiments

Batch = list[paper_experiments.Experiment]

# By method: iterations after which rounding does not grow, and there are no
# ties.
NUM_ALONE = {
  "MF-TRPO": 100,
  "MF-TRPO warm": 150,
  "FP": 75,
  "FP regularized": 75,
  "OMD": 0,
}


def batches(experiments: Sequence[paper_experiments.Experiment]) -> list[Batch]:
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
  experiment: paper_experiments.Experiment,
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


def _algorithm(
  experiment: paper_experiments.Experiment,
) -> algorithm_lib.MeanFieldAlgorithm:
  game = game_factory.create_game(setting=experiment.setting)
  return algorithm_factory.create_algorithm(
    experiment.algorithm,
    stationary_model.StationaryModel(
      game.mean_field_mdp(), game, solver="dense LU"
    ),
    **experiment.options,
  )


def perform(
  batch: Batch, num_iterations: int
) -> list[paper_experiments.Result]:
  """Runs the experiments of one batch on stationary models."""
  num_alone = NUM_ALONE[batch[0].method]
  singles = [_algorithm(experiment) for experiment in batch]
  mdps = [single.model.mdp for single in singles]
  units = np.array([run.options.get("temperature", 1.0) for run in batch])
  model = union_model.UnionModel(
    list(map(_in_units, mdps, units)),
    [run.options.get("regularization", 0.0) for run in batch],
  )
  algorithm = algorithm_factory.create_algorithm(
    batch[0].algorithm, model, **_union_options(batch[0])
  )
  etas = np.array([run.eta or paper_experiments.LOW_ETA for run in batch])
  moments = [
    paper_experiments.moments_of(experiment.setting, num_iterations)
    for experiment in batch
  ]
  record_at = {*runs.log_spaced_iterations(num_iterations)}.union(*moments)
  records = [[] for _ in batch]
  mean_fields = [{} for _ in batch]
  seconds = 0.0
  for iteration in range(num_iterations + 1):
    before = algorithm.policy, algorithm.mean_field
    start = time.perf_counter()
    if iteration > num_alone:
      algorithm.iteration()
    elif iteration > 0:
      for single in singles:
        single.iteration()
      states = [single.state() for single in singles]
      algorithm.restore(model.join_states(states, algorithm.state()))
    seconds += (time.perf_counter() - start) / len(batch)
    if iteration in record_at:
      new_records = _records(
        algorithm, etas, units, iteration, seconds, *before
      )
      laws = model.split(len(batch) * algorithm.mean_field)
      for run in range(len(batch)):
        records[run].append(new_records[run])
        if iteration in moments[run]:
          mean_fields[run][iteration] = laws[run]
  return [
    paper_experiments.Result(
      records[run],
      mean_fields[run],
      records[run][-1].entropy / np.log(mdp.num_actions),
    )
    for run, mdp in enumerate(mdps)
  ]


def _records(
  algorithm: algorithm_lib.MeanFieldAlgorithm,
  etas: np.ndarray,
  units: np.ndarray,
  iteration: int,
  seconds: float,
  old_policy: np.ndarray,
  old_mean_field: np.ndarray,
) -> list[runs.Record]:
  """Returns the record of each run of an algorithm on a union.

  Args:
    algorithm: After the iteration.
    etas: (B,), of the regularized exploitability of each run.
    units: (B,), of its rewards.
    iteration: How many there were.
    seconds: Spent in them by each run.
    old_policy: Before the last iteration.
    old_mean_field: The same.
  """
  model: union_model.UnionModel = algorithm.model
  policy, mean_field = algorithm.policy, algorithm.mean_field
  masses = model.masses(mean_field)
  policy_change = np.abs(policy - old_policy).sum(axis=1)
  columns = (
    units * model.exploitabilities(policy),
    units * model.exploitabilities(policy, etas / units),
    model.masses(np.abs(mean_field - old_mean_field)) / masses,
    model.masses(mean_field * policy_change) / masses,
    model.masses(mean_field * entropy.entropy(policy)) / masses,
  )
  return [
    runs.Record(iteration, seconds, *map(float, numbers))
    for numbers in zip(*columns)
  ]
