"""Tests of deferred Ctrl-C."""

import signal
import sys
import threading

import pytest

from mftrpo_openspiel.utils import interrupts


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


def test_ctrl_c_is_not_lost_by_an_error():
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


@pytest.fixture
def handlers():
  """Restores the handlers of all signals that a program takes."""
  before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
  yield
  interrupts._last = signal.SIGINT
  interrupts.settle()
  for number, handler in before.items():
    signal.signal(number, handler)


@pytest.mark.parametrize(
  ("number", "status"),
  [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_program_takes_all_signals_as_ctrl_c(handlers, number, status):
  interrupts.take()
  with pytest.raises(KeyboardInterrupt):
    signal.raise_signal(number)
  assert interrupts.exit_status() == status
  done = []
  with pytest.raises(KeyboardInterrupt):
    with interrupts.deferred():
      signal.raise_signal(number)
      with interrupts.deferred():
        signal.raise_signal(number)
      done.append("block")
  assert done == ["block"]
  assert interrupts.exit_status() == status


def test_an_interrupt_that_python_ignores_is_raised_again(
  handlers, monkeypatch
):
  ignored = []
  monkeypatch.setattr(
    sys, "unraisablehook", lambda found: ignored.append(found.exc_type)
  )
  interrupts.take()

  def values():
    try:
      yield 1
    finally:
      signal.raise_signal(signal.SIGTERM)

  given_up = values()
  next(given_up)
  del given_up
  assert ignored == [KeyboardInterrupt]
  with pytest.raises(KeyboardInterrupt):
    interrupts.raise_lost()
  assert interrupts.exit_status() == 143
  interrupts.settle()
  interrupts.raise_lost()


def test_ignored_signals_remain_ignored(handlers):
  signal.signal(signal.SIGHUP, signal.SIG_IGN)  # As nohup does.
  interrupts.take()
  signal.raise_signal(signal.SIGHUP)
  with interrupts.deferred():
    signal.raise_signal(signal.SIGHUP)


def test_a_handler_of_the_user_is_called_at_the_end(handlers):
  called = []
  signal.signal(signal.SIGINT, lambda *arguments: called.append(arguments[0]))
  with interrupts.deferred():
    ctrl_c()
    assert not called
  assert called == [signal.SIGINT]
  ctrl_c()
  assert len(called) == 2


def test_ctrl_c_while_the_handler_is_set_is_deferred(monkeypatch):
  """A pending signal is handled while the handler is being set."""
  set_handler = signal.signal

  def set_and_interrupt(number, handler):
    before = set_handler(number, handler)
    if handler is interrupts._handle:
      ctrl_c()
    return before

  monkeypatch.setattr(signal, "signal", set_and_interrupt)
  done = []
  with pytest.raises(KeyboardInterrupt):
    with interrupts.deferred():
      done.append("block")
  assert done == ["block"]
  assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_ctrl_c_at_any_line_of_a_block_later_signals_arrive():
  def block():
    with interrupts.deferred():
      pass

  def interrupted_at(line):
    count = 0

    def trace(frame, event, argument):
      nonlocal count
      if event == "line":
        count += 1
        if count == line:
          ctrl_c()
      return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
      block()
    except KeyboardInterrupt:
      return True
    finally:
      sys.settrace(before)
    return False

  line = 1
  while interrupted_at(line):
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
      with interrupts.deferred():
        ctrl_c()
    line += 1
  assert line > 20
