"""Runs of small sweeps, and the results of single runs."""

from concurrent import futures
import csv
import dataclasses
import time

import command_line

from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import sweep

FLAGS = ("--setting=two_islands", "--num_iterations=5", "--record_every=2")
GRID = ["algorithm=mf_trpo,mirror_descent", "learning_rate=0.1"]


def expand(grid, *arguments):
  with command_line.given(sweep.define_flags, *arguments):
    axes = sweep.parse_axes(grid)
    fixed = experiment_flags.given_values()
  return sweep_grid.expand(axes, fixed)


def runs_of(grid=GRID, arguments=FLAGS):
  return expand(grid, *arguments)[0]


def main(*arguments):
  with command_line.given(sweep.define_flags, *arguments):
    return sweep.main()


def perform(runs, logdir):
  with futures.ThreadPoolExecutor(1) as executor:
    return sweep_lib.run_sweep(runs, logdir, sweep_lib.Workers(executor))


def expected(run):
  """Returns the records of a single run, without the seconds."""
  return timeless(experiment_lib.run_experiment(run.experiment, None).records)


def timeless(records):
  return [dataclasses.replace(record, seconds=0.0) for record in records]


def iterations(folder):
  """Returns the recorded iterations of a run, none before it is started."""
  try:
    with (folder / "metrics.csv").open(newline="") as file:
      return [row["iteration"] for row in csv.DictReader(file)]
  except (FileNotFoundError, NotADirectoryError):
    return []


def once_begun(folder, act):
  """Calls `act` once a run in the folder, or in a subfolder, has started."""
  while all(len(iterations(path)) < 5 for path in (folder, *folder.glob("*"))):
    time.sleep(0.01)
  act()
