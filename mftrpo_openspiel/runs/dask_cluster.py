"""The workers of a dask.distributed cluster, as an executor of runs.

Runs tell of their iterations by events, which go from a worker through the
scheduler to the program.
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

# Between two events of a run, and between two questions to the scheduler.
_SECONDS = 0.5
# The scheduler has to answer in this time.
_ANSWER_SECONDS = 5

# Of each thread of a worker: `tell`, which tells of the iterations of its run.
_of_thread = threading.local()


class Cluster(futures.Executor):
  """Performs calls on the workers of a cluster."""

  def __init__(self, client: Any, address: str):
    """Initializes the executor.

    Args:
      client: A `distributed.Client`.
      address: Of its scheduler.
    """
    self._client = client
    self._address = address
    # Not pure: the same task later on is no longer the same.
    self._executor = client.get_executor(pure=False)
    self._topic = f"mftrpo-sweep-{uuid.uuid4()}"
    self._num_iterations: dict[int, int] = {}
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
    """Takes an event of a run: its number and that of its iterations."""
    _, (number, num_iterations) = event
    self._num_iterations[number] = num_iterations

  def count(self) -> int:
    """Returns the number of iterations of all calls so far."""
    return sum(list(self._num_iterations.values()))

  def trouble(self) -> str:
    """Returns a line on why nothing is performed, or "" if something is."""
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
    """Returns whether some call is at a worker."""
    if self._client.status != "running":
      return False
    at_work = self._ask(self._client.scheduler.processing, workers=None) or {}
    ours = set(self._client.futures)
    return any(ours & set(map(str, keys)) for keys in at_work.values())

  def _ask(self, question: Callable[..., Any], **options: Any) -> Any:
    """Returns an answer of the scheduler; None if it gives none."""
    try:
      return self._client.sync(
        question, callback_timeout=_ANSWER_SECONDS, **options
      )
    except (OSError, TimeoutError):
      return None


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
  """Gives the cluster of the scheduler at an address.

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
  # What there is to say of lost connections is said here.
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


def tell(num_iterations: int) -> None:
  """Tells the program of the iterations of the run of this thread.

  Does nothing where no cluster performs it.
  """
  told = getattr(_of_thread, "tell", None)
  if told is not None:
    told(num_iterations)


def _perform(
  topic: str, number: int, function: Callable[..., Any], *args: Any
) -> Any:
  """Performs a call on a worker."""
  worker = importlib.import_module("distributed").get_worker()
  told, last, next_event = 0, 0, 0.0

  def tell_now(num_iterations: int) -> None:
    nonlocal told, last, next_event
    last = num_iterations
    if time.monotonic() >= next_event:
      worker.log_event(topic, (number, num_iterations))
      told, next_event = num_iterations, time.monotonic() + _SECONDS

  _of_thread.tell = tell_now
  try:
    return function(*args)
  finally:
    del _of_thread.tell
    if told != last:
      worker.log_event(topic, (number, last))
