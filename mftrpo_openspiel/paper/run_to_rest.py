"""Runs an experiment of the paper until it has converged.

The iterations of a regularized method converge until they change the mean field
and the policy by no more than rounding errors. The run is then "at rest": it
ends, and the remaining records repeat the last one.
"""

from collections.abc import Iterator
import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.runs import experiment as experiment_lib

# A regularized run is at rest when an iteration changes the mean field and the
# policy (averaged over the players) by less than this in the L1 norm. 5,000
# such changes add up to 1e-10.
LEAST_CHANGE = 2e-14
# The first iterations depend on rounding errors: while most of the crowd moves
# at once, its Markov chain is nearly decomposable, so that a difference in the
# last digit grows by a factor of up to 1e14, and best responses tie because the
# crowd is symmetric. All runs therefore start with the same solver, dense LU.
NUM_DENSE_ITERATIONS = 150


@dataclasses.dataclass(frozen=True, eq=False)
class RunToRest:
  """The result of a run.

  Attributes:
    records: Ordered by iteration.
    mean_fields: Iteration -> mean field of the algorithm, (S,), for the
      iterations that the figures show and for the last one.
    policy: (S, A), the final policy.
    num_performed: Number of iterations until the run was at rest, or all.
  """

  records: list[iteration_loop.Record]
  mean_fields: dict[int, np.ndarray]
  policy: np.ndarray
  num_performed: int

  @property
  def final_mean_field(self) -> np.ndarray:
    """The final mean field, (S,)."""
    return self.mean_fields[max(self.mean_fields)]

  @property
  def relative_entropy(self) -> float:
    """Mean entropy of the final policy, relative to the uniform policy."""
    return self.records[-1].entropy / float(np.log(self.policy.shape[1]))

  def record_at(self, iteration: int) -> iteration_loop.Record:
    """Returns the last record at or before `iteration`."""
    return [r for r in self.records if r.iteration <= iteration][-1]


def run_to_rest(
  experiment: experiment_lib.Experiment, comes_to_rest: bool = True
) -> RunToRest:
  """Runs an experiment on the stationary model.

  Args:
    experiment: One of `experiments.create_experiments`.
    comes_to_rest: Whether the run ends when it is at rest.
  """
  assert experiment.setting is not None
  keep_at = experiments.mean_field_iterations(
    experiment.setting, experiment.num_iterations
  )
  records: list[iteration_loop.Record] = []
  mean_fields = {}
  for algorithm, record in _recorded_iterations(experiment):
    records.append(record)
    if record.iteration in keep_at:
      mean_fields[record.iteration] = algorithm.mean_field
    change = max(record.mean_field_change, record.policy_change)
    if comes_to_rest and record.iteration > 0 and change < LEAST_CHANGE:
      break
  records += [
    dataclasses.replace(record, iteration=iteration)
    for iteration in experiment.record_at()
    if iteration > record.iteration
  ]
  for iteration in keep_at:
    mean_fields.setdefault(iteration, algorithm.mean_field)
  return RunToRest(records, mean_fields, algorithm.policy, record.iteration)


def _recorded_iterations(
  experiment: experiment_lib.Experiment,
) -> Iterator[tuple[algorithm_lib.MeanFieldAlgorithm, iteration_loop.Record]]:
  """Yields the algorithm and the record of each iteration with a record."""
  start = None
  for solver, num_iterations in (
    ("dense LU", min(NUM_DENSE_ITERATIONS, experiment.num_iterations)),
    ("auto", experiment.num_iterations),
  ):
    game = experiment.create_game()
    model = stationary_model.StationaryModel(
      game.mean_field_mdp(), game, solver=solver
    )
    algorithm = registry.create_algorithm(
      experiment.algorithm, model, **experiment.options
    )
    if start is not None:
      algorithm.restore(start.state)
    for finished in iteration_loop.iterations(
      algorithm,
      num_iterations,
      experiment.regularization,
      experiment.record_at(),
      seconds=start.seconds if start else 0.0,
      is_resumed=start is not None,
    ):
      if finished.record is not None:
        yield algorithm, finished.record
    start = finished
