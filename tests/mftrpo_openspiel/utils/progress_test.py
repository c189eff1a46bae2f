"""Tests of progress bars."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
import tqdm

from mftrpo_openspiel.utils import progress


def test_ctrl_c_waits_until_a_progress_bar_is_made(monkeypatch):
  made = []

  def make(**options):
    signal.raise_signal(signal.SIGINT)
    made.append(options)

  monkeypatch.setattr(tqdm, "tqdm", make)
  with pytest.raises(KeyboardInterrupt):
    progress.progress_bar(total=3)
  assert made == [{"total": 3}]


LIVE = """
from mftrpo_openspiel.utils import progress
with progress.live_bar(3, is_wanted={is_wanted}) as bar:
  for _ in range(3):
    bar.set_postfix_str("phi_0 = 0.5", refresh=False)
    bar.update()
    bar.refresh()
"""


def shown_in_a_terminal(program):
  """Returns what a program writes to a terminal that is its standard error."""
  ours, theirs = pty.openpty()
  termios.tcsetwinsize(theirs, (24, 80))
  subprocess.run([sys.executable, "-c", program], stderr=theirs, check=True)
  os.close(theirs)
  shown = b""
  # At the end there is an error or nothing, by the kind of system.
  with contextlib.suppress(OSError):
    while part := os.read(ours, 10_000):
      shown += part
  os.close(ours)
  return shown.decode()


def test_a_live_bar_shows_in_a_terminal_and_nowhere_else():
  shown = shown_in_a_terminal(LIVE.format(is_wanted=True))
  assert "3/3" in shown
  assert "phi_0 = 0.5" in shown
  assert not shown_in_a_terminal(LIVE.format(is_wanted=False))
  result = subprocess.run(
    [sys.executable, "-c", LIVE.format(is_wanted=True)],
    capture_output=True,
    text=True,
    check=True,
  )
  assert result.stdout == result.stderr == ""
