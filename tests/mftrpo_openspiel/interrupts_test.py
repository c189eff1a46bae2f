"""Tests of Ctrl-C that waits."""

import signal
import threading

import pytest

from mftrpo_openspiel import interrupts


def ctrl_c():
  signal.raise_signal(signal.SIGINT)


def test_ctrl_c_comes_at_the_end_of_the_block():
  done = []
  with pytest.raises(KeyboardInterrupt):
    with interrupts.deferred():
      with interrupts.deferred():
        ctrl_c()
        ctrl_c()
        done.append("inner")
      done.append("outer")
    done.append("after")
  assert done == ["inner", "outer"]
  with pytest.raises(KeyboardInterrupt):
    ctrl_c()


def test_without_ctrl_c_nothing_comes():
  with interrupts.deferred():
    pass
  with pytest.raises(OSError, match="full"):
    with interrupts.deferred():
      raise OSError("full")
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_outlives_an_error():
  with pytest.raises(KeyboardInterrupt) as info:
    with interrupts.deferred():
      ctrl_c()
      raise OSError("full")
  assert isinstance(info.value.__context__, OSError)


def test_ctrl_c_may_be_ignored():
  handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    with interrupts.deferred():
      ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
  finally:
    signal.signal(signal.SIGINT, handler)


def test_other_threads_are_not_interrupted():
  done = []

  def work():
    with interrupts.deferred():
      done.append(signal.getsignal(signal.SIGINT))

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert done == [signal.default_int_handler]
