"""What the programs share: how they run and end, and flags of games."""

from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import os
import sys
import traceback
from typing import Any
from typing import TextIO

from absl import app
from absl import flags
from absl import logging

import mftrpo_openspiel
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import plugins

# Errors that end a program in a line: of the user, or of the machine.
_REFUSALS = (
  ArithmeticError,
  MemoryError,
  OSError,
  ValueError,
  flags.Error,
  futures.BrokenExecutor,
)


def run(main: Callable[..., int | None], takes_arguments: bool = False) -> None:
  """Runs `main` as an absl program with --version and all our flags in --help.

  A ValueError, by which the package refuses what the user asked for, an
  OSError, such as of a full disk, a want of memory, or a flag that absl refuses
  is printed as one line and makes the exit status 2; with --verbosity=1 the
  traceback is printed too. Ctrl-C makes it 130, SIGTERM 143 and SIGHUP 129.

  Args:
    main: What to run; the exit status is what it returns.
    takes_arguments: Whether it is called with the list of what stands on the
      command line beside flags. If not, that is refused.
  """

  def checked(argv):
    if not flags.FLAGS["verbosity"].present:
      # OpenSpiel tells of every game that it makes.
      logging.set_verbosity(logging.WARNING)
    if flags.FLAGS.version:
      print("mftrpo_openspiel", mftrpo_openspiel.__version__)
      return 0
    if len(argv) > 1 and not takes_arguments:
      raise ValueError(
        f"all arguments must be flags, got {' '.join(argv[1:])!r}."
      )
    if "import" in flags.FLAGS:
      plugins.import_modules(getattr(flags.FLAGS, "import"), "import")
    return main(argv[1:]) if takes_arguments else main()

  flags.DEFINE_bool("version", False, "Prints the version and ends.")
  interrupts.take()
  _document(main)
  said = None
  try:
    with contextlib.redirect_stdout(_Output(sys.stdout)):
      app.run(checked, flags_parser=flags.FLAGS)
  except SystemExit as end:
    status = end.code
  except KeyboardInterrupt:
    status, said = interrupts.exit_status(), "Interrupted."
  except _REFUSALS as error:
    if logging.level_debug():
      traceback.print_exc()
    status, said = 2, _line(error)
  try:
    _Output(sys.stdout).flush()
  except OSError as error:
    status, said = 2, _line(error)
    # Python tries it again at the end.
    with open(os.devnull, "wb") as null:
      os.dup2(null.fileno(), sys.stdout.fileno())
  if said is not None:
    # There may be nowhere left to say it.
    with contextlib.suppress(OSError):
      print(said, file=sys.stderr)
  sys.exit(status)


def _line(error: Exception) -> str:
  """Returns what is said of an error."""
  reason = " ".join(str(error).split())
  if isinstance(error, MemoryError):
    reason = f"there is not enough memory ({reason or 'no more is known'})."
  elif isinstance(error, futures.BrokenExecutor):
    reason = (
      "one of its processes has died, as by a kill or for want of memory."
    )
  return f"{os.path.basename(sys.argv[0])}: {reason}"


class _Output:
  """Standard output, which says so when it cannot be written."""

  def __init__(self, stream: TextIO):
    self._stream = stream

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  def write(self, text: str) -> int:
    """Writes `text`; returns its length."""
    with self._named():
      return self._stream.write(text)

  def flush(self) -> None:
    """Writes out what was written so far."""
    with self._named():
      self._stream.flush()

  @contextlib.contextmanager
  def _named(self) -> Iterator[None]:
    try:
      yield
    except OSError as error:
      raise OSError(
        f"standard output cannot be written ({error.strerror})."
      ) from None


def _document(main: Callable[..., int | None]) -> None:
  """Makes --help show the program of `main` whichever way it was started."""
  sys.modules["__main__"].__doc__ = sys.modules[main.__module__].__doc__
  for module, its_flags in flags.FLAGS.flags_by_module_dict().items():
    if module.startswith(__package__) or module == sys.argv[0]:
      for flag in its_flags:
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def define_import_flag() -> None:
  """Defines --import, whose modules `run` imports before anything else."""
  flags.DEFINE_multi_string(
    "import",
    [],
    "Python module that registers games or algorithms of yours, installed or in"
    " the current folder; may be given several times.",
  )


def define_game_flags() -> None:
  """Defines --game_name and --setting, as OpenSpiel's examples call them."""
  flags.DEFINE_string(
    "game_name",
    None,
    "OpenSpiel mean-field game, with parameters in brackets if any. May be left"
    " out where --setting is one of this package.",
  )
  flags.DEFINE_string(
    "setting", None, "Setting of the game, of this package or of OpenSpiel."
  )
