r"""Runs a grid of experiments in parallel and writes one table of results.

    mftrpo-sweep --logdir=sweep --num_iterations=1000 \
        --grid=setting=four_rooms,two_islands \
        --grid=algorithm=mf_trpo,fictitious_play \
        --grid=regularization=0.05,0.3 --grid=game_parameters.seed=1,2,3
    mftrpo-sweep --logdir=samples --setting=two_islands --model=sampled \
        --max_environment_steps=10000000 --grid=seed=0,1,2

Each --grid names a flag of mftrpo-solve, a parameter of the game as
game_parameters.NAME, or an option of the algorithm as algorithm_options.NAME,
and lists its values. All combinations are run. Flags of mftrpo-solve that are
not in the grid have the same value in all runs. An option that an algorithm, a
model or a game does not have is ignored for it; combinations that are then
equal are run once.

--logdir then contains

    <name=value,...>/   a run directory for each run, as mftrpo-solve makes them
    results.csv         a row for each record of each finished run, with all
                        flags that were given
    results.parquet     the same, if pyarrow is installed

The same command resumes a sweep that was stopped; finished runs are not changed
or run again. A run that fails, or whose process dies, does not stop the others;
the exit status is then 1. The progress bar counts environment steps if all runs
have --max_environment_steps, and iterations otherwise.

The runs share the cores of this machine, or with --scheduler_address those of a
dask.distributed cluster. Its workers need this package, and access to --logdir
under the same path.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import contextlib
import copy
import os
import sys
from typing import Any

from absl import flags
from absl import logging

from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.runs import sweep_table
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import messages
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.scripts import verdicts
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS

# Prefixes of axes whose values are texts, parsed by the game or the algorithm.
_STARTS = (experiment_lib.PARAMETER, experiment_lib.OPTION)


def define_flags() -> None:
  """Defines the flags of the program."""
  experiment_flags.define_flags()
  flags.DEFINE_multi_string(
    "grid",
    [],
    "An axis of the grid, as name=value,value,...; name is a flag of a run,"
    " game_parameters.NAME for a parameter of the game, or"
    " algorithm_options.NAME for an option of the algorithm.",
  )
  flags.DEFINE_string("logdir", None, "Folder of the sweep.")
  flags.DEFINE_integer(
    "num_processes",
    os.cpu_count() or 1,
    "Number of runs at the same time on this machine.",
    lower_bound=1,
  )
  flags.DEFINE_string(
    "scheduler_address",
    None,
    "Address of a dask.distributed scheduler whose workers perform the runs"
    " instead of this machine; needs the package distributed.",
  )


def parse_axes(texts: Iterable[str]) -> dict[str, list[Any]]:
  """Returns the values along each axis of the grid.

  Args:
    texts: Each "name=value,value,..." for a flag of a run, for a parameter of
      the game by the name game_parameters.NAME, or for an option of the
      algorithm by the name algorithm_options.NAME. Commas in brackets are part
      of a value.

  Raises:
    ValueError: If a text is not of this form, a name is unknown or occurs
      twice, or a value is not valid for its flag.
  """
  axes: dict[str, list[Any]] = {}
  for text in texts:
    name, equals, values = text.partition("=")
    name = name.strip().lstrip("-")
    is_text = name.startswith(_STARTS)
    if f"{name}." in _STARTS:
      raise ValueError(
        f"grid must name {name} one by one, as {name}.NAME, got {text!r}."
      )
    if not is_text and name not in experiment_flags.NAMES:
      raise ValueError(_unknown_axis(name, text))
    if name in axes:
      raise ValueError(f"grid must have {name} once, got it twice.")
    parts = game_parameters.split_at_commas(values)
    if not equals or not all(parts):
      raise ValueError(f"grid must be name=value,value,..., got {text!r}.")
    axes[name] = parts if is_text else [_value(name, x) for x in parts]
  if not axes:
    raise ValueError("grid must be given, as name=value,value,..., got none.")
  return axes


def _unknown_axis(name: str, text: str) -> str:
  """Returns the message for an axis that is not a flag of a run."""
  if messages.is_game_parameter(name):
    right = experiment_lib.PARAMETER + text
    return f"grid must name parameters of the game as {right}, got {text!r}."
  starts = " or ".join(f"{start}NAME" for start in _STARTS)
  return (
    "grid must be over flags of a run,"
    f" {', '.join(sorted(experiment_flags.NAMES))}, or {starts}, got {text!r}"
    f"{validation.suggestion(name, experiment_flags.NAMES)}."
  )


def _value(name: str, text: str) -> Any:
  """Parses a text as a value of a flag."""
  flag = copy.deepcopy(FLAGS[name])
  try:
    flag.parse(text)
  except flags.Error as error:
    raise ValueError(
      f"grid, at {name}={text}: {messages.reason(error)}"
    ) from None
  return flag.value


def _workers(
  num_runs: int,
) -> contextlib.AbstractContextManager[sweep_lib.Workers]:
  """Returns a context with the workers that perform the runs."""
  if not FLAGS.scheduler_address:
    return sweep_lib.local_workers(min(FLAGS.num_processes, num_runs))
  if FLAGS["num_processes"].present:
    raise ValueError("num_processes must not be given with scheduler_address.")
  return sweep_lib.dask_workers(FLAGS.scheduler_address)


def report(
  results: Sequence[sweep_table.Result],
  runs: Sequence[sweep_grid.SweepRun],
  outcomes: Sequence[sweep_lib.RunOutcome],
) -> None:
  """Prints the results of finished runs, and one line per error."""
  if results:
    print(sweep_table.summary(results))
  found = sum(outcome.was_finished for outcome in outcomes)
  before = f", {found} of them already before" if found else ""
  print(f"{len(results)} of {len(runs)} runs are finished{before}.")
  stalled = [
    run.name for run, records in results if verdicts.is_stalled(records)
  ]
  if stalled:
    print(
      f"Exploitability did not fall in the last half of {len(stalled)} of them:"
      f" {', '.join(stalled)}."
    )
  for run, outcome in zip(runs, outcomes):
    if outcome.error is not None:
      if logging.level_debug():
        print(outcome.details, file=sys.stderr)
      error = messages.with_flags(outcome.error)
      print(f"Failed: {run.name}: {error}", file=sys.stderr)


def main() -> int:
  """Runs the sweep given by the flags; returns the exit status."""
  axes = parse_axes(FLAGS.grid)
  if FLAGS.logdir is None:
    raise ValueError("logdir must be given.")
  runs, notes = sweep_grid.expand(axes, experiment_flags.given_values())
  if run_directory.has_run(FLAGS.logdir):
    raise ValueError(
      "logdir must be a folder for many runs, got the run directory"
      f" {FLAGS.logdir}."
    )
  with (
    _workers(len(runs)) as workers,
    # Only one sweep at a time may use the folder.
    run_directory.locked(FLAGS.logdir) as folder,
  ):
    logdir = folder.resolve()
    print("\n".join(notes), end="\n" * bool(notes), flush=True)
    outcomes, interrupted = sweep_lib.run_sweep(runs, logdir, workers)
    results = [
      (run, outcome.records)
      for run, outcome in zip(runs, outcomes)
      if outcome.records is not None
    ]
    sweep_table.write(logdir, sweep_table.columns(list(axes), results))
  report(results, runs, outcomes)
  print(f"{FLAGS.logdir}/results.csv contains all finished runs.")
  if interrupted:
    print("Interrupted; the same command resumes the sweep.", file=sys.stderr)
    return interrupts.exit_status()
  return 1 if any(outcome.error for outcome in outcomes) else 0


def run() -> None:
  """Entry point of mftrpo-sweep."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
