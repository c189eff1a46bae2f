"""Reductions of the rows of (N, A) arrays.

With few actions and many states, NumPy spends most of its time on the overhead
per row; looping over the columns is several times faster.
"""

import functools

import numpy as np

from mftrpo_openspiel.utils import memo

# Arrays with at least MIN_ROWS rows and at most MAX_COLUMNS columns are reduced
# column by column, unless they are in Fortran order, for which NumPy does this
# itself.
MIN_ROWS = 1000
MAX_COLUMNS = 16


def maximum(array: np.ndarray) -> np.ndarray:
  """Returns the (N,) largest entries of the rows."""
  return _reduced(np.maximum, array)


def total(array: np.ndarray) -> np.ndarray:
  """Returns the (N,) sums of the rows."""
  return _reduced(np.add, array)


def with_several(mask: np.ndarray) -> np.ndarray | None:
  """Returns the indices of rows of a bool array with several true entries.

  None if these are more than half of the rows, or if there are few rows; it is
  then not faster to handle them separately. The array is cached and must not be
  modified.

  Args:
    mask: (N, A) of bool.
  """
  return None if len(mask) < MIN_ROWS else _with_several(mask)


def _find_several(mask: np.ndarray) -> np.ndarray | None:
  num_rows, num_columns = mask.shape
  if num_columns < 256:  # Bytes are fast, and do not overflow here.
    counts = np.einsum("na->n", mask.view(np.uint8))
  else:
    counts = np.count_nonzero(mask, axis=1)
  found = np.flatnonzero(counts > 1)
  return found if 2 * found.size <= num_rows else None


# Callers usually pass the same mask many times.
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
