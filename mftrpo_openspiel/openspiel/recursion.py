"""The recursion limit for OpenSpiel's utilities.

`policy_value.PolicyValue`, `best_response_value.BestResponse`, and everything
that uses them, traverse a play recursively. Python's default limit of 1,000
nested calls is enough for games of this package with a horizon of 100.
"""

from collections.abc import Iterator
import contextlib
import sys
import threading

import pyspiel

# Upper bound of nested calls per action of a play. In `mdp_game` each time step
# has four nodes and two actions, and needs nine calls.
_CALLS = 10
# Limit of nested calls, including those of the program itself. The stack of a
# thread, 8 MB on Linux, is enough for more than twice this number.
_MAX_DEPTH = 50_000
_RESERVE = 1000
MAX_GAME_LENGTH = (_MAX_DEPTH - _RESERVE) // _CALLS

_lock = threading.Lock()
# Recursion limits of all running blocks, after the original limit.
_depths: list[int] = []


def check(game: pyspiel.Game) -> None:
  """Checks that OpenSpiel's utilities can traverse a play of `game`.

  Raises:
    ValueError: If it has more than `MAX_GAME_LENGTH` actions.
  """
  length = game.max_game_length()
  if length > MAX_GAME_LENGTH:
    raise ValueError(
      f"game must have plays of at most {MAX_GAME_LENGTH} actions for"
      f" OpenSpiel's utilities, which are recursive, got {game} with {length};"
      " model 'compiled' has no such limit."
    )


@contextlib.contextmanager
def deep(game: pyspiel.Game) -> Iterator[None]:
  """Allows OpenSpiel's utilities to traverse plays of `game` in the block.

      with recursion.deep(game):
        print(nash_conv.NashConv(game, policy).nash_conv())

  The limit is shared by all threads of the process. It is restored at the end
  of the last of several concurrent blocks.

  Raises:
    ValueError: If a play has too many actions, or if this version of Python
      does not allow enough nested calls (3.12 and 3.13 have a second limit,
      which cannot be changed).
  """
  check(game)
  depth = _RESERVE + _CALLS * game.max_game_length()
  with _lock:
    if not _depths:
      _depths.append(sys.getrecursionlimit())
    _depths.append(depth)
    sys.setrecursionlimit(max(_depths))
  try:
    yield
  except RecursionError:
    raise ValueError(
      "game must have plays short enough for OpenSpiel's utilities, which are"
      f" recursive, got {game} with {game.max_game_length()} actions; model"
      " 'compiled' has no such limit."
    ) from None
  finally:
    with _lock:
      _depths.remove(depth)
      sys.setrecursionlimit(max(_depths))
      if len(_depths) == 1:
        _depths.clear()
