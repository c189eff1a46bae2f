"""How deep OpenSpiel's utilities may recurse.

`policy_value.PolicyValue`, `best_response_value.BestResponse`, and all that is
built on them, go through a play by calls within calls. Python allows 1,000 of
them, which is enough for games of this package with a horizon of 100.
"""

from collections.abc import Iterator
import contextlib
import sys
import threading

import pyspiel

# Of calls within calls for each action of a play: four nodes at each time of
# `mdp_game`, two actions and nine calls.
_CALLS = 10
# Of calls, with those that a program makes itself. The stack of a thread, 8 MB
# on Linux, is enough for more than twice as many.
_MAX_DEPTH = 50_000
_RESERVE = 1000
MAX_GAME_LENGTH = (_MAX_DEPTH - _RESERVE) // _CALLS

_lock = threading.Lock()
# Of all blocks that are being run; before them the usual one.
_depths: list[int] = []


def check(game: pyspiel.Game) -> None:
  """Checks that OpenSpiel's utilities can go through a play of `game`.

  Raises:
    ValueError: If it has more than `MAX_GAME_LENGTH` actions.
  """
  length = game.max_game_length()
  if length > MAX_GAME_LENGTH:
    raise ValueError(
      f"game must have plays of at most {MAX_GAME_LENGTH} actions for"
      f" OpenSpiel's utilities, which recurse through them, got {game} with"
      f" {length}; model 'compiled' does not recurse."
    )


@contextlib.contextmanager
def deep(game: pyspiel.Game) -> Iterator[None]:
  """Lets OpenSpiel's utilities recurse through plays of `game` in the block.

      with recursion.deep(game):
        print(nash_conv.NashConv(game, policy).nash_conv())

  The limit is one for all threads of the process. After the last of the blocks
  that are run at a time it is what it was before the first.

  Raises:
    ValueError: If a play has too many actions; also if this version of Python
      does not allow as many calls within calls (3.12 and 3.13 have a second
      limit, which cannot be changed).
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
      "game must have plays short enough for OpenSpiel's utilities, which"
      f" recurse through them, got {game} with {game.max_game_length()}"
      " actions; model 'compiled' does not recurse."
    ) from None
  finally:
    with _lock:
      _depths.remove(depth)
      sys.setrecursionlimit(max(_depths))
      if len(_depths) == 1:
        _depths.clear()
