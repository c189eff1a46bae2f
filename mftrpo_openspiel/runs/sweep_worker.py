"""What the processes of a sweep do, here or on another machine."""

from collections.abc import Callable
import dataclasses
import multiprocessing
import os
import threading
import time
import traceback

from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_loop

# Seconds between two looks at whether to stop.
_WAIT = 0.05

# Adds to the iterations that are performed; the program of the sweep sets it in
# its own processes.
_count: Callable[[int], None] | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a run ended. Neither records nor an error: it was stopped.

  Attributes:
    records: Of a run that is finished.
    was_finished: Whether it was so before.
    error: One line on why it failed.
    details: The traceback of the error.
  """

  records: list[run_loop.Record] | None = None
  was_finished: bool = False
  error: str | None = None
  details: str = ""


def perform(
  experiment: experiment_lib.Experiment, logdir: str, stop_file: str
) -> Outcome:
  """Performs a run, goes on with it, or finds it finished; does not raise.

  Args:
    experiment: What to run.
    logdir: Its run directory.
    stop_file: Once there is such a file, a run that is not finished is not
      begun, or stops after a checkpoint.
  """
  monitor = _Monitor(stop_file)
  try:
    # One that may be finished is looked at in any case.
    if not os.path.exists(os.path.join(logdir, "solution.npz")):
      monitor.look()
    result = experiment_lib.run_experiment(
      experiment, logdir, True, monitor.report
    )
  except KeyboardInterrupt:
    return Outcome()
  # Whatever it is, the other runs go on.
  except Exception as error:
    return failed(error)
  monitor.count(experiment.num_iterations)
  return Outcome(result.records, was_finished=result.costs is None)


def failed(error: Exception) -> Outcome:
  """Returns the outcome of a run that raised `error`."""
  message = " ".join(str(error).split())
  if not isinstance(error, ValueError):
    message = f"{type(error).__name__}: {message}"
  details = "".join(traceback.format_exception(error))
  return Outcome(error=message, details=details)


class _Monitor:
  """Counts iterations, and looks for the stop file now and then."""

  def __init__(self, stop_file: str):
    self._stop_file = stop_file
    self._counted = 0
    self._next = 0.0

  def report(self, step: run_loop.Step) -> None:
    """Takes note of an iteration; raises KeyboardInterrupt to stop."""
    if time.monotonic() >= self._next:
      self.count(step.iteration)
      self.look()
      self._next = time.monotonic() + _WAIT

  def look(self) -> None:
    """Raises KeyboardInterrupt if there is a stop file."""
    if os.path.exists(self._stop_file):
      raise KeyboardInterrupt

  def count(self, iteration: int) -> None:
    """Adds the iterations since the last call."""
    if _count is not None:
      _count(iteration - self._counted)
    self._counted = iteration


def begin(counter) -> None:
  """Makes ready a process of the program that runs the sweep.

  Args:
    counter: A shared RawValue that all its iterations are added to. It is of
      this process alone: one that is killed must not leave a lock closed.
  """

  def count(number: int) -> None:
    counter.value += number

  global _count
  _count = count
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
  """Ends this process, as by a kill, if the program of the sweep is killed."""
  multiprocessing.parent_process().join()
  os._exit(1)
