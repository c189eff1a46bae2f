"""Processes that share the cores of this machine."""

from collections.abc import Callable
from concurrent import futures
import multiprocessing
from multiprocessing import context as context_lib
from multiprocessing import resource_tracker
import os
import signal
import threading
from typing import Any

from mftrpo_openspiel.utils import interrupts

# New ones: a copy of a program with threads may hang.
CONTEXT: context_lib.SpawnContext = multiprocessing.get_context("spawn")
_BLOCKED = (signal.SIG_BLOCK, interrupts.SIGNALS)


def pool(num_processes: int) -> futures.ProcessPoolExecutor:
  """Returns an executor of so many processes that take a core each.

  All that is pending fails if one of them dies.
  """
  _take_a_core_each()
  return futures.ProcessPoolExecutor(
    num_processes,
    CONTEXT,
    # On Ctrl-C, which the program sees to, they end without a word.
    signal.signal,
    (signal.SIGINT, signal.SIG_DFL),
  )


def _take_a_core_each() -> None:
  # Small matrices are solved faster by one thread; the processes use the cores.
  for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"


class SeparateProcesses(futures.ThreadPoolExecutor):
  """Processes that take a core each, and of which each dies for itself.

  What a process was doing when it died fails with a BrokenExecutor; a new one
  goes on with the rest. Signals by which a user ends a program are left to the
  program that has this executor.
  """

  def __init__(
    self,
    num_processes: int,
    begin: Callable[..., None],
    new_arguments: Callable[[], tuple[Any, ...]],
  ):
    """Initializes the executor.

    Args:
      num_processes: At the same time.
      begin: What each does first.
      new_arguments: Returns arguments for it, of each process its own.
    """
    _take_a_core_each()
    _start_resource_tracker()
    # The processes inherit it from the thread that starts them.
    super().__init__(num_processes, "", signal.pthread_sigmask, _BLOCKED)
    self._begin = begin
    self._new_arguments = new_arguments
    self._of_thread = threading.local()
    self._pools: list[futures.ProcessPoolExecutor] = []

  def submit(
    self, function: Callable[..., Any], /, *args: Any, **kwargs: Any
  ) -> futures.Future:
    """Performs a call in one of the processes."""
    return super().submit(self._perform, function, *args, **kwargs)

  def _perform(self, function: Callable[..., Any], *args, **kwargs) -> Any:
    process = getattr(self._of_thread, "process", None)
    if process is None:
      process = futures.ProcessPoolExecutor(
        1, CONTEXT, _begin, (self._begin, *self._new_arguments())
      )
      self._of_thread.process = process
      self._pools.append(process)
    try:
      return process.submit(function, *args, **kwargs).result()
    except futures.BrokenExecutor:
      self._of_thread.process = None
      raise

  def shutdown(self, wait: bool = True, *, cancel_futures: bool = False):
    """Ends the processes after what they do."""
    super().shutdown(wait, cancel_futures=cancel_futures)
    for process in self._pools:
      process.shutdown(wait)


def _start_resource_tracker() -> None:
  """Starts Python's process that clears up after others, safe from signals.

  Started by a thread that starts a process, it would unblock the signals of
  that thread; and by itself it ignores all but SIGHUP.
  """
  before = signal.pthread_sigmask(*_BLOCKED)
  try:
    resource_tracker.ensure_running()
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(begin: Callable[..., None], *arguments: Any) -> None:
  """Begins a process: ignores the signals, which were blocked so far."""
  for number in interrupts.SIGNALS:
    signal.signal(number, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
  begin(*arguments)
