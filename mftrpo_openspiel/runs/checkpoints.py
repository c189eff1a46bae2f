"""Checkpoints on disk, and when the next one is due."""

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

# At most this share of the time goes into writing checkpoints.
LARGEST_SHARE = 0.02
# Before the name of an array of the algorithm's state.
_STATE = "state."


def save(
  path: str | os.PathLike, checkpoint: iteration_loop.Checkpoint, run_id: str
) -> None:
  """Writes a checkpoint, whole or not at all, and waits until it is on disk.

  It is an npz archive, whose members have checksums; `run_id` tells the run
  from others.

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
    ValueError: If the file is damaged, is no checkpoint, or one of another run.
  """
  try:
    arrays = array_files.read_archive(
      path, _check_headers, may_be_compressed=False
    )
  except ValueError as error:
    raise ValueError(f"{path} is no whole checkpoint ({error}).") from None
  if arrays["run_id"].item() != run_id:
    raise ValueError(f"{path} is a checkpoint of another run.")
  iteration, seconds = arrays["iteration"].item(), arrays["seconds"].item()
  try:
    validation.check_int("iteration", iteration, 0)
    validation.check_real("seconds", seconds, 0)
  except ValueError as error:
    raise ValueError(f"{path} is no checkpoint of a run: {error}") from None
  state = {
    name.removeprefix(_STATE): array
    for name, array in arrays.items()
    if name.startswith(_STATE)
  }
  return iteration_loop.Checkpoint(iteration, seconds, state)


def _check_headers(headers: Mapping[str, array_files.Header]) -> None:
  """Raises a ValueError where the headers are not those of a checkpoint."""
  for name in ("iteration", "run_id", "seconds"):
    if name not in headers:
      raise ValueError(f"it has no {name}")
    if headers[name].shape:
      raise ValueError(f"its {name} has shape {headers[name].shape}")


class Timer:
  """Says when the next checkpoint is due."""

  def __init__(
    self, least_seconds: float, clock: Callable[[], float] = time.monotonic
  ):
    """Waits for so many seconds of a clock, and so between two checkpoints.

    For more where writing them would take more than LARGEST_SHARE of the time.
    """
    self._least_seconds = least_seconds
    self._clock = clock
    self._due = clock() + least_seconds

  def is_due(self) -> bool:
    """Whether it is time for a checkpoint."""
    return self._clock() >= self._due

  def restart(self, writing_seconds: float) -> None:
    """Waits anew, after a checkpoint that took so long to write."""
    wait = max(self._least_seconds, writing_seconds / LARGEST_SHARE)
    self._due = self._clock() + wait
