"""Tests of the runs of the study of the paper's claim."""

import dataclasses

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.runs import experiment as experiment_lib

SMALL = claim_grid.Grid(
  settings=("two_islands",),
  etas=(0.3,),
  num_policy_updates=(1, 3),
  num_population_steps=(2, None),
  learning_rates=(0.01, 10.0),
  num_iterations=30,
)


def test_the_default_grid_has_all_combinations():
  grid = claim_grid.Grid()
  runs = list(claim_grid.create_experiments(grid))
  assert len({run.file_name for run in runs}) == len(runs)
  for setting in experiments.PANELS:
    for eta in experiments.ETAS:
      case = [run for run in runs if run[:2] == (setting, eta)]
      ours = {run[4:] for run in case if run.method == "MF-TRPO"}
      assert ours == {
        *((updates, None, "one_state") for updates in (1, 5, 10, 20)),
        (10, 1, "one_state"),
        (10, 1, "uniform"),
        (10, 10, "one_state"),
        (10, 10, "uniform"),
      }
      rates = {run.learning_rate for run in case if run.method == "OMD"}
      assert rates == {0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0}
      for method in ("FP", "FP softmax", "FP regularized"):
        averaging = {run.learning_rate for run in case if run.method == method}
        assert averaging == {None, 0.01}


def test_a_step_that_is_too_large_for_regularized_omd_is_left_out():
  runs = claim_grid.create_experiments(SMALL)
  rates = {run.learning_rate for run in runs if run.method == "OMD regularized"}
  assert rates == {0.01}


def test_long_runs_come_last():
  runs = list(claim_grid.create_experiments(SMALL))
  num_baselines = sum(not run.is_mf_trpo for run in runs)
  assert not any(run.is_mf_trpo for run in runs[:num_baselines])
  assert [
    (run.method, run.num_policy_updates, run.num_population_steps)
    for run in runs[num_baselines:]
  ] == [
    ("MF-TRPO", 1, None),
    ("MF-TRPO warm", 1, None),
    ("MF-TRPO", 3, None),
    ("MF-TRPO warm", 1, 2),
    ("MF-TRPO warm", 1, 2),
    ("MF-TRPO", 3, 2),
    ("MF-TRPO", 3, 2),
  ]


@pytest.mark.parametrize("start", claim_grid.INITIAL_DISTRIBUTIONS)
def test_a_run_of_mf_trpo_is_that_of_the_class(start):
  name = claim_grid.RunName(
    "two_islands", 0.3, claim_grid.MF_TRPO, None, 3, 2, start
  )
  experiment = claim_grid.create_experiments(SMALL)[name]
  found = experiment_lib.run_experiment(experiment).records[-1]
  game = factory.create_game(setting="two_islands")
  mdp = game.mean_field_mdp()
  if start == "uniform":
    mdp = dataclasses.replace(mdp, initial_distribution=np.full(14, 1 / 14))
  model = stationary_model.StationaryModel(mdp)
  algorithm = mf_trpo.MFTRPO(model, 0.3, 3, 2, 0.01)
  for _ in range(30):
    algorithm.iteration()
  assert found.iteration == 30
  assert found.regularized_exploitability == pytest.approx(
    model.exploitability(algorithm.policy, 0.3), rel=1e-9
  )
  assert found.exploitability == pytest.approx(
    model.exploitability(algorithm.policy), rel=1e-9
  )


def test_omd_is_plain_but_measured_with_eta():
  name = claim_grid.RunName("two_islands", 0.3, claim_grid.OMD, 0.01)
  experiment = claim_grid.create_experiments(SMALL)[name]
  found = experiment_lib.run_experiment(experiment).records[-1]
  game = factory.create_game(setting="two_islands")
  model = stationary_model.StationaryModel(game.mean_field_mdp())
  algorithm = mirror_descent.MirrorDescent(model, lr=0.01)
  for _ in range(30):
    algorithm.iteration()
  assert found.regularized_exploitability == pytest.approx(
    model.exploitability(algorithm.policy, 0.3), rel=1e-9
  )


def test_baselines_do_not_depend_on_the_initial_distribution():
  """Each policy with full support has one invariant distribution."""
  for setting in experiments.PANELS:
    game = factory.create_game(setting=setting)
    model = stationary_model.StationaryModel(game.mean_field_mdp())
    shape = model.legal_actions_mask.shape
    uniform = np.full(shape, 1 / shape[1])
    law = model.mean_field(uniform)
    moved = dataclasses.replace(
      game.mean_field_mdp(),
      initial_distribution=np.full(len(law), 1 / len(law)),
    )
    np.testing.assert_allclose(
      stationary_model.StationaryModel(moved).mean_field(uniform),
      law,
      rtol=0,
      atol=1e-12,
    )
