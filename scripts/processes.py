"""Processes that share the cores of this machine."""

from collections.abc import Callable
from concurrent import futures
import multiprocessing
from multiprocessing import context as context_lib
import os
from typing import Any

# New ones: a copy of a program with threads may hang.
CONTEXT: context_lib.SpawnContext = multiprocessing.get_context("spawn")


def pool(
  num_processes: int,
  initializer: Callable[..., None] | None = None,
  arguments: tuple[Any, ...] = (),
) -> futures.ProcessPoolExecutor:
  """Returns an executor whose processes take a core each.

  Args:
    num_processes: At the same time.
    initializer: What each does first.
    arguments: For it.
  """
  # Small matrices are solved faster by one thread; the processes use the cores.
  for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"
  return futures.ProcessPoolExecutor(
    num_processes, CONTEXT, initializer, arguments
  )
