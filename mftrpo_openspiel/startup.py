"""Set-up of this package's programs before their imports, which take seconds.

The package imports this module first. It does nothing if the package is
imported by any other program.
"""

import os
import signal
import sys


def _is_program() -> bool:
  """Returns whether a mftrpo-... command or a module of `scripts` is run."""
  if os.path.basename(sys.argv[0]).startswith("mftrpo-"):
    return True
  arguments = sys.orig_argv
  if "-m" not in arguments[:-1]:
    return False
  module = arguments[arguments.index("-m") + 1]
  return module.startswith("mftrpo_openspiel.scripts.")


def _open_standard_files() -> None:
  """Opens standard files that were closed, as by `2>&-`, on the null device.

  Otherwise the next file that is opened would get their number.
  """
  for number, name in enumerate(("stdin", "stdout", "stderr")):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # Gets the lowest free number.
      mode = "w" if number else "r"
      setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))


def _end(number: int, frame: object) -> None:
  """Ends a program that is still importing; later, see `interrupts`."""
  del frame
  os.write(2, b"Interrupted.\n")
  os._exit(128 + number)


if _is_program():
  _open_standard_files()
  # Pictures are written to files only. Matplotlib would fail if the variable
  # named a backend that it does not know.
  os.environ["MPLBACKEND"] = "agg"
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # A child process of multiprocessing, whose import would take long.
    is_child = "--multiprocessing-fork" in sys.orig_argv
    signal.signal(signal.SIGINT, signal.SIG_DFL if is_child else _end)
