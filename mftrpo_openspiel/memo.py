"""The last result of a function, for a caller that asks for it again."""

from collections.abc import Callable
import copy
from typing import Any

import numpy as np


def are_equal(one: np.ndarray | float, other: np.ndarray | float) -> bool:
  """Returns whether two arrays or two numbers are."""
  if one is other:
    return True
  if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
    return bool(np.all(one == other)) and np.shape(one) == np.shape(other)
  if one.shape != other.shape:
    return False
  middle = one.size // 2
  # Mostly that is where arrays that differ are told apart.
  if one.size and one.item(middle) != other.item(middle):
    return False
  return bool((one == other).all())


class Memo:
  """A function of arrays and numbers that remembers its last result.

  It is given out again for arguments that are equal, and so must not be written
  into.
  """

  def __init__(self, function: Callable[..., Any]):
    """Initializes the memo of `function`."""
    self._function = function
    self._arguments: tuple[np.ndarray, ...] | None = None
    self._result: Any = None

  def __call__(self, *arguments: np.ndarray | float) -> Any:
    """Returns what the function does."""
    if self._arguments is None or not all(
      map(are_equal, arguments, self._arguments)
    ):
      self._result = self._function(*arguments)
      # Callers may change theirs afterwards.
      self._arguments = tuple(map(copy.copy, arguments))
    return self._result
