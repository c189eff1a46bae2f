"""Ctrl-C where it can be borne."""

from collections.abc import Iterator
import contextlib
import signal
import threading


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Lets Ctrl-C wait until the end of the block.

  For files: there are places in numpy and zipfile where a KeyboardInterrupt
  turns into another error. Outside the main thread, which alone is interrupted,
  and where Ctrl-C is ignored the block just runs.
  """
  handler = signal.getsignal(signal.SIGINT)
  is_main = threading.current_thread() is threading.main_thread()
  if not is_main or not callable(handler):
    yield
    return
  received = []
  signal.signal(signal.SIGINT, lambda *arguments: received.append(arguments))
  try:
    yield
  finally:
    signal.signal(signal.SIGINT, handler)
    if received:
      handler(*received[-1])
