"""Arrays that a run stores at its records, in files named <iteration>.npy."""

from collections.abc import Callable
from collections.abc import Collection
import pathlib

import numpy as np

from mftrpo_openspiel.utils import array_files
from mftrpo_openspiel.utils import validation


def write(folder: pathlib.Path, iteration: int, array: np.ndarray) -> None:
  """Writes an array; see `array_files.write_array`."""
  folder.mkdir(exist_ok=True)
  array_files.write_array(_path(folder, iteration), array)


def read_mean_field(
  folder: pathlib.Path, iteration: int, num_states: int | None = None
) -> np.ndarray:
  """Returns a mean field.

  Raises:
    ValueError: If the file is missing or damaged, or is not a mean field over
      `num_states` states, if that number is given.
  """

  def check(array: np.ndarray) -> np.ndarray:
    size = array.size if num_states is None else num_states
    return validation.check_masses("the mean field", array, size)

  return _read(folder, iteration, check)


def read_policy(
  folder: pathlib.Path,
  iteration: int,
  legal_actions_mask: np.ndarray | None = None,
) -> np.ndarray:
  """Returns an (N, A) policy.

  Raises:
    ValueError: If the file is missing or damaged, or is not a policy over the
      legal actions, if those are given.
  """

  def check(array: np.ndarray) -> np.ndarray:
    if legal_actions_mask is not None:
      return validation.check_policy(array, legal_actions_mask)
    if array.ndim != 2:
      raise ValueError(f"it has shape {array.shape}, not (N, A)")
    return validation.check_policy(array, np.ones(array.shape, dtype=bool))

  return _read(folder, iteration, check)


def remove_others(folder: pathlib.Path, iterations: Collection[int]) -> None:
  """Removes the files of other iterations, and temporary files."""
  for file in folder.glob("*.npy"):
    if file.stem.isdecimal() and int(file.stem) not in iterations:
      file.unlink()
  for file in folder.glob(".*.npy"):
    file.unlink()


def _read(
  folder: pathlib.Path,
  iteration: int,
  check: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
  path = _path(folder, iteration)
  try:
    return check(array_files.read_array(path))
  except ValueError as error:
    reason = str(error).rstrip(".")
    raise ValueError(f"{path} is not a valid array ({reason}).") from None


def _path(folder: pathlib.Path, iteration: int) -> pathlib.Path:
  return folder / f"{iteration:010d}.npy"
