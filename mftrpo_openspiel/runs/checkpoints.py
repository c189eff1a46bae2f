"""Checkpoint files, and a timer for the next checkpoint."""

from collections.abc import Callable
from collections.abc import Mapping
import os
import time
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.utils import array_files
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import validation

# Maximum share of the time that is spent writing checkpoints.
LARGEST_SHARE = 0.02
# Prefix of the names of arrays that belong to the algorithm's state.
_STATE = "state."


def save(
  path: str | os.PathLike, checkpoint: iteration_loop.Checkpoint, run_id: str
) -> None:
  """Writes a checkpoint atomically and waits until it is on disk.

  The file is an npz archive, whose members have checksums. `run_id` identifies
  the run.

  Raises:
    ValueError: If the folder of `path` cannot be written to.
    OSError: If the disk is full.
  """
  arrays: dict[str, Any] = {
    "iteration": checkpoint.iteration,
    "seconds": checkpoint.seconds,
    "run_id": run_id,
  }
  arrays |= {_STATE + name: x for name, x in checkpoint.state.items()}
  with files.replacing(path) as temporary, temporary.open("wb") as file:
    np.savez(file, **arrays)
    file.flush()
    os.fsync(file.fileno())


def load(path: str | os.PathLike, run_id: str) -> iteration_loop.Checkpoint:
  """Returns the checkpoint that `save` wrote.

  Raises:
    ValueError: If the file is damaged, is not a checkpoint, or belongs to
      another run.
  """
  try:
    arrays = array_files.read_archive(
      path, _check_headers, may_be_compressed=False
    )
  except ValueError as error:
    raise ValueError(f"{path} is not a valid checkpoint ({error}).") from None
  if arrays["run_id"].item() != run_id:
    raise ValueError(f"{path} is a checkpoint of a different run.")
  iteration, seconds = arrays["iteration"].item(), arrays["seconds"].item()
  try:
    validation.check_int("iteration", iteration, 0)
    validation.check_real("seconds", seconds, 0)
  except ValueError as error:
    raise ValueError(f"{path} is not a valid checkpoint: {error}") from None
  state = {
    name.removeprefix(_STATE): array
    for name, array in arrays.items()
    if name.startswith(_STATE)
  }
  return iteration_loop.Checkpoint(iteration, seconds, state)


def _check_headers(headers: Mapping[str, array_files.Header]) -> None:
  """Raises a ValueError if the headers are not those of a checkpoint."""
  for name in ("iteration", "run_id", "seconds"):
    if name not in headers:
      raise ValueError(f"it has no {name}")
    if headers[name].shape:
      raise ValueError(f"its {name} has shape {headers[name].shape}")


class Timer:
  """Timer that determines when the next checkpoint is due."""

  def __init__(
    self, least_seconds: float, clock: Callable[[], float] = time.monotonic
  ):
    """Starts the timer.

    Args:
      least_seconds: Minimum time before the first checkpoint and between two
        checkpoints. The time is longer if writing checkpoints would take more
        than LARGEST_SHARE of it.
      clock: Returns the time in seconds.
    """
    self._least_seconds = least_seconds
    self._clock = clock
    self._due = clock() + least_seconds

  def is_due(self) -> bool:
    """Whether it is time for a checkpoint."""
    return self._clock() >= self._due

  def restart(self, writing_seconds: float) -> None:
    """Restarts the timer, after a checkpoint that took the given seconds."""
    wait = max(self._least_seconds, writing_seconds / LARGEST_SHARE)
    self._due = self._clock() + wait
