"""Processes that share the cores of this machine."""

from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import multiprocessing
from multiprocessing import context as context_lib
from multiprocessing import resource_tracker
import os
import signal
import threading
from typing import Any

from mftrpo_openspiel.utils import interrupts

# Processes are spawned; a forked copy of a program with threads may hang.
CONTEXT: context_lib.SpawnContext = multiprocessing.get_context("spawn")
_BLOCKED = (signal.SIG_BLOCK, interrupts.SIGNALS)


@contextlib.contextmanager
def pool(num_processes: int) -> Iterator[futures.ProcessPoolExecutor]:
  """Provides an executor with this number of single-threaded processes.

  All pending calls fail if one of the processes dies. If the body raises an
  exception, such as that of Ctrl-C, the processes are terminated at once.
  """
  _take_a_core_each()
  with futures.ProcessPoolExecutor(
    num_processes,
    CONTEXT,
    # The program handles Ctrl-C; its processes end silently.
    signal.signal,
    (signal.SIGINT, signal.SIG_DFL),
  ) as executor:
    try:
      yield executor
    except BaseException:
      executor.shutdown(wait=False, cancel_futures=True)
      for process in multiprocessing.active_children():
        process.terminate()
      raise


def _take_a_core_each() -> None:
  # Small linear systems are solved faster by one thread, and the cores are
  # already used by the processes.
  for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"


class SeparateProcesses(futures.ThreadPoolExecutor):
  """Single-threaded processes that do not affect each other if one dies.

  The call that a process was performing when it died fails with a
  BrokenExecutor; a new process performs the remaining calls. The processes
  ignore the signals by which a user ends a program; the program that owns this
  executor handles them.
  """

  def __init__(
    self,
    num_processes: int,
    begin: Callable[..., None],
    new_arguments: Callable[[], tuple[Any, ...]],
  ):
    """Initializes the executor.

    Args:
      num_processes: Number of processes.
      begin: Function that each process calls first.
      new_arguments: Returns the arguments of that call; it is called once per
        process.
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
    """Ends the processes after their current calls."""
    super().shutdown(wait, cancel_futures=cancel_futures)
    for process in self._pools:
      process.shutdown(wait)


def _start_resource_tracker() -> None:
  """Starts Python's resource tracker process with all signals blocked.

  If a thread that starts a process started the tracker, this would unblock the
  signals of that thread. By itself the tracker ignores all of them but SIGHUP.
  """
  before = signal.pthread_sigmask(*_BLOCKED)
  try:
    resource_tracker.ensure_running()
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(begin: Callable[..., None], *arguments: Any) -> None:
  """Initializes a process: ignores the signals, which were blocked so far."""
  for number in interrupts.SIGNALS:
    signal.signal(number, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
  begin(*arguments)
