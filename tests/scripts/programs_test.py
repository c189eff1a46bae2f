"""Tests of the programs as a user runs them."""

import csv
import re
import subprocess
import sys

import pytest


def program(name, *arguments, status=0):
  result = subprocess.run(
    [sys.executable, "-m", f"mftrpo_openspiel.scripts.{name}", *arguments],
    capture_output=True,
    text=True,
  )
  assert result.returncode == status, result.stdout + result.stderr
  return result


def test_solve_prints_and_writes_the_same_numbers(tmp_path):
  result = program(
    "solve",
    "--setting=two_islands",
    "--algorithm=mirror_descent",
    "--learning_rate=0.1",
    "--regularization=0.3",
    "--num_iterations=20",
    "--num_records=4",
    f"--logdir={tmp_path}",
  )
  with (tmp_path / "two_islands_mirror_descent.csv").open() as file:
    rows = list(csv.DictReader(file))
  printed = re.findall(
    r"^ *(\d+) +(\S+) +(\S+) +\S+$", result.stdout, re.MULTILINE
  )
  assert [
    (
      row["iteration"],
      f"{float(row['exploitability']):.4e}",
      f"{float(row['regularized_exploitability']):.4e}",
    )
    for row in rows
  ] == printed
  assert rows[0]["iteration"] == "0"
  assert rows[-1]["iteration"] == "20"
  assert float(rows[-1]["regularized_exploitability"]) < float(
    rows[0]["regularized_exploitability"]
  )


@pytest.mark.parametrize(
  "arguments",
  [
    ("--game_name=python_mfg_two_islands", "--warm_start"),
    ("--game_name=mfg_garnet", "--algorithm=openspiel_mirror_descent"),
    ("--game_name=mfg_crowd_modelling", "--model=compiled"),
    (
      "--game_name=python_mfg_two_islands(horizon=3)",
      "--model=openspiel",
      "--algorithm=openspiel_fictitious_play",
    ),
  ],
)
def test_solve_runs(arguments):
  result = program("solve", "--num_iterations=2", *arguments)
  assert re.search(r"^ +2 +\d", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((), "game_name or setting must be given"),
    (("--setting=nope",), "setting must be one of"),
    (("--game_name=nope",), "game_name must be a registered OpenSpiel game"),
    (
      ("--game_name=python_mfg_two_islands(crowd_aversion=-1.0)",),
      "crowd_aversion must be a number in",
    ),
    (("--game_name=kuhn_poker",), "game must be a mean-field game"),
    (
      ("--setting=two_islands", "--game_name=python_mfg_four_rooms"),
      "setting 'two_islands' is one of python_mfg_two_islands",
    ),
    (
      ("--setting=two_islands", "--regularization=0"),
      "regularization must be a number in",
    ),
    (
      ("--setting=two_islands", "--algorithm=mirror_descent", "--warm_start"),
      "--warm_start is not an option of algorithm 'mirror_descent'",
    ),
    (
      ("--game_name=mfg_garnet", "--model=stationary"),
      "model must be 'compiled' or 'openspiel'",
    ),
    (
      ("--setting=two_islands", "--logdir=/proc/none"),
      "logdir must be a folder",
    ),
  ],
)
def test_solve_refuses_in_one_line(arguments, message):
  result = program("solve", *arguments, status=2)
  *_, last = result.stderr.strip().splitlines()
  assert message in last
  assert "Traceback" not in result.stderr
  assert not result.stdout


def test_reproduce_paper_writes_everything(tmp_path):
  program(
    "reproduce_paper",
    f"--logdir={tmp_path}",
    "--num_iterations=2",
    "--num_processes=2",
  )
  names = {path.name for path in tmp_path.iterdir()}
  assert {f"figure_{number}.png" for number in (2, 3, 4, 5)} <= names
  assert "four_rooms_mf_trpo_eta_0.05.csv" in names
  report = (tmp_path / "summary.md").read_text()
  assert report.count("### ") == 8
  csvs = [name for name in names if name.endswith(".csv")]
  table = report.partition("## The claims")[0]
  assert table.count("\n| ") == len(csvs) + 1
  assert not [name for name in names if name.startswith(".")]
