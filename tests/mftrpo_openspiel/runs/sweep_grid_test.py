"""Tests of the runs of a grid."""

import itertools
import re

import command_line
import pytest
import sweep_runs

from mftrpo_openspiel.scripts import experiment_flags


def solved(*arguments):
  """Returns the experiment that mftrpo-solve would run."""
  with command_line.given(experiment_flags.define_flags, *arguments):
    return experiment_flags.from_flags()


def test_each_combination_is_what_solve_runs_with_these_flags():
  runs, notes = sweep_runs.expand(
    ["regularization=0.05,0.3", "game_parameters.seed=1,2"],
    "--setting=two_islands",
    "--algorithm=mf_trpo",
    "--warm_start",
    "--num_iterations=7",
    "--game_parameters=crowd_aversion=0.4",
  )
  assert [run.experiment for run in runs] == [
    solved(
      "--setting=two_islands",
      "--algorithm=mf_trpo",
      "--warm_start",
      "--num_iterations=7",
      f"--regularization={eta}",
      f"--game_parameters=seed={seed},crowd_aversion=0.4",
    )
    for eta, seed in itertools.product((0.05, 0.3), (1, 2))
  ]
  assert [run.name for run in runs] == [
    "regularization=0.05,seed=1",
    "regularization=0.05,seed=2",
    "regularization=0.3,seed=1",
    "regularization=0.3,seed=2",
  ]
  assert runs[2].varied == {"regularization": 0.3, "game_parameters.seed": 1}
  assert not notes


def test_options_not_taken_are_ignored_and_equal_runs_are_one():
  runs, notes = sweep_runs.expand(
    [
      "setting=four_rooms,two_islands",
      "algorithm=mf_trpo,fictitious_play",
      "population_update_rate=0.01,0.1",
      "game_parameters.seed=1,2,3",
    ],
    "--learning_rate=0.5",
  )
  mf_trpo = [{"population_update_rate": rate} for rate in (0.01, 0.1)]
  expected = [
    (setting, algorithm, options, parameters)
    for setting, all_parameters in (
      ("four_rooms", [{}]),
      ("two_islands", [{"seed": seed} for seed in (1, 2, 3)]),
    )
    for algorithm, all_options in (
      ("mf_trpo", mf_trpo),
      ("fictitious_play", [{"lr": 0.5}]),
    )
    for options in all_options
    for parameters in all_parameters
  ]
  assert [
    (
      run.experiment.setting,
      run.experiment.algorithm,
      run.experiment.options,
      run.experiment.game_parameters,
    )
    for run in runs
  ] == expected
  assert runs[2].name == "setting=four_rooms,algorithm=fictitious_play"
  assert runs[2].varied == {
    "setting": "four_rooms",
    "algorithm": "fictitious_play",
    "population_update_rate": None,
    "game_parameters.seed": None,
  }
  assert notes == [
    "learning_rate is ignored for mf_trpo.",
    "game_parameters.seed is ignored for python_mfg_four_rooms.",
    "population_update_rate is ignored for fictitious_play.",
    "24 combinations give 12 different runs.",
  ]


def test_evaluation_regularization_is_given_or_that_of_the_algorithm():
  algorithms = "algorithm=openspiel_fictitious_play,fictitious_play"
  arguments = ("--game_name=mfg_garnet", "--model=openspiel")
  runs, notes = sweep_runs.expand(
    [algorithms, "regularization=0.1,0.2"], *arguments
  )
  assert [run.experiment.regularization for run in runs] == [0.05, 0.1, 0.2]
  assert notes == [
    "regularization is ignored for openspiel_fictitious_play.",
    "4 combinations give 3 different runs.",
  ]
  runs, notes = sweep_runs.expand(
    [algorithms, "evaluation_regularization=0.1,0.2"],
    *arguments,
  )
  assert [run.experiment.regularization for run in runs] == [0.1, 0.2] * 2
  assert not notes


def test_options_of_the_model_are_axes():
  runs, notes = sweep_runs.expand(
    ["model=sampled,stationary", "seed=0,1", "estimator=published,baseline"],
    "--setting=two_islands",
    "--num_particles=50",
    "--max_environment_steps=1000",
  )
  assert [run.experiment for run in runs] == [
    *(
      solved(
        "--setting=two_islands",
        "--model=sampled",
        "--num_particles=50",
        "--max_environment_steps=1000",
        f"--seed={seed}",
        f"--estimator={estimator}",
      )
      for seed in (0, 1)
      for estimator in ("published", "baseline")
    ),
    solved("--setting=two_islands", "--model=stationary"),
  ]
  assert runs[1].experiment.model_options == {
    "num_particles": 50,
    "seed": 0,
    "estimator": "baseline",
  }
  assert [run.name for run in runs][:2] == [
    "model=sampled,seed=0,estimator=published",
    "model=sampled,seed=0,estimator=baseline",
  ]
  assert runs[-1].name == "model=stationary"
  assert runs[-1].fixed["num_particles"] is None
  assert notes == [
    "max_environment_steps is ignored for stationary.",
    "num_particles is ignored for stationary.",
    "seed is ignored for stationary.",
    "estimator is ignored for stationary.",
    "8 combinations give 5 different runs.",
  ]


