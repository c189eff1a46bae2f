"""Reductions of the rows of (N, A) arrays.

With few actions and many states numpy takes most of its time for starting on
rows; it is several times faster to go through the columns.
"""

import functools

import numpy as np

from mftrpo_openspiel.utils import memo

# Arrays of so many rows at least and columns at most are gone through by
# columns, unless these are together in memory, where numpy does it itself.
MIN_ROWS = 1000
MAX_COLUMNS = 16


def maximum(array: np.ndarray) -> np.ndarray:
  """Returns the (N,) largest entries of the rows."""
  return _reduced(np.maximum, array)


def total(array: np.ndarray) -> np.ndarray:
  """Returns the (N,) sums of the rows."""
  return _reduced(np.add, array)


def with_several(mask: np.ndarray) -> np.ndarray | None:
  """Returns the rows of (N, A) of bool with more than one true entry.

  None if these are more than half of the rows, or there are few rows: then it
  is not worth while to look at them alone. It is the same array each time, not
  to be written into.
  """
  return None if len(mask) < MIN_ROWS else _with_several(mask)


def _find_several(mask: np.ndarray) -> np.ndarray | None:
  num_rows, num_columns = mask.shape
  if num_columns < 256:  # So that bytes do not overflow, which are fast.
    counts = np.einsum("na->n", mask.view(np.uint8))
  else:
    counts = np.count_nonzero(mask, axis=1)
  found = np.flatnonzero(counts > 1)
  return found if 2 * found.size <= num_rows else None


# Those who ask mostly do so again and again for the same actions.
_with_several = memo.Memo(_find_several)


def _reduced(function: np.ufunc, array: np.ndarray) -> np.ndarray:
  num_rows, num_columns = array.shape
  if (
    num_rows >= MIN_ROWS
    and 1 < num_columns <= MAX_COLUMNS
    and not array.flags.f_contiguous
  ):
    return functools.reduce(function, array.T)
  return function.reduce(array, axis=1)
