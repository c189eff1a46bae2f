import dataclasses

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import paper_runs
from mftrpo_openspiel.runs import run_loop

BATCHES = paper_runs.batches(experiments.experiments())
# Beyond the iterations that algorithms take alone.
NUM_ITERATIONS = max(paper_runs.NUM_ALONE.values()) + 30


def plain_records(experiment, num_iterations):
  """Records of the run by itself, where ties break as by dense LU."""
  game = game_factory.create_game(setting=experiment.setting)
  algorithm = algorithm_factory.create_algorithm(
    experiment.algorithm,
    stationary_model.StationaryModel(
      game.mean_field_mdp(), game, solver="dense LU"
    ),
    **experiment.options,
  )
  record_at = run_loop.log_spaced_iterations(num_iterations)
  eta = experiment.eta or experiments.LOW_ETA
  memory = run_loop.MemorySink(keep_mean_fields=False)
  run_loop.run(algorithm, "stationary", num_iterations, eta, record_at, memory)
  return memory.records, algorithm


def assert_agree(records, expected_records, tolerance):
  for record, expected in zip(records, expected_records, strict=True):
    expected = dataclasses.asdict(expected) | {"seconds": record.seconds}
    assert dataclasses.asdict(record) == pytest.approx(
      expected, rel=0, abs=tolerance
    )


def test_every_experiment_is_in_one_batch():
  names = [experiment.name for batch in BATCHES for experiment in batch]
  assert len(names) == len(set(names))
  assert set(names) == {run.name for run in experiments.experiments()}
  assert len(BATCHES) < len(names) / 3


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: batch[0].name)
def test_runs_together_are_the_runs_alone(batch):
  # Runs on grids take long.
  few = [run for run in batch if run.setting == "two_islands"]
  if batch[0].algorithm == "mirror_descent" or batch[0].eta is None:
    few = batch
  results = paper_runs.perform(few, NUM_ITERATIONS)
  for experiment, result in zip(few, results, strict=True):
    records, algorithm = plain_records(experiment, NUM_ITERATIONS)
    assert_agree(result.records, records, 1e-12)
    moments = experiments.moments_of(experiment.setting, NUM_ITERATIONS)
    assert sorted(result.mean_fields) == moments
    assert result.mean_fields[NUM_ITERATIONS] == pytest.approx(
      algorithm.mean_field, rel=0, abs=1e-13
    )
    assert 0 < result.entropy <= 1
    assert result.records[-1].seconds > 0
    assert result.num_performed == NUM_ITERATIONS


def test_runs_at_rest_are_left_there():
  num_iterations = 1200
  (batch,) = (batch for batch in BATCHES if batch[0].method == "OMD")
  islands = [run for run in batch if run.setting == "two_islands"]
  results = paper_runs.perform(islands, num_iterations)
  num_performed = {}
  for experiment, result in zip(islands, results, strict=True):
    num_performed[experiment.eta] = result.num_performed
    records, algorithm = plain_records(experiment, num_iterations)
    assert_agree(result.records, records, 1e-11)
    np.testing.assert_allclose(
      result.mean_fields[num_iterations], algorithm.mean_field, atol=1e-12
    )
  # By then, the others move by 1e-6 and more.
  assert num_performed.pop(experiments.HIGH_ETA) < 1000
  assert set(num_performed.values()) == {num_iterations}
