"""The documents are what the programs write."""

import pathlib
import re
import shlex

from absl import flags
import command_line

from mftrpo_openspiel.benchmarks import markdown_tables
from mftrpo_openspiel.benchmarks import sampled_contest
from mftrpo_openspiel.benchmarks import tables
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.scripts import benchmark
from mftrpo_openspiel.scripts import n_player
from mftrpo_openspiel.scripts import plot
from mftrpo_openspiel.scripts import reproduce_companion
from mftrpo_openspiel.scripts import solve

ROOT = pathlib.Path(__file__).parents[1]
SOLVERS = (ROOT / "docs" / "solvers.md").read_text()
N_PLAYERS = (ROOT / "docs" / "finite_population.md").read_text()
SAMPLING = (ROOT / "docs" / "sampling.md").read_text()
BLOCKS = markdown_tables.blocks(SOLVERS)


def test_the_commands_write_all_tables():
  commands = re.findall(r"^(mftrpo-benchmark .*)$", SOLVERS, re.MULTILINE)
  names = []
  for command in commands:
    flags = dict(flag.split("=") for flag in command.split()[1:])
    assert flags["--document"] == "docs/solvers.md"
    names += flags["--tables"].split(",")
  assert names == list(BLOCKS)
  assert BLOCKS.keys() <= tables.TABLES.keys()


def test_the_methods_are_those_of_the_benchmark():
  rows = list(time_to_accuracy.method_table())
  assert BLOCKS["methods"].endswith(
    "\n\n" + markdown_tables.markdown(rows, time_to_accuracy.METHOD_COLUMNS)
  )


def test_programs_understand_the_commands_about_n_players():
  blocks = re.findall(r"```bash\n(.*?)```", N_PLAYERS, re.DOTALL)
  commands = "".join(blocks).splitlines()
  assert len(commands) > len(blocks) >= 5
  for command in commands:
    program, *arguments = shlex.split(command)
    define = {"mftrpo-n-player": n_player, "mftrpo-solve": solve}[program]
    with command_line.given(define.define_flags, *arguments):
      assert flags.FLAGS.logdir


def test_programs_understand_the_commands_about_samples():
  blocks = re.findall(r"```bash\n(.*?)```", SAMPLING, re.DOTALL)
  programs = {
    "mftrpo-benchmark": benchmark,
    "mftrpo-plot": plot,
    "mftrpo-reproduce-companion": reproduce_companion,
    "mftrpo-solve": solve,
  }
  seen = set()
  for command in "".join(blocks).splitlines():
    program, *arguments = shlex.split(command)
    with command_line.given(programs[program].define_flags, *arguments):
      seen.add(program)
  assert seen == programs.keys()


def test_the_tables_about_samples_are_those_of_the_benchmark():
  shown = markdown_tables.blocks(SAMPLING)
  assert shown.keys() == {"estimators", "samples", "sample_methods"}
  rows = list(sampled_contest.method_table())
  assert shown["sample_methods"].endswith(
    markdown_tables.markdown(rows, sampled_contest.METHOD_COLUMNS)
  )
  for name in sampled_contest.METHODS:
    assert shown["samples"].count(f"| {name} |") == len(sampled_contest.BUDGETS)


def test_the_summary_about_samples_agrees_with_the_results():
  results = markdown_tables.blocks(SAMPLING)["samples"]
  summary = SAMPLING.split("| method | 10^5 steps |")[1].split("\n\n")[0]
  rows = re.findall(r"^\| (.*?) \| (.*) \|$", summary, re.MULTILINE)
  assert len(rows) >= 7
  for name, shown in rows:
    medians = re.findall(
      rf"^\| {re.escape(name)} \| .*? \| (\S*) \|", results, re.MULTILINE
    )
    cells = shown.split(" | ")
    assert len(cells) == len(medians) == len(sampled_contest.BUDGETS)
    for cell, median in zip(cells, medians):
      assert cell.startswith("**") == median.startswith("**")
      value = float(median.strip("*"))
      assert abs(float(cell.strip("*")) - value) <= 6e-3 * max(1.0, value)
