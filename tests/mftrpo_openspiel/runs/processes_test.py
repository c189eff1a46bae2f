"""Tests of processes that do not affect each other when one dies."""

from concurrent import futures
import multiprocessing
import os
import signal
import time

import pytest

from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.utils import interrupts


def test_a_process_that_dies_does_not_affect_others():
  handler = signal.getsignal(signal.SIGINT)
  # Each process is initialized with its own arguments; the third one fails.
  given = iter([("1.0",), ("2.0",), ("none",)])
  with processes.SeparateProcesses(1, float, lambda: next(given)) as executor:
    first = executor.submit(os.getpid)
    # The program handles these signals.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
      executor.submit(signal.raise_signal, number)
    same = executor.submit(os.getpid)
    killed = executor.submit(signal.raise_signal, signal.SIGKILL)
    second = executor.submit(os.getpid)
    dead = executor.submit(os._exit, 0)
    third = executor.submit(os.getpid)
    for future in (killed, dead, third):
      with pytest.raises(futures.BrokenExecutor):
        future.result()
    assert first.result() == same.result()
    assert len({first.result(), second.result(), os.getpid()}) == 3
  # In the program itself nothing is ignored or blocked.
  assert signal.getsignal(signal.SIGINT) is handler
  assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_signals_do_not_end_a_process_that_is_starting():
  with processes.SeparateProcesses(1, os.getpid, tuple) as executor:
    future = executor.submit(os.getpid)
    while not (children := multiprocessing.active_children()):
      assert not future.done()
    for number in interrupts.SIGNALS:
      os.kill(children[0].pid, number)
    assert future.result() == children[0].pid


def test_processes_of_a_pool_end_at_once_if_the_program_is_interrupted():
  with pytest.raises(KeyboardInterrupt), processes.pool(1) as executor:
    assert executor.submit(abs, -1).result() == 1
    executor.submit(time.sleep, 600)
    (process,) = multiprocessing.active_children()
    raise KeyboardInterrupt
  process.join(60)  # Seconds.
  assert process.exitcode == -signal.SIGTERM
