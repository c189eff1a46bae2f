"""Flags of programs, in tests that call what reads them."""

import contextlib

from absl import flags
from absl.testing import flagsaver


@contextlib.contextmanager
def given(define_flags, *arguments):
  """Defines the flags of a program, and gives it a command line."""
  with flagsaver.flagsaver():
    define_flags()
    flags.FLAGS(["program", *arguments])
    yield
