"""Reproduces the experiment of the companion paper: MF-TRPO with samples.

    mftrpo-reproduce-companion --logdir=companion

This runs MF-TRPO with samples on a 5x5 grid and writes to the log directory

    companion.png      exploitability against environment steps, with bands over
                       seeds, and the exact run for comparison
    summary.md         the final exploitabilities, and whether they are within
                       twice the floor of the exact run
    eta=...,seed=.../  a run directory for each run, as from mftrpo-solve

The same command resumes an interrupted study. It takes a few minutes on two
cores. --study prints the small study from which the settings were chosen.
"""

import os
import sys

from absl import flags

from mftrpo_openspiel.paper import companion
from mftrpo_openspiel.paper import companion_study
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS
# Each of the L updates needs a trajectory, and there must be a particle.
LEAST_BUDGET = 10


def budgets() -> list[int]:
  """Returns the numbers of trajectories per iteration from the flag.

  Raises:
    ValueError: If one is not a number or too small, or the list is empty.
  """
  given = [
    validation.check_int(
      "num_trajectories", int(text) if text.isdecimal() else text, LEAST_BUDGET
    )
    for text in FLAGS.num_trajectories
  ]
  if not given:
    raise ValueError("num_trajectories must be one or more numbers, got none.")
  return sorted(set(given))


def main() -> int:
  """Performs the runs, writes the report, and returns the exit status."""
  setting = FLAGS.setting
  if FLAGS.study:
    print(companion_study.markdown(setting))
    return 0
  experiments = companion.create_experiments(setting, budgets())
  runs = [
    sweep_grid.SweepRun(name.folder, {}, experiment)
    for name, experiment in experiments.items()
  ]
  if run_directory.has_run(FLAGS.logdir):
    raise ValueError(
      "logdir must be a folder for many runs, got the run directory"
      f" {FLAGS.logdir}."
    )
  with (
    sweep_lib.local_workers(min(FLAGS.num_processes, len(runs))) as workers,
    run_directory.locked(FLAGS.logdir) as folder,
  ):
    logdir = folder.resolve()
    outcomes, interrupted = sweep_lib.run_sweep(runs, logdir, workers)
    if interrupted:
      print("Interrupted. The same command resumes.", file=sys.stderr)
      return interrupts.exit_status()
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
      raise ValueError(errors[0])
    results = {
      name: outcome.records or []
      for name, outcome in zip(experiments, outcomes)
    }
    with interrupts.deferred():
      figures.save(
        companion.figure(results, setting), logdir / companion.FIGURE
      )
      report = companion.report(results, setting)
      with files.replacing(logdir / "summary.md") as temporary:
        temporary.write_text(report, encoding="utf-8")
  print(report)
  print(f"The figure and summary.md are in {FLAGS.logdir}.")
  return 0


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_string(
    "logdir", "mftrpo_companion_results", "Folder for the runs and the figure."
  )
  flags.DEFINE_enum(
    "setting",
    next(iter(companion.SETTINGS)),
    list(companion.SETTINGS),
    "Setting of the game.",
  )
  flags.DEFINE_list(
    "num_trajectories",
    [str(budget) for budget in companion.BUDGETS],
    "Numbers of trajectories per iteration; each has its own runs.",
  )
  flags.DEFINE_bool(
    "study", False, "Prints the study of L and T instead of the experiment."
  )
  flags.DEFINE_integer(
    "num_processes", os.cpu_count() or 1, "Number of parallel runs.", 1, 10_000
  )


def run() -> None:
  """Entry point of mftrpo-reproduce-companion."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
