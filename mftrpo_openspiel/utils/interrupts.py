"""Ctrl-C where it can be borne, and other signals that ask a program to end."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import signal
import threading
import types

# Ctrl-C; what kill, batch systems and a machine that shuts down send; the end
# of the terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_num_blocks = 0  # Of `deferred`, that are being run.
# What Ctrl-C did before them, where they have put `_handle` in its place.
_outer: Callable[[int, types.FrameType | None], object] | None = None
_waiting: list[tuple[int, types.FrameType | None]] = []
_last: int = signal.SIGINT
_is_uncaught = (
  False  # Whether a KeyboardInterrupt was raised, see `raise_lost`.
)


def take() -> None:
  """Makes all of `SIGNALS` raise KeyboardInterrupt in this program.

  Those that are ignored, as SIGHUP is under nohup, stay so.
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
  """Raises KeyboardInterrupt if one was raised earlier and did not arrive.

  Python ignores exceptions in places such as the end of a generator that is
  given up, or a callback of its garbage collector; a signal that comes there
  would be lost. Long loops of programs that `take` signals call this now and
  then; who catches a KeyboardInterrupt calls `settle`.
  """
  if _is_uncaught:
    raise KeyboardInterrupt


def settle() -> None:
  """Notes that the last KeyboardInterrupt has arrived."""
  global _is_uncaught
  _is_uncaught = False


def _handle(number: int, frame: types.FrameType | None) -> None:
  global _last, _is_uncaught
  if _num_blocks:
    _waiting.append((number, frame))
    return
  if number == signal.SIGINT and _outer is not None:
    # It came at the very end of a block, before this was done there.
    signal.signal(number, _outer)
    _outer(number, frame)
    return
  _last = number
  _is_uncaught = True
  raise KeyboardInterrupt


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Lets Ctrl-C, and the other signals that were taken, wait until the end.

  For files: there are places in numpy and zipfile where a KeyboardInterrupt
  turns into another error. Outside the main thread, which alone is interrupted,
  and where Ctrl-C is ignored the block just runs.
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
    # Counted first: a signal that comes as the handler is set waits already.
    _num_blocks, is_counted = _num_blocks + 1, True
    if handler is not _handle:
      _outer = handler
      signal.signal(signal.SIGINT, _handle)
    yield
  finally:
    # First, while signals still wait: one that came between would leave the
    # block counted, and later ones waiting for ever.
    _num_blocks -= is_counted
    if handler is not _handle:
      signal.signal(signal.SIGINT, handler)
      _outer = None
    if _waiting and not _num_blocks:
      number, frame = _waiting[-1]
      (handler if number == signal.SIGINT else _handle)(number, frame)
