"""Tests of progress bars and lines."""

import contextlib
import io
import itertools
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pytest
import tqdm

from mftrpo_openspiel.utils import progress


class Terminal(io.StringIO):
  def isatty(self):
    return True


def test_ctrl_c_is_deferred_until_a_progress_bar_is_made(monkeypatch):
  monkeypatch.setattr(sys, "stderr", Terminal())
  made = []

  def make(**options):
    signal.raise_signal(signal.SIGINT)
    made.append(options["total"])

  monkeypatch.setattr(tqdm, "tqdm", make)
  with pytest.raises(KeyboardInterrupt):
    progress.progress_bar(3, unit="run")
  assert made == [3]


def test_a_terminal_has_a_bar(monkeypatch):
  terminal = Terminal()
  monkeypatch.setattr(sys, "stderr", terminal)
  with progress.progress_bar(3, unit="run", initial=1, title="here") as bar:
    bar.update(2)
  assert bar.n == 3
  assert terminal.getvalue().rpartition("\r")[2].startswith("here: 100%|")


def use(**options):
  """Takes steps of one second, from the fifth to the hundredth."""
  with progress.progress_bar(105, "step", 5, **options) as lines:
    lines.set_postfix_str("no end")
    for _ in range(99):
      lines.update()
    lines.set_postfix_str()
    lines.update(1)
  assert lines.n == 105


@pytest.fixture
def clock(monkeypatch):
  seconds = itertools.count()
  monkeypatch.setattr(time, "monotonic", lambda: next(seconds))


def test_a_file_gets_lines_at_intervals_and_at_the_end(capsys, clock):
  use(title="games")
  lines = capsys.readouterr().err.splitlines()
  # The clock is read more often than once per step.
  assert lines[0].startswith("games: ")
  assert 5 < len(lines) <= 11
  assert all(", no end after " in line for line in lines[:-2])
  assert lines[-1].startswith("games: 105 of 105 steps after ")
  assert "\r" not in "".join(lines)


def test_a_short_time_has_one_line_or_none(capsys):
  use()
  assert capsys.readouterr().err == "105 of 105 steps after 0 s\n"
  use(keep=False)
  assert not capsys.readouterr().err


def test_a_closed_standard_error_is_ignored(monkeypatch, capsys):
  class Closed(io.StringIO):
    def write(self, text):
      raise BrokenPipeError

  monkeypatch.setattr(sys, "stderr", Closed())
  use()
  monkeypatch.setattr(sys, "stderr", None)
  with progress.progress_bar(2, unit="run") as bar:
    bar.update(1)
  assert not capsys.readouterr().out


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_quiet_prints_nothing(monkeypatch, stream):
  monkeypatch.setattr(sys, "stderr", stream())
  monkeypatch.setattr(progress, "_is_quiet", False)
  progress.be_quiet()
  with progress.progress_bar(2, unit="run") as bar:
    bar.update(1)
  assert not sys.stderr.getvalue()


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
  # Depending on the system, the last read raises an error or returns nothing.
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