def test_a_budget_is_checked_for_the_game_of_the_run():
  """A small budget is enough if one trajectory has few steps."""
  (run,), _ = sweep_runs.expand(
    ["seed=0"],
    "--setting=two_islands",
    "--game_parameters=discount=0.1",
    "--model=sampled",
    "--max_environment_steps=3",
  )
  run.experiment.create_algorithm(run.experiment.create_game())


def test_the_seeds_of_the_game_and_of_the_model_have_different_names():
  runs, _ = sweep_runs.expand(
    ["seed=0", "game_parameters.seed=1,2"],
    "--setting=two_islands",
    "--model=sampled",
  )
  assert [run.name for run in runs] == [
    "seed=0,game_parameters.seed=1",
    "seed=0,game_parameters.seed=2",
  ]
  assert runs[1].varied == {"seed": 0, "game_parameters.seed": 2}
  assert runs[1].experiment.game_parameters == {"seed": 2}
  assert runs[1].experiment.model_options == {"seed": 0}


def test_names_do_not_depend_on_spelling_or_on_other_runs():
  (run,), notes = sweep_runs.expand(
    ["regularization=0.3,0.30,3e-1", "warm_start=True,1"],
    "--setting=two_islands",
    "--algorithm=mf_trpo",
  )
  assert run.name == "regularization=0.3,warm_start=true"
  assert notes == ["6 combinations give 1 different runs."]


def test_commas_in_brackets_are_kept_and_names_have_no_special_characters():
  games = [
    "mfg_garnet(size=4,horizon=2)",
    "mfg_garnet(size=4,horizon=3)",
    "mfg_garnet",
  ]
  grid = "game_name=" + ",".join(games)
  runs, _ = sweep_runs.expand([grid])
  assert [run.experiment.game_name for run in runs] == games
  names = [run.name for run in runs]
  assert len(set(names)) == 3
  assert all(re.fullmatch(r"[\w.,=+-]{1,255}", name) for name in names)
  again, _ = sweep_runs.expand([f"game_name={games[1]}"])
  assert again[0].name == names[1]


@pytest.mark.parametrize(
  ("grid", "arguments", "message"),
  [
    ([], (), "grid must be given"),
    (["horizon=1"], (), "as game_parameters.horizon=1, got 'horizon=1'"),
    (["lr=1,2"], (), "grid must be over flags of a run, .*got 'lr=1,2'"),
    (["setting"], (), "grid must be name=value"),
    (["setting=two_islands,"], (), "grid must be name=value"),
    (["setting=a", "setting=b"], (), "grid must have setting once"),
    (["game_parameters=seed=1"], (), "must name game_parameters one by one"),
    (["setting=two_islands,nowhere"], (), "at setting=nowhere: setting must"),
    (["game_name=kuhn_poker"], (), "must be a mean-field game"),
    (["regularization=0.1,x"], ("--setting=two_islands",), "=x: .*'x'"),
    (
      ["evaluation_regularization=0.1,nan"],
      ("--setting=two_islands",),
      "at evaluation_regularization=nan: evaluation_regularization must be",
    ),
    (
      ["algorithm=sarsa"],
      ("--setting=two_islands",),
      "at algorithm=sarsa: algorithm must be one of",
    ),
    (["num_iterations=0"], ("--setting=two_islands",), "num_iterations must"),
    (
      ["population_update_rate=0.5,2"],
      ("--setting=two_islands", "--algorithm=mf_trpo"),
      "at population_update_rate=2: population_update_rate must be",
    ),
    (["model=stationary"], ("--game_name=mfg_garnet",), "model must be"),
    (
      ["algorithm=mf_trpo,openspiel_mirror_descent"],
      ("--setting=two_islands", "--model=compiled"),
      "at algorithm=openspiel_mirror_descent: .*needs model='openspiel'",
    ),
    (
      ["game_parameters.crowd_aversion=0.2,-1"],
      ("--setting=two_islands",),
      "crowd_aversion must be a number",
    ),
    (["game_parameters.seed=x"], ("--setting=two_islands",), "type int"),
    (
      ["learning_rate=0.1"],
      ("--setting=two_islands",),
      "^--learning_rate is for .*, not for annealed_mf_trpo.$",
    ),
    (
      ["game_parameters.seed=1"],
      ("--setting=four_rooms",),
      "^game_parameters.seed is not a parameter of python_mfg_four_rooms.$",
    ),
    (
      ["regularization=0.1"],
      ("--setting=two_islands", "--regularization=0.2"),
      "regularization must be given by grid or by a flag",
    ),
    (
      ["game_parameters.seed=1"],
      ("--setting=two_islands", "--game_parameters=seed=2"),
      "game_parameters.seed must be given by grid or by a flag",
    ),
    (
      ["regularization=0.1"],
      ("--setting=two_islands", "--game_parameters=seed"),
      "game_parameters must be name=value",
    ),
  ],
)
def test_a_bad_grid_is_refused_in_one_line(grid, arguments, message):
  with pytest.raises(ValueError, match=message) as error:
    sweep_runs.expand(grid, *arguments)
  assert "\n" not in str(error.value)
