"""Common code of the programs: entry, help, exit status, and game flags."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import inspect
import os
import signal
import sys
import traceback
from typing import Any
from typing import TextIO

from absl import app
from absl import flags
from absl import logging

import mftrpo_openspiel
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import help_text
from mftrpo_openspiel.scripts import messages
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import plugins
from mftrpo_openspiel.utils import progress

_HELP = ("-h", "-?", "-help", "--help", "--helpshort")
_READER_GONE_STATUS = 128 + signal.SIGPIPE
# Errors that end a program with a message of one line: those of the user's
# input, and those of the machine.
_REFUSALS = (
  ArithmeticError,
  MemoryError,
  OSError,
  ValueError,
  flags.Error,
  futures.BrokenExecutor,
)


def run(main: Callable[..., int | None], takes_arguments: bool = False) -> None:
  """Runs `main` as an absl program with --help, --version and --quiet.

  --help, or -h, prints a description of the program and all of its flags. The
  exit status is then 0, regardless of other flags.

  A ValueError, with which the package refuses user input, an OSError such as
  that of a full disk, a MemoryError, or a flag that absl refuses is printed as
  one line. The exit status is then 2. With --verbosity=1 the traceback is
  printed too.

  The exit status is 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
  If the reader of standard output has closed it, as in `| head -1`, the program
  ends silently with status 141, which is what a shell reports for SIGPIPE.

  Args:
    main: The function to run. It returns the exit status.
    takes_arguments: Whether `main` is called with the list of positional
      arguments. If not, positional arguments are refused.
  """

  def checked(argv):
    if not flags.FLAGS["verbosity"].present:
      # OpenSpiel logs every game that it creates.
      logging.set_verbosity(logging.WARNING)
    if flags.FLAGS.quiet:
      progress.be_quiet()
    if flags.FLAGS.version:
      print("mftrpo_openspiel", mftrpo_openspiel.__version__)
      return 0
    if "import" in flags.FLAGS:
      plugins.import_modules(getattr(flags.FLAGS, "import"), "import")
    for name, lines in _LISTS.items():
      if name in flags.FLAGS and flags.FLAGS[name].value:
        print("\n".join(lines()))
        return 0
    if len(argv) > 1 and not takes_arguments:
      raise ValueError(
        "all arguments must be flags, as in --name=value, got"
        f" {' '.join(argv[1:])!r}."
      )
    return main(argv[1:]) if takes_arguments else main()

  flags.DEFINE_bool("version", False, "Prints the version and exits.")
  flags.DEFINE_bool(
    "quiet",
    False,
    "Hides progress bars; results, warnings and errors are still shown.",
  )
  interrupts.take()
  status: str | int | None
  said = None
  try:
    with contextlib.redirect_stdout(_Output(sys.stdout)):
      if _asks_for_help(sys.argv[1:]):
        print(_help(main))
        status = 0
      else:
        app.run(checked, flags_parser=flags.FLAGS)
  except SystemExit as end:
    status = end.code
  except _ReaderGone:
    status = _READER_GONE_STATUS
  except KeyboardInterrupt:
    status, said = interrupts.exit_status(), "Interrupted."
  except _REFUSALS as error:
    if logging.level_debug():
      traceback.print_exc()
    status, said = 2, _line(error)
  try:
    _Output(sys.stdout).flush()
  except (OSError, _ReaderGone) as error:
    if isinstance(error, OSError):
      status, said = 2, _line(error)
    else:
      status, said = _READER_GONE_STATUS, None
    # Python flushes standard output again when it exits.
    with open(os.devnull, "wb") as null:
      os.dup2(null.fileno(), sys.stdout.fileno())
  if said is not None:
    # Standard error may be closed too.
    with contextlib.suppress(OSError):
      print(said, file=sys.stderr)
  sys.exit(status)


def _line(error: Exception) -> str:
  """Returns the line that is printed for an error."""
  return f"{os.path.basename(sys.argv[0])}: {messages.reason(error)}"


class _ReaderGone(KeyboardInterrupt):
  """Standard output was closed by its reader: the program ends as on Ctrl-C."""


class _Output:
  """Standard output whose errors say that it is standard output."""

  def __init__(self, stream: TextIO):
    self._stream = stream

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  def write(self, text: str) -> int:
    """Writes `text`; returns its length."""
    with self._named():
      return self._stream.write(text)

  def flush(self) -> None:
    """Flushes the stream."""
    with self._named():
      self._stream.flush()

  @contextlib.contextmanager
  def _named(self) -> Iterator[None]:
    try:
      yield
    except BrokenPipeError:
      raise _ReaderGone from None
    except OSError as error:
      raise OSError(
        f"standard output cannot be written ({error.strerror})."
      ) from None


def _asks_for_help(arguments: Sequence[str]) -> bool:
  """Returns whether --help is among the flags of a command line."""
  if "--" in arguments:
    arguments = arguments[: arguments.index("--")]
  return any(argument in _HELP for argument in arguments)


def _help(main: Callable[..., int | None]) -> str:
  """Returns the help text of the program of `main`."""
  own = [
    flag
    for module, its_flags in flags.FLAGS.flags_by_module_dict().items()
    # The second name is that of a program run by python -m.
    if module.startswith(__package__) or module == sys.argv[0]
    for flag in its_flags
  ]
  description = inspect.getdoc(sys.modules[main.__module__])
  return help_text.help_text(description or "", own)


def define_import_flag() -> None:
  """Defines --import; `run` imports its modules before it calls `main`."""
  flags.DEFINE_multi_string(
    "import",
    [],
    "Python module that registers your own games or algorithms; it may be"
    " installed or lie in the current folder.",
  )


def define_game_flags() -> None:
  """Defines --game_name and --setting, named as in OpenSpiel's examples."""
  flags.DEFINE_string(
    "game_name",
    None,
    "OpenSpiel mean-field game, with parameters in parentheses if any. Not"
    " needed with a --setting that belongs to one game. --list_games lists all"
    " games.",
  )
  flags.DEFINE_string(
    "setting",
    None,
    "\n".join(["Named set of game parameters:", *_settings_by_games()]),
  )
  define_lists()


def define_lists() -> None:
  """Defines --list_games and --list_settings."""
  flags.DEFINE_bool(
    "list_games", False, "Prints the names of all mean-field games and exits."
  )
  flags.DEFINE_bool(
    "list_settings", False, "Prints all settings with their games and exits."
  )


def _settings_by_games() -> list[str]:
  """Returns one line per game, or group of games, with its settings."""
  settings: dict[str, list[str]] = {}
  for setting, games in game_factory.settings().items():
    settings.setdefault(" or ".join(games), []).append(setting)
  return [f"  {games}: {', '.join(settings[games])}" for games in settings]


def _list_settings() -> list[str]:
  settings = game_factory.settings()
  width = max(map(len, settings))
  return [
    f"{setting:{width}}  {', '.join(games)}"
    for setting, games in settings.items()
  ]


_LISTS = {
  "list_games": game_factory.mean_field_games,
  "list_settings": _list_settings,
}
