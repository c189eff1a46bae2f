"""Tests of the programs as a user runs them."""

import subprocess
import sys


def program(name, *arguments, status=0):
  result = subprocess.run(
    [sys.executable, "-m", f"mftrpo_openspiel.scripts.{name}", *arguments],
    capture_output=True,
    text=True,
  )
  assert result.returncode == status, result.stdout + result.stderr
  return result


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
