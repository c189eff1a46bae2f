"""Flags of programs, for tests that call functions of programs."""

import contextlib

from absl import flags
from absl.testing import flagsaver


@contextlib.contextmanager
def given(define_flags, *arguments):
  """Defines the flags of a program and parses a command line."""
  with flagsaver.flagsaver():
    define_flags()
    flags.FLAGS(["program", *arguments])
    yield
