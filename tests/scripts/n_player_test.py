"""Tests of mftrpo-n-player as a command."""

import csv
import dataclasses

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.scripts import example_own_game  # noqa: F401 (registers it)

# Flags of a game whose reward does not declare its form.
BEACH = (
  "--import=mftrpo_openspiel.scripts.example_own_game",
  "--game_name=python_mfg_beach_bar",
  "--model=compiled",
  "--num_iterations=20",
  "--num_players=5",
)
ISLANDS = "--setting=two_islands"
ANNEALED = ("--algorithm=annealed_mf_trpo", "--num_iterations=200")


def table(path):
  with path.open(encoding="utf-8", newline="") as file:
    return list(csv.DictReader(file))


def column(rows, name):
  return np.array([float(row[name]) for row in rows])


def test_a_new_run_is_performed_and_measured(program, tmp_path):
  arguments = (
    "n-player", ISLANDS, *ANNEALED, "--num_players=1000,100,300",
    f"--logdir={tmp_path}",
  )  # fmt: skip
  result = program(*arguments)
  rows = table(tmp_path / "n_player.csv")
  assert column(rows, "num_players").tolist() == [100, 300, 1000]
  assert {row["information"] for row in rows} == {"own"}
  # Twice as many players, half the gain.
  gains = column(rows, "exploitability") * column(rows, "num_players")
  assert (gains > 0.1).all() and gains.max() < 1.3 * gains.min()
  off = column(rows, "value") - column(rows, "mean_field_value")
  assert (off < 0).all() and (np.diff(off) > 0).all()
  assert (column(rows, "error_bound") == 0).all()
  assert "the deviating player observes its own state:" in result.stdout
  assert "Slopes against N: phi_N -1.0" in result.stdout
  assert (tmp_path / "n_player.png").stat().st_size > 10_000
  assert (tmp_path / "run" / "solution.npz").exists()
  # The run is finished and is not changed.
  before = (tmp_path / "run" / "solution.npz").stat().st_mtime_ns
  again = program(*arguments)
  assert (tmp_path / "run" / "solution.npz").stat().st_mtime_ns == before
  assert again.stdout == result.stdout


def test_what_is_learned_from_samples_is_measured(program, tmp_path):
  program(
    "n-player", ISLANDS, "--model=sampled", "--seed=2", "--num_particles=50",
    "--num_trajectories=20", "--num_iterations=2", "--num_players=20",
    f"--logdir={tmp_path}",
  )  # fmt: skip
  (row,) = table(tmp_path / "n_player.csv")
  result = run_directory.load_run(tmp_path / "run")
  assert result.config["experiment"]["model_options"]["seed"] == 2
  game = pyspiel.load_game(result.config["game"])
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  expected = deviations.exploitability(model, result.policy, 20)
  assert float(row["exploitability"]) == pytest.approx(
    expected.exploitability, rel=1e-12
  )


def test_run_directories_are_compared(program, tmp_path):
  for algorithm in ("mf_trpo", "mirror_descent"):
    program(
      "solve", ISLANDS, f"--algorithm={algorithm}", "--num_iterations=3",
      f"--logdir={tmp_path / algorithm}",
    )  # fmt: skip
  program(
    "n-player", "--num_players=5,50", f"--logdir={tmp_path / 'out'}",
    str(tmp_path / "mf_trpo"), str(tmp_path / "mirror_descent"),
  )  # fmt: skip
  rows = table(tmp_path / "out" / "n_player.csv")
  assert [row["run"] for row in rows] == 2 * ["MF-TRPO"] + 2 * [
    "Mirror Descent"
  ]


def test_general_rewards_are_sampled(program, tmp_path):
  program("n-player", *BEACH, "--num_samples=200", f"--logdir={tmp_path}")
  (row,) = table(tmp_path / "n_player.csv")
  assert row["method"] == "200 samples of the others, general reward"
  gain, bound = float(row["exploitability"]), float(row["error_bound"])
  assert 0 < bound
  # The reward is in fact local, and so phi_N is known.
  game = pyspiel.load_game("python_mfg_beach_bar")
  mdp = game.mean_field_mdp()
  declared = dataclasses.replace(
    mdp, reward=declared_rewards.LocalReward(mdp.reward)
  )
  solution = run_directory.load_run(tmp_path / "run").solution
  model = compiled_game.CompiledGame(mdp_game.MDPGame(declared, game.horizon))
  exact = deviations.exploitability(model, solution.policy, 5)
  assert exact.error_bound == 0
  assert abs(gain - exact.exploitability) <= bound


def test_a_run_of_openspiel_is_measured(program):
  result = program(
    "n-player", "--game_name=mfg_crowd_modelling_2d", "--model=openspiel",
    "--game_parameters=size=3,horizon=2,only_distribution_reward=true",
    "--num_iterations=2", "--num_players=4",
  )  # fmt: skip
  assert "exact" in result.stdout


