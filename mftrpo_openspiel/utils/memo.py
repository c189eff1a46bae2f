"""The last results of a function, for a caller that asks for them again."""

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
  """A function of arrays and numbers that remembers its last results.

  A result is given out again for the same arguments, and so must not be written
  into. Threads may share a memo. A copy, as by pickle, remembers nothing.
  """

  def __init__(self, function: Callable[..., Any], size: int = 1):
    """Initializes the memo.

    Args:
      function: What is remembered of; a result depends on its arguments alone.
      size: How many results are remembered: those that were asked for last.
    """
    self._function = function
    self._size = size
    # Keys and results, the one asked for last first. They are replaced as a
    # whole, as other threads may be looking at them.
    self._results: tuple[tuple[Any, Any], ...] = ()

  def __reduce__(self) -> tuple[Any, ...]:
    return Memo, (self._function, self._size)

  def __call__(self, *arguments: np.ndarray | float) -> Any:
    """Returns what the function does."""
    new_key = tuple(map(key, arguments))
    results = self._results
    if results and results[0][0] == new_key:  # Mostly so.
      return results[0][1]
    found = next((pair for pair in results[1:] if pair[0] == new_key), None)
    if found is None:
      found = new_key, self._function(*arguments)
    self._put_first(found)
    return found[1]

  def remember(self, result: Any, *arguments: np.ndarray | float) -> None:
    """Takes a result that was found without a call."""
    self._put_first((tuple(map(key, arguments)), result))

  def _put_first(self, found: tuple[Any, Any]) -> None:
    others = [pair for pair in self._results if pair[0] != found[0]]
    self._results = (found, *others)[: self._size]
