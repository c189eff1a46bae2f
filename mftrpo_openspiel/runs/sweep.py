"""Performs the runs of a sweep, on this machine or on other machines.

`run_sweep` runs in the main program, `run_one` in the processes that perform
the runs. A sweep is stopped by a file, because a signal would not reach runs on
other machines.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import sys
import threading
import time
import traceback
from typing import Any

import tqdm

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import dask_cluster
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import plugins
from mftrpo_openspiel.utils import progress

# Seconds between two updates of the progress bar.
_UPDATE_SECONDS = 0.2

# Maximum time to wait, on Ctrl-C, for runs on other machines.
_STOP_SECONDS = 10.0

Futures = dict[futures.Future, sweep_grid.SweepRun]

# A shared RawValue to which all progress of this process is added; set in
# processes on the machine of the sweep. Only one process writes to it, so it
# needs no lock, which a killed process could leave locked.
_counter: Any = None


@dataclasses.dataclass(frozen=True)
class RunOutcome:
  """How a run ended. If it has neither records nor an error, it was stopped.

  Attributes:
    records: The records of a finished run.
    was_finished: Whether the run was finished before.
    error: One line that says why it failed.
    details: The traceback of the error.
  """

  records: list[iteration_loop.Record] | None = None
  was_finished: bool = False
  error: str | None = None
  details: str = ""


@dataclasses.dataclass(frozen=True)
class Workers:
  """The processes that perform the runs of a sweep.

  Attributes:
    executor: Performs calls.
    count: Returns the number of iterations, or environment steps, so far; None
      if only whole runs can be counted.
    trouble: Returns a line that says why no run is performed, or "".
    is_busy: Returns whether some run is being performed; None if all runs end
      by themselves when they are stopped.
  """

  executor: futures.Executor
  count: Callable[[], int] | None = None
  trouble: Callable[[], str] = str
  is_busy: Callable[[], bool] | None = None


@contextlib.contextmanager
def local_workers(num_processes: int) -> Iterator[Workers]:
  """Yields workers that are processes of this machine."""
  counters: list[Any] = []

  def new_counter() -> tuple[Any]:
    counters.append(processes.CONTEXT.RawValue("q", 0))
    return (counters[-1],)

  with processes.SeparateProcesses(
    num_processes, _begin_process, new_counter
  ) as executor:
    yield Workers(executor, lambda: sum(counter.value for counter in counters))


@contextlib.contextmanager
def dask_workers(address: str) -> Iterator[Workers]:
  """Yields the workers of a dask.distributed cluster.

  Raises:
    ValueError: If the package is not installed, or no scheduler answers.
  """
  with dask_cluster.connected(address) as cluster:
    yield Workers(cluster, cluster.count, cluster.trouble, cluster.is_busy)


def run_sweep(
  runs: Sequence[sweep_grid.SweepRun],
  logdir: pathlib.Path,
  workers: Workers,
) -> tuple[list[RunOutcome], bool]:
  """Performs all runs; returns their outcomes, and whether it was interrupted.

  The progress bar counts environment steps if all runs have a budget of them,
  and iterations otherwise.

  Args:
    runs: The runs; their folders have their names.
    logdir: The folder of the sweep.
    workers: Perform the runs.
  """
  in_steps = _all_have_budgets(runs)
  stop_file = logdir / "stop"
  stop_file.unlink(missing_ok=True)
  pending: Futures = {}
  interrupted, has_stopped = False, True
  try:
    with interrupts.deferred():
      for run in runs:
        folder = str(logdir / run.name)
        future = workers.executor.submit(
          run_one, run.experiment, folder, str(stop_file), os.getcwd(), in_steps
        )
        pending[future] = run
    _wait(pending, workers, in_steps)
  except BaseException as error:
    stop_file.touch()
    _say("Stopping after the next iterations.")
    try:
      has_stopped = _wait_for_the_stop(pending, workers)
    except KeyboardInterrupt:
      workers.executor.shutdown(wait=False)
      raise
    if not isinstance(error, KeyboardInterrupt):
      raise
    interrupted = True
  if has_stopped:
    stop_file.unlink(missing_ok=True)
  outcomes = [
    RunOutcome() if interrupted and future.cancelled() else outcome_of(future)
    for future in pending
  ]
  return outcomes, interrupted


def _all_have_budgets(runs: Sequence[sweep_grid.SweepRun]) -> bool:
  """Returns whether all runs have a budget of environment steps."""
  return bool(runs) and all(
    run.experiment.max_environment_steps is not None for run in runs
  )


def _total(experiment: experiment_lib.Experiment, in_steps: bool) -> int:
  """Returns the environment steps, or iterations, of a run at its end."""
  if in_steps and experiment.max_environment_steps is not None:
    return experiment.max_environment_steps
  return experiment.num_iterations


def _reached(
  finished: iteration_loop.FinishedIteration,
  experiment: experiment_lib.Experiment,
  in_steps: bool,
) -> int:
  """Returns the environment steps, or iterations, of a run so far."""
  if not in_steps:
    return finished.iteration
  return min(finished.environment_steps or 0, _total(experiment, in_steps))


def _wait_for_the_stop(pending: Futures, workers: Workers) -> bool:
  """Waits for runs that are being stopped; returns whether all have stopped.

  Workers on other machines may be lost or in a long iteration. Their runs are
  cancelled here, and stop later when they find the stop file.
  """
  if workers.is_busy is None:
    futures.wait(pending)
    return True
  end = time.monotonic() + _STOP_SECONDS
  waiting = set(pending)
  while waiting and workers.is_busy() and time.monotonic() < end:
    _, waiting = futures.wait(waiting, _UPDATE_SECONDS)
  is_busy = bool(waiting) and workers.is_busy()
  for future in waiting:
    future.cancel()
  if is_busy:
    _say("Runs that are in a long iteration stop after it.")
  return not is_busy


def _say(line: str) -> None:
  """Prints a line on standard error, above the progress bar."""
  # Standard error cannot be written if the sweep stops because the terminal
  # was closed.
  with contextlib.suppress(OSError):
    tqdm.tqdm.write(line, sys.stderr)


def _wait(pending: Futures, workers: Workers, in_steps: bool) -> None:
  """Waits for all runs, with a progress bar."""

  def count_finished() -> int:
    return sum(
      _total(run.experiment, in_steps)
      for future, run in pending.items()
      if future.done() and outcome_of(future).records is not None
    )

  trouble = ""
  total = sum(_total(run.experiment, in_steps) for run in pending.values())
  unit = "environment step" if in_steps else "iteration"
  waiting = set(pending)
  with progress.progress_bar(total, unit) as bar:
    while waiting:
      before, trouble = trouble, workers.trouble()
      if trouble and trouble != before:
        _say(trouble)
      _, waiting = futures.wait(waiting, _UPDATE_SECONDS)
      done = len(pending) - len(waiting)
      beside = f"{done} of {len(pending)} runs"
      if trouble:
        beside += ", waiting"
      bar.set_postfix_str(beside, refresh=False)
      bar.update((workers.count or count_finished)() - bar.n)


def outcome_of(future: futures.Future) -> RunOutcome:
  """Returns the outcome of a run that has ended, or whose process has died."""
  try:
    return future.result()
  except futures.BrokenExecutor:
    return RunOutcome(
      error="its process has died, for example because it was killed or there"
      " was not enough memory; the same command resumes it."
    )
  except futures.CancelledError:
    return RunOutcome(error="cancelled; the same command resumes it.")
  # Not an error of the run: it could not be sent to or from a process.
  except Exception as error:
    return _failed(error)


def _failed(error: Exception) -> RunOutcome:
  """Returns the outcome of a run that raised `error`."""
  message = " ".join(str(error).split())
  if not isinstance(error, ValueError):
    message = f"{type(error).__name__}: {message}"
  details = "".join(traceback.format_exception(error))
  return RunOutcome(error=message, details=details)


def run_one(
  experiment: experiment_lib.Experiment,
  logdir: str,
  stop_file: str,
  module_folder: str = os.curdir,
  in_steps: bool = False,
  look_seconds: float = 0.05,
) -> RunOutcome:
  """Performs or resumes a run unless it is finished; never raises.

  Args:
    experiment: What to run.
    logdir: Its run directory.
    stop_file: Once this file exists, an unfinished run is not started, or
      stops after a checkpoint.
    module_folder: Folder in which modules of the user are searched, in addition
      to installed ones; the current folder of the sweep's program.
    in_steps: Whether progress is counted in environment steps up to the budget,
      instead of iterations.
    look_seconds: Time between two checks for the stop file.
  """
  counted, next_look = 0, 0.0

  def count(reached: int) -> None:
    nonlocal counted
    if _counter is not None:
      _counter.value += reached - counted
    dask_cluster.report_progress(reached)
    counted = reached

  def stop_if_asked() -> None:
    if os.path.exists(stop_file):
      raise KeyboardInterrupt

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal next_look
    if time.monotonic() >= next_look:
      count(_reached(finished, experiment, in_steps))
      stop_if_asked()
      next_look = time.monotonic() + look_seconds

  if experiment.imports or ":" in experiment.algorithm:
    plugins.search_folder(module_folder)
  try:
    # A run that may be finished is loaded even if the stop file exists.
    if not os.path.exists(os.path.join(logdir, "solution.npz")):
      stop_if_asked()
    result = experiment_lib.run_experiment(experiment, logdir, True, report)
  except KeyboardInterrupt:
    return RunOutcome()
  # No error of a run may stop the other runs.
  except Exception as error:
    return _failed(error)
  count(_total(experiment, in_steps))
  return RunOutcome(result.records, was_finished=result.costs is None)


def _begin_process(counter: Any) -> None:
  """Initializes a process of the sweep."""
  global _counter
  _counter = counter
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
  """Ends this process at once if the program of the sweep is killed."""
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
  os._exit(1)