@pytest.mark.slow
def test_regularizations_are_compared_and_kept(program, tmp_path):
  arguments = (
    "n-player", ISLANDS, "--eta=0,0.00001,0.0001,0.001,0.01",
    "--num_players=100,300,1000", f"--logdir={tmp_path}",
  )  # fmt: skip
  result = program(*arguments)
  rows = table(tmp_path / "eta.csv")
  assert len(rows) == 5 * 3
  crowd = {float(r["eta"]): float(r["mean_field_exploitability"]) for r in rows}
  assert crowd[0.0] < 1e-8
  assert list(crowd) == sorted(crowd, key=crowd.get)
  # phi_N falls with N only until the bias of eta is left.
  biased = [row for row in rows if float(row["eta"]) == 0.01]
  np.testing.assert_allclose(
    column(biased, "exploitability"), crowd[0.01], rtol=0.05
  )
  lines = result.stdout.splitlines()
  start = next(i for i, line in enumerate(lines) if "best eta" in line)
  chosen = np.array([line.split() for line in lines[start + 1 : start + 4]])
  assert chosen[:, 0].tolist() == ["100", "300", "1000"]
  # Least gain, best and tolerable eta fall about as 1 / N.
  for values in chosen[:, 1:].astype(float).T:
    assert 5 < values[0] / values[2] < 20
  assert "Slope of the tolerable eta against N: -1." in result.stdout
  assert (tmp_path / "eta.png").stat().st_size > 10_000
  kept = tmp_path / "equilibria"
  assert (kept / "equilibrium_0.001.npz").exists()
  times = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
  assert program(*arguments).stdout == result.stdout
  assert times == {path: path.stat().st_mtime_ns for path in times}


def test_play_is_compared_with_the_value_of_the_mean_field(program, tmp_path):
  result = program(
    "n-player",
    "--play=mfg_crowd_modelling(size=4,horizon=3),"
    "python_mfg_two_islands(horizon=2)",
    "--num_players=2,20", "--num_plays=20", f"--logdir={tmp_path}",
  )  # fmt: skip
  rows = table(tmp_path / "play.csv")
  assert [row["rewards"] for row in rows] == 2 * ["path-dependent"] + 2 * [
    "exact"
  ]
  # If rewards depend on the path, J_N is not exact either.
  deviation = np.abs(column(rows, "mean_return") - column(rows, "value"))
  assert (deviation[2:] < 4 * column(rows, "standard_error")[2:] + 1e-12).all()
  error = np.abs(column(rows, "mean_return") - column(rows, "mean_field_value"))
  assert error[1] < error[0] and error[3] < error[2]
  assert result.stdout.count("path-dependent") == 2


@pytest.mark.parametrize(
  "arguments,line",
  [
    (
      ("--num_players=ten",),
      "--num_players must be whole numbers of at least 1, got 'ten'.",
    ),
    (
      ("--num_players=10,0",),
      "--num_players must be whole numbers of at least 1, got '10,0'.",
    ),
    (
      ("--information=all",),
      "--information must be one of counts, own, got 'all'.",
    ),
    (
      (ISLANDS, "--eta=-0.1"),
      "--eta must be numbers of at least 0, got '-0.1'.",
    ),
    (
      (ISLANDS, "--eta=0.1", "--algorithm=mf_trpo"),
      "--algorithm must not be given with --eta.",
    ),
    (
      (ISLANDS, "--eta=0.1", "--information=own,counts"),
      "--information must be one with eta, got 'own,counts'.",
    ),
    (
      (ISLANDS, "--eta=0.1", "--play=mfg_garnet"),
      "--eta and --play must not be given together.",
    ),
    (
      (ISLANDS, "somewhere"),
      "--setting must not be given with RUN_DIR.",
    ),
    (
      (ISLANDS, "--seed=3"),
      "--seed must be given with --play, --num_samples or --model=sampled"
      " only.",
    ),
    (
      (ISLANDS, "--model=sampled", "--seed=3", "--eta=0.1"),
      "--seed must be given with --play, --num_samples or --model=sampled"
      " only.",
    ),
    (
      (ISLANDS, "--model=sampled", "--eta=0.1"),
      "--model must be stationary or compiled with eta.",
    ),
    (
      ("--play=mfg_garnet", "--seed=-1"),
      "--seed must be a whole number of at least 0, got -1.",
    ),
    (
      (ISLANDS, "--num_samples=50", "--eta=0.1"),
      "--num_samples must not be given with --eta.",
    ),
    (
      BEACH,
      "--num_samples and --seed must be given for a reward that is not"
      " declared as local or linear (CrowdAversion, LocalReward and"
      " LinearReward are), got None and 0.",
    ),
    (
      ("--play=python_mfg_predator_prey",),
      "game must have one population, got 'python_mfg_predator_prey' with 3.",
    ),
    (("nowhere",), "path must be a run directory, got nowhere."),
    (
      (),
      "--game_name or --setting must be given, such as the setting four_rooms;"
      " got neither.",
    ),
  ],
)
def test_bad_commands_get_one_line(program, arguments, line):
  result = program("n-player", *arguments, status=2)
  assert result.stderr.splitlines() == [f"mftrpo-n-player: {line}"]
