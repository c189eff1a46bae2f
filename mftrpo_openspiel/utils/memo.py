"""A cache of the last results of a function of arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np


def key(argument: np.ndarray | float) -> Any:
  """Returns a key that identifies an argument; for an array, by its bytes.

  Arrays of equal numbers have different keys if their memory layouts differ.
  """
  if isinstance(argument, np.ndarray):
    return argument.dtype, argument.strides, argument.tobytes(order="A")
  return argument


class Memo:
  """A function of arrays and numbers that caches its last results.

  The same result is returned again for the same arguments, so callers must not
  modify it. Threads may share a memo. A copy, for example by pickle, starts
  with an empty cache.
  """

  def __init__(self, function: Callable[..., Any], size: int = 1):
    """Initializes the memo.

    Args:
      function: The function; its result must depend on its arguments only.
      size: Number of results that are cached, the most recently used ones.
    """
    self._function = function
    self._size = size
    # Keys and results, the most recently used one first. The tuple is replaced
    # as a whole, because other threads may be reading it.
    self._results: tuple[tuple[Any, Any], ...] = ()

  def __reduce__(self) -> tuple[Any, ...]:
    return Memo, (self._function, self._size)

  def __call__(self, *arguments: np.ndarray | float) -> Any:
    """Returns the result of the function, from the cache if it is there."""
    new_key = tuple(map(key, arguments))
    results = self._results
    if results and results[0][0] == new_key:  # The most frequent case.
      return results[0][1]
    found = next((pair for pair in results[1:] if pair[0] == new_key), None)
    if found is None:
      found = new_key, self._function(*arguments)
    self._put_first(found)
    return found[1]

  def remember(self, result: Any, *arguments: np.ndarray | float) -> None:
    """Adds a result that was computed elsewhere to the cache."""
    self._put_first((tuple(map(key, arguments)), result))

  def _put_first(self, found: tuple[Any, Any]) -> None:
    others = [pair for pair in self._results if pair[0] != found[0]]
    self._results = (found, *others)[: self._size]
