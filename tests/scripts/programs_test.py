"""Tests of the programs as a user runs them."""

import importlib

from absl import flags
import pytest


def test_reproduce_paper_writes_everything(program, tmp_path):
  program(
    "reproduce-paper",
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


@pytest.mark.parametrize(
  ("name", "module"),
  [
    ("benchmark", "benchmark"),
    ("lint", "lint_game"),
    ("plot", "plot"),
    ("reproduce-paper", "reproduce_paper"),
    ("solve", "solve"),
    ("sweep", "sweep"),
  ],
)
def test_help_says_what_each_flag_is(program, name, module):
  # absl: status 1 after --help.
  shown = program(name, "--help", status=1).stdout
  script = importlib.import_module(f"mftrpo_openspiel.scripts.{module}")
  assert script.__doc__.splitlines()[0] in shown
  for flag in flags_of(script):
    assert flag.help
    assert f"--{flag.name}:" in shown or f"--[no]{flag.name}:" in shown


def flags_of(script):
  """Returns the flags that a program defines; leaves none behind."""
  before = set(flags.FLAGS)
  script.define_flags()
  names = set(flags.FLAGS) - before
  found = [flags.FLAGS[name] for name in names]
  for name in names:
    delattr(flags.FLAGS, name)
  assert found
  return found
