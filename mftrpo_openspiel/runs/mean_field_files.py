"""The mean fields that a run keeps: a folder with <iteration>.npy for each."""

from collections.abc import Collection
import pathlib

import numpy as np

from mftrpo_openspiel.utils import array_files
from mftrpo_openspiel.utils import validation


def write(folder: pathlib.Path, iteration: int, mean_field: np.ndarray) -> None:
  """Writes a mean field; see `array_files.write_array`."""
  folder.mkdir(exist_ok=True)
  array_files.write_array(_path(folder, iteration), mean_field)


def read(
  folder: pathlib.Path, iteration: int, num_states: int | None = None
) -> np.ndarray:
  """Returns a mean field.

  Raises:
    ValueError: If it is not there, damaged, or none over `num_states` states,
      if that is known.
  """
  path = _path(folder, iteration)
  try:
    array = array_files.read_array(path)
    size = array.size if num_states is None else num_states
    return validation.check_masses("the mean field", array, size)
  except ValueError as error:
    reason = str(error).rstrip(".")
    raise ValueError(f"{path} is no whole array ({reason}).") from None


def remove_others(folder: pathlib.Path, iterations: Collection[int]) -> None:
  """Removes what is of other iterations, and temporary files."""
  for file in folder.glob("*.npy"):
    if file.stem.isdecimal() and int(file.stem) not in iterations:
      file.unlink()
  for file in folder.glob(".*.npy"):
    file.unlink()


def _path(folder: pathlib.Path, iteration: int) -> pathlib.Path:
  return folder / f"{iteration:010d}.npy"
