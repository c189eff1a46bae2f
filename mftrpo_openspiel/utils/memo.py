"""The last result of a function, for a caller that asks for it again."""

from collections.abc import Callable
from typing import Any

import numpy as np


def key(argument: np.ndarray | float) -> Any:
  """Returns what tells an argument from all others: of an array, its bytes.

  Arrays of equal numbers have different keys where they lie differently in
  memory.
  """
  if isinstance(argument, np.ndarray):
    return argument.dtype, argument.strides, argument.tobytes(order="A")
  return argument


class Memo:
  """A function of arrays and numbers that remembers its last result.

  It is given out again for the same arguments, and so must not be written into.
  """

  def __init__(self, function: Callable[..., Any]):
    """Initializes the memo of `function`."""
    self._function = function
    # The key and the result, in one object: there may be other threads.
    self._last: tuple[list[Any] | None, Any] = None, None

  def __call__(self, *arguments: np.ndarray | float) -> Any:
    """Returns what the function does."""
    new_key = list(map(key, arguments))
    last_key, result = self._last
    if new_key != last_key:
      result = self._function(*arguments)
      self._last = new_key, result
    return result
