"""Progress bars that Ctrl-C and a full standard output cannot break."""

import sys
from typing import Any

import tqdm

from mftrpo_openspiel.utils import interrupts


def progress_bar(**options: Any) -> tqdm.tqdm:
  """Returns a progress bar with `options` of tqdm.

  Raises:
    OSError: If standard output, which tqdm flushes, cannot be written.
  """
  # Some versions of tqdm cannot close a bar that is only half made. So errors
  # and Ctrl-C come before the bar is made or after.
  sys.stdout.flush()
  with interrupts.deferred():
    return tqdm.tqdm(**options)
