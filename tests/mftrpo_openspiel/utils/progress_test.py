"""Tests of progress bars."""

import signal

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
