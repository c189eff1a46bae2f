"""What programs of this package do before their imports, which take seconds.

The package imports it first. Where it is imported by another program it does
nothing.
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
  """Opens what was closed, as by `2>&-`, on the null device.

  Otherwise the next file that is opened would be taken for it.
  """
  for number, name in enumerate(("stdin", "stdout", "stderr")):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # Is the least number that is free.
      mode = "w" if number else "r"
      setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))


def _end(number: int, frame: object) -> None:
  """Ends a program that has done nothing yet; see `interrupts` for later."""
  del frame
  os.write(2, b"Interrupted.\n")
  os._exit(128 + number)


if _is_program():
  _open_standard_files()
  # Pictures go into files. Matplotlib refuses names that it does not know.
  os.environ["MPLBACKEND"] = "agg"
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Of multiprocessing; the module itself would take long to import.
    is_child = "--multiprocessing-fork" in sys.orig_argv
    signal.signal(signal.SIGINT, signal.SIG_DFL if is_child else _end)
