"""An executor that performs runs on the workers of a dask.distributed cluster.

Runs report their progress by events, which a worker sends to the program by way
of the scheduler.
"""

from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import importlib
import logging
import threading
import time
from typing import Any
import uuid

# Time between two events of a run, and between two queries to the scheduler.
_SECONDS = 0.5
# Timeout of queries to the scheduler.
_ANSWER_SECONDS = 5

# In each thread of a worker that performs a run, `report` reports its progress.
_of_thread = threading.local()


class Cluster(futures.Executor):
  """Performs calls on the workers of a cluster."""

  def __init__(self, client: Any, address: str):
    """Initializes the executor.

    Args:
      client: A `distributed.Client`.
      address: Address of its scheduler.
    """
    self._client = client
    self._address = address
    # Not pure: the same call may have another result when it is repeated.
    self._executor = client.get_executor(pure=False)
    self._topic = f"mftrpo-sweep-{uuid.uuid4()}"
    self._progress: dict[int, int] = {}
    self._num_submitted = 0
    self._trouble, self._asked = "", -_SECONDS
    client.subscribe_topic(self._topic, self._take)

  def submit(
    self, function: Callable[..., Any], /, *args: Any, **kwargs: Any
  ) -> futures.Future:
    """Performs a call on one of the workers."""
    self._num_submitted += 1
    return self._executor.submit(
      _perform, self._topic, self._num_submitted, function, *args, **kwargs
    )

  def _take(self, event: tuple[float, tuple[int, int]]) -> None:
    """Receives an event: the number of a run and its progress."""
    _, (number, progress) = event
    self._progress[number] = progress

  def count(self) -> int:
    """Returns the sum of the progress of all calls so far."""
    return sum(list(self._progress.values()))

  def trouble(self) -> str:
    """Returns a line that says why no call is performed, or ""."""
    if time.monotonic() - self._asked >= _SECONDS:
      self._trouble = self._find_trouble()
      self._asked = time.monotonic()
    return self._trouble

  def _find_trouble(self) -> str:
    if self._client.status != "running":
      return f"Waiting for the scheduler at {self._address}, which is gone."
    if self._ask(self._client.scheduler.ncores, workers=None) == {}:
      return (
        f"Waiting for workers: the scheduler at {self._address} has none. To"
        f" start one: dask worker {self._address}"
      )
    return ""

  def is_busy(self) -> bool:
    """Returns whether a worker performs some call."""
    if self._client.status != "running":
      return False
    at_work = self._ask(self._client.scheduler.processing, workers=None) or {}
    ours = set(self._client.futures)
    return any(ours & set(map(str, keys)) for keys in at_work.values())

  def _ask(self, question: Callable[..., Any], **options: Any) -> Any:
    """Returns the answer of the scheduler to a query; None if it fails."""
    try:
      return self._client.sync(
        question, callback_timeout=_ANSWER_SECONDS, **options
      )
    except (OSError, TimeoutError):
      return None


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
  """Yields the cluster of the scheduler at an address.

  Raises:
    ValueError: If the package distributed is not installed, or no scheduler
      answers.
  """
  try:
    distributed = importlib.import_module("distributed")
  except ImportError:
    raise ValueError(
      "scheduler_address needs the package distributed: pip install"
      " 'mftrpo_openspiel[dask]'."
    ) from None
  # This module reports lost connections itself.
  logging.getLogger("distributed").setLevel(logging.CRITICAL)
  try:
    client = distributed.Client(address, timeout=10)
  except (OSError, ValueError) as error:
    raise ValueError(
      "scheduler_address must be that of a running scheduler, got"
      f" {address!r} ({' '.join(str(error).split())})."
    ) from None
  try:
    yield Cluster(client, address)
  finally:
    client.close(timeout=_ANSWER_SECONDS)


def report_progress(progress: int) -> None:
  """Reports the progress of the run of this thread to the program.

  Does nothing if the run is not performed by a cluster.

  Args:
    progress: Number of iterations or environment steps since its beginning.
  """
  report = getattr(_of_thread, "report", None)
  if report is not None:
    report(progress)


def _perform(
  topic: str, number: int, function: Callable[..., Any], *args: Any
) -> Any:
  """Performs a call on a worker."""
  worker = importlib.import_module("distributed").get_worker()
  reported, last, next_event = 0, 0, 0.0

  def report(progress: int) -> None:
    nonlocal reported, last, next_event
    last = progress
    if time.monotonic() >= next_event:
      worker.log_event(topic, (number, progress))
      reported, next_event = progress, time.monotonic() + _SECONDS

  _of_thread.report = report
  try:
    return function(*args)
  finally:
    del _of_thread.report
    if reported != last:
      worker.log_event(topic, (number, last))
