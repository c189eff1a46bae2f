"""Defers Ctrl-C, and other signals that end a program, during file I/O."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import signal
import threading
import types

# Sent by Ctrl-C; by kill, batch systems and a machine that shuts down; and by a
# terminal that is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_num_blocks = 0  # Number of `deferred` blocks that are running.
# The handler of Ctrl-C that these blocks have replaced by `_handle`, if any.
_outer: Callable[[int, types.FrameType | None], object] | None = None
_waiting: list[tuple[int, types.FrameType | None]] = []
_last: int = signal.SIGINT
_is_uncaught = (
  False  # Whether a KeyboardInterrupt was raised, see `raise_lost`.
)


def take() -> None:
  """Makes all of `SIGNALS` raise KeyboardInterrupt in this program.

  Signals that are ignored, as SIGHUP is under nohup, remain ignored.
  """
  global _outer
  _outer = None
  for number in SIGNALS:
    if signal.getsignal(number) is not signal.SIG_IGN:
      signal.signal(number, _handle)


def exit_status() -> int:
  """Returns the exit status of a program that was interrupted: 128 + signal."""
  return 128 + _last


def raise_lost() -> None:
  """Raises KeyboardInterrupt if an earlier one was ignored by Python.

  Python ignores exceptions in some places, such as the finalization of a
  generator or a callback of its garbage collector. A signal that arrives there
  would be lost. Long loops of programs that `take` signals call this function
  regularly; code that catches a KeyboardInterrupt calls `settle`.
  """
  if _is_uncaught:
    raise KeyboardInterrupt


def settle() -> None:
  """Marks the last KeyboardInterrupt as caught; see `raise_lost`."""
  global _is_uncaught
  _is_uncaught = False


def _handle(number: int, frame: types.FrameType | None) -> None:
  global _last, _is_uncaught
  if _num_blocks:
    _waiting.append((number, frame))
    return
  if number == signal.SIGINT and _outer is not None:
    # The signal came at the very end of a block, before the block itself
    # restored the handler.
    signal.signal(number, _outer)
    _outer(number, frame)
    return
  _last = number
  _is_uncaught = True
  raise KeyboardInterrupt


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Defers Ctrl-C, and the other signals that were taken, to the end.

  This is meant for file I/O: in some places of NumPy and zipfile a
  KeyboardInterrupt turns into another error. It has no effect if Ctrl-C is
  ignored, or outside the main thread, which alone receives signals.
  """
  global _num_blocks, _outer
  handler = signal.getsignal(signal.SIGINT)
  is_main = threading.current_thread() is threading.main_thread()
  if not is_main or not callable(handler):
    yield
    return
  if not _num_blocks:
    _waiting.clear()
  is_counted = False
  try:
    # Counted first, so that a signal is already deferred while the handler is
    # being set.
    _num_blocks, is_counted = _num_blocks + 1, True
    if handler is not _handle:
      _outer = handler
      signal.signal(signal.SIGINT, _handle)
    yield
  finally:
    # First, while signals are still deferred: a signal in between would leave
    # the block counted, and later signals would be deferred forever.
    _num_blocks -= is_counted
    if handler is not _handle:
      signal.signal(signal.SIGINT, handler)
      _outer = None
    if _waiting and not _num_blocks:
      number, frame = _waiting[-1]
      (handler if number == signal.SIGINT else _handle)(number, frame)
