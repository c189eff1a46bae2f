"""Performs the runs of a sweep, here or on other machines.

`run_sweep` is the program's side, `run_one` that of the processes that perform
the runs. A sweep is stopped by a file, which, other than a signal, reaches runs
on other machines too.
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

# On Ctrl-C, runs that are on other machines are waited for no longer than this.
_STOP_SECONDS = 10.0

Futures = dict[futures.Future, sweep_grid.SweepRun]

# A shared RawValue that all iterations of this process are added to; set in
# processes of the machine of the sweep. It is of one process alone: one that is
# killed must not leave a lock closed.
_counter: Any = None


@dataclasses.dataclass(frozen=True)
class RunOutcome:
  """How a run ended. Neither records nor an error: it was stopped.

  Attributes:
    records: Of a run that is finished.
    was_finished: Whether it was so before.
    error: One line on why it failed.
    details: The traceback of the error.
  """

  records: list[iteration_loop.Record] | None = None
  was_finished: bool = False
  error: str | None = None
  details: str = ""


@dataclasses.dataclass(frozen=True)
class Workers:
  """What performs the runs of a sweep.

  Attributes:
    executor: Performs calls.
    count: Returns the number of iterations so far; None where only whole runs
      can be counted.
    trouble: Returns a line on why nothing is performed, or "".
    is_busy: Returns whether some run is being performed; None where all of
      them end by themselves when they are stopped.
  """

  executor: futures.Executor
  count: Callable[[], int] | None = None
  trouble: Callable[[], str] = str
  is_busy: Callable[[], bool] | None = None


@contextlib.contextmanager
def local_workers(num_processes: int) -> Iterator[Workers]:
  """Gives processes of this machine."""
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
  """Gives the workers of a dask.distributed cluster.

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
  """Performs all runs; returns how they ended and whether it was interrupted.

  Args:
    runs: In folders of their names.
    logdir: The folder of the sweep.
    workers: Perform them.
  """
  stop_file = logdir / "stop"
  stop_file.unlink(missing_ok=True)
  pending: Futures = {}
  interrupted, has_stopped = False, True
  try:
    with interrupts.deferred():
      for run in runs:
        folder = str(logdir / run.name)
        future = workers.executor.submit(
          run_one, run.experiment, folder, str(stop_file), os.getcwd()
        )
        pending[future] = run
    _wait(pending, workers)
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


def _wait_for_the_stop(pending: Futures, workers: Workers) -> bool:
  """Waits for runs that are being stopped; returns whether all of them are.

  Those on other machines may be at a worker that is gone, or that takes long
  for an iteration. They are cancelled here, and find the stop file later on.
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
  """Prints a line on standard error, beside the progress bar."""
  # There is no terminal any more if that is why a sweep stops.
  with contextlib.suppress(OSError):
    tqdm.tqdm.write(line, sys.stderr)


def _wait(pending: Futures, workers: Workers) -> None:
  """Waits for all runs, with a progress bar."""

  def count_finished() -> int:
    return sum(
      run.experiment.num_iterations
      for future, run in pending.items()
      if future.done() and outcome_of(future).records is not None
    )

  trouble = ""
  total = sum(run.experiment.num_iterations for run in pending.values())
  waiting = set(pending)
  with progress.progress_bar(total, unit="iteration") as bar:
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
  """Returns how a run ended that is done, or whose process is gone."""
  try:
    return future.result()
  except futures.BrokenExecutor:
    return RunOutcome(
      error="its process has died, as by a kill or for want of memory; the same"
      " command goes on."
    )
  except futures.CancelledError:
    return RunOutcome(error="cancelled; the same command goes on.")
  # Not of the run itself: it could not be sent to a process, or come back.
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
  look_seconds: float = 0.05,
) -> RunOutcome:
  """Performs a run, goes on with it, or finds it finished; does not raise.

  Args:
    experiment: What to run.
    logdir: Its run directory.
    stop_file: Once there is such a file, a run that is not finished is not
      begun, or stops after a checkpoint.
    module_folder: Where modules of the user's may lie, beside those that are
      installed; the current folder of the program of the sweep.
    look_seconds: Between two looks at whether it is there.
  """
  counted, next_look = 0, 0.0

  def count(iteration: int) -> None:
    nonlocal counted
    if _counter is not None:
      _counter.value += iteration - counted
    dask_cluster.tell(iteration)
    counted = iteration

  def stop_if_asked() -> None:
    if os.path.exists(stop_file):
      raise KeyboardInterrupt

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal next_look
    if time.monotonic() >= next_look:
      count(finished.iteration)
      stop_if_asked()
      next_look = time.monotonic() + look_seconds

  if experiment.imports or ":" in experiment.algorithm:
    plugins.search_folder(module_folder)
  try:
    # One that may be finished is looked at in any case.
    if not os.path.exists(os.path.join(logdir, "solution.npz")):
      stop_if_asked()
    result = experiment_lib.run_experiment(experiment, logdir, True, report)
  except KeyboardInterrupt:
    return RunOutcome()
  # Whatever it is, the other runs go on.
  except Exception as error:
    return _failed(error)
  count(experiment.num_iterations)
  return RunOutcome(result.records, was_finished=result.costs is None)


def _begin_process(counter: Any) -> None:
  """Makes ready a process of the program that runs the sweep."""
  global _counter
  _counter = counter
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
  """Ends this process, as by a kill, if the program of the sweep is killed."""
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
  os._exit(1)
