"""Tests of runs that end when they are at rest."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import run_to_rest
from mftrpo_openspiel.runs import run_loop

OMD = experiments.RunName("two_islands", "OMD", 0.3)


def dense_run(experiment):
  """Returns records and algorithm of a complete run with one solver."""
  game = experiment.create_game()
  model = stationary_model.StationaryModel(
    game.mean_field_mdp(), game, solver="dense LU"
  )
  algorithm = registry.create_algorithm(
    experiment.algorithm, model, **experiment.options
  )
  sink = run_loop.MemorySink(keep_mean_fields=False)
  run_loop.run(
    algorithm,
    "stationary",
    experiment.num_iterations,
    experiment.regularization,
    experiment.record_at(),
    sink,
  )
  return sink.records, algorithm


def assert_agree(records, expected_records):
  for record, expected in zip(records, expected_records, strict=True):
    for name in iteration_loop.NUMBERS:
      if name != "seconds":
        assert getattr(record, name) == pytest.approx(
          getattr(expected, name), rel=1e-12, abs=1e-11
        ), name


@pytest.mark.slow
@pytest.mark.parametrize(
  "name",
  [
    name
    for name in experiments.create_experiments()
    if name.setting == "two_islands" or name.method == "MF-TRPO warm"
  ],
  ids=lambda name: name.file_name,
)
def test_results_do_not_depend_on_the_solver_after_the_first_iterations(name):
  num_iterations = run_to_rest.NUM_DENSE_ITERATIONS + 30
  experiment = experiments.create_experiments(num_iterations)[name]
  result = run_to_rest.run_to_rest(experiment)
  records, algorithm = dense_run(experiment)
  assert_agree(result.records, records)
  np.testing.assert_allclose(
    result.final_mean_field, algorithm.mean_field, rtol=0, atol=1e-12
  )
  assert sorted(result.mean_fields) == experiments.mean_field_iterations(
    name.setting, num_iterations
  )
  assert 0 < result.relative_entropy <= 1
  assert result.num_performed == num_iterations


@pytest.mark.slow
def test_a_run_ends_when_it_is_at_rest():
  experiment = experiments.create_experiments(1200)[OMD]
  result = run_to_rest.run_to_rest(experiment)
  assert 500 < result.num_performed < 1000
  records, algorithm = dense_run(experiment)
  assert_agree(result.records, records)
  np.testing.assert_allclose(
    result.final_mean_field, algorithm.mean_field, rtol=0, atol=1e-12
  )
  assert max(result.mean_fields) == 1200
  assert result.record_at(1100).iteration == 1096
  whole = run_to_rest.run_to_rest(experiment, comes_to_rest=False)
  assert whole.num_performed == 1200
