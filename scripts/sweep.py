r"""Runs a grid of experiments in parallel and puts the results in one table.

    mftrpo-sweep --logdir=sweep --num_iterations=1000 \
        --grid=setting=four_rooms,two_islands \
        --grid=algorithm=mf_trpo,fictitious_play \
        --grid=regularization=0.05,0.3 --grid=game_parameters.seed=1,2,3

Each --grid names a flag of mftrpo-solve, or a parameter of the game as
game_parameters.NAME, with its values; all combinations are run. Any flag of
mftrpo-solve that is not in the grid is the same for all of them. What an
algorithm or a game does not take is left out for it, and combinations that are
then the same are run once.

--logdir then has

    <name=value,...>/   a run directory for each run, as mftrpo-solve makes them
    results.csv         a row for each record of each run that is finished
    results.parquet     the same, if pyarrow is installed

The same command again goes on where it was stopped: finished runs are left as
they are. A run that fails, or whose process dies, does not stop the others; the
exit status is 1 then.

The runs share the cores of this machine, or with --scheduler_address those of a
dask.distributed cluster; its workers need this package, and --logdir under the
same path.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import importlib
import os
import pathlib
import sys

from absl import flags
from absl import logging

from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep_runs
from mftrpo_openspiel.runs import sweep_table
from mftrpo_openspiel.runs import sweep_worker
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.scripts import sweep_grid
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import progress

FLAGS = flags.FLAGS

# Seconds between two updates of the progress bar.
_UPDATE = 0.2

Futures = dict[futures.Future, sweep_runs.SweepRun]
Count = Callable[[], int]


def define_flags(flag_values: flags.FlagValues = FLAGS) -> None:
  """Defines the flags of the program."""
  experiment_flags.define_flags(flag_values)
  flags.DEFINE_multi_string(
    "grid",
    [],
    "name=value,value,... for a flag of a run, or game_parameters.NAME for a"
    " parameter of the game; may be given several times.",
    flag_values=flag_values,
  )
  flags.DEFINE_string(
    "logdir", None, "Folder of the sweep.", flag_values=flag_values
  )
  flags.DEFINE_integer(
    "num_processes",
    os.cpu_count() or 1,
    "Runs at the same time on this machine.",
    lower_bound=1,
    flag_values=flag_values,
  )
  flags.DEFINE_string(
    "scheduler_address",
    None,
    "Of a dask.distributed scheduler, whose workers run the sweep instead of"
    " this machine; needs the package distributed.",
    flag_values=flag_values,
  )


def _executor(
  flag_values: flags.FlagValues, num_runs: int
) -> contextlib.AbstractContextManager[tuple[futures.Executor, Count | None]]:
  """Returns what the flags ask for; see `perform_all`."""
  if not flag_values.scheduler_address:
    return local_executor(min(flag_values.num_processes, num_runs))
  if flag_values["num_processes"].present:
    raise ValueError("num_processes must not be given with scheduler_address.")
  return dask_executor(flag_values.scheduler_address)


@contextlib.contextmanager
def local_executor(
  num_processes: int,
) -> Iterator[tuple[futures.Executor, Count]]:
  """Gives processes of this machine, and a count of their iterations."""
  counters = []

  def new_counter():
    counters.append(processes.CONTEXT.RawValue("q", 0))
    return (counters[-1],)

  with processes.SeparateProcesses(
    num_processes, sweep_worker.begin, new_counter
  ) as executor:
    yield executor, lambda: sum(counter.value for counter in counters)


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[tuple[futures.Executor, None]]:
  """Gives the workers of a dask.distributed cluster, and no count.

  Raises:
    ValueError: If the package is not installed, or no scheduler answers.
  """
  try:
    distributed = importlib.import_module("distributed")
  except ImportError:
    raise ValueError(
      "scheduler_address needs the package distributed: pip install"
      " 'mftrpo_openspiel[dask]'."
    ) from None
  try:
    client = distributed.Client(address, timeout=10)
  except (OSError, ValueError) as error:
    raise ValueError(
      "scheduler_address must be that of a running scheduler, got"
      f" {address!r} ({' '.join(str(error).split())})."
    ) from None
  with client:
    # Not pure: the same task later on is no longer the same.
    yield client.get_executor(pure=False), None


def perform_all(
  runs: Sequence[sweep_runs.SweepRun],
  logdir: pathlib.Path,
  executor: futures.Executor,
  count: Count | None,
) -> tuple[list[sweep_worker.Outcome], bool]:
  """Performs all runs; returns how they ended and whether it was interrupted.

  Args:
    runs: In folders of their names.
    logdir: The folder of the sweep.
    executor: Performs them.
    count: Returns the number of iterations so far; None where only those of
      whole runs are known.
  """
  # Not a signal, which would not reach runs on other machines.
  stop_file = logdir / "stop"
  stop_file.unlink(missing_ok=True)
  pending: Futures = {}
  interrupted = False
  try:
    with interrupts.deferred():
      for run in runs:
        future = executor.submit(
          sweep_worker.perform,
          run.experiment,
          str(logdir / run.name),
          str(stop_file),
        )
        pending[future] = run
    _wait(pending, count)
  except BaseException as error:
    stop_file.touch()
    # There is no terminal any more if that is why it stops.
    with contextlib.suppress(OSError):
      print("\nStopping after the next iterations.", file=sys.stderr)
    try:
      futures.wait(pending)
    except KeyboardInterrupt:
      executor.shutdown(wait=False)
      raise
    if not isinstance(error, KeyboardInterrupt):
      raise
    interrupted = True
  stop_file.unlink(missing_ok=True)
  return [_outcome(future) for future in pending], interrupted


def _wait(pending: Futures, count: Count | None) -> None:
  """Waits for all runs, with a progress bar."""

  def finished() -> int:
    return sum(
      run.experiment.num_iterations
      for future, run in pending.items()
      if future.done() and _outcome(future).records is not None
    )

  total = sum(run.experiment.num_iterations for run in pending.values())
  waiting = set(pending)
  with progress.progress_bar(
    total=total, unit="iteration", unit_scale=True
  ) as bar:
    while waiting:
      _, waiting = futures.wait(waiting, _UPDATE)
      done = len(pending) - len(waiting)
      bar.set_postfix_str(f"{done} of {len(pending)} runs", refresh=False)
      bar.update((count or finished)() - bar.n)


def _outcome(future: futures.Future) -> sweep_worker.Outcome:
  try:
    return future.result()
  except futures.BrokenExecutor:
    return sweep_worker.Outcome(
      error="its process has died, as by a kill or for want of memory; the same"
      " command goes on."
    )
  except futures.CancelledError:
    return sweep_worker.Outcome(error="cancelled; the same command goes on.")
  # Not of the run itself: it could not be sent to a process, or come back.
  except Exception as error:
    return sweep_worker.failed(error)


def report(
  results: Sequence[sweep_table.Result],
  runs: Sequence[sweep_runs.SweepRun],
  outcomes: Sequence[sweep_worker.Outcome],
) -> None:
  """Prints what is finished, and a line for each error.

  Args:
    results: Of the runs that are finished.
    runs: All.
    outcomes: Of all.
  """
  if results:
    print(sweep_table.summary(results))
  found = sum(outcome.was_finished for outcome in outcomes)
  before = f", {found} of them before" if found else ""
  print(f"{len(results)} of {len(runs)} runs are finished{before}.")
  for run, outcome in zip(runs, outcomes):
    if outcome.error is not None:
      if logging.level_debug():
        print(outcome.details, file=sys.stderr)
      print(f"Failed: {run.name}: {outcome.error}", file=sys.stderr)


def main(flag_values: flags.FlagValues = FLAGS) -> int:
  """Runs the sweep that the flags ask for; returns the exit status."""
  axes = sweep_grid.parse(flag_values.grid)
  if flag_values.logdir is None:
    raise ValueError("logdir must be given.")
  runs, notes = sweep_grid.expand(axes, flag_values)
  if run_directory.has_run(flag_values.logdir):
    raise ValueError(
      "logdir must be a folder for many runs, got the run directory"
      f" {flag_values.logdir}."
    )
  with (
    _executor(flag_values, len(runs)) as (executor, count),
    # Of the folder only the lock is used: one sweep at a time.
    run_directory.RunDirectory(flag_values.logdir) as directory,
  ):
    logdir = directory.path.resolve()
    print("\n".join(notes), end="\n" * bool(notes), flush=True)
    outcomes, interrupted = perform_all(runs, logdir, executor, count)
    results = [
      (run, outcome.records)
      for run, outcome in zip(runs, outcomes)
      if outcome.records is not None
    ]
    sweep_table.write(logdir, sweep_table.columns(list(axes), results))
  report(results, runs, outcomes)
  print(f"{flag_values.logdir}/results.csv has what is finished.")
  if interrupted:
    print("Interrupted; the same command goes on.", file=sys.stderr)
    return interrupts.exit_status()
  return 1 if any(outcome.error for outcome in outcomes) else 0


def run() -> None:
  """Entry point of mftrpo-sweep."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
