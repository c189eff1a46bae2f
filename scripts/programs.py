"""What the programs share: how they run, help and end, and flags of games."""

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
  """Runs `main` as an absl program with --help, --version and --quiet.

  --help, or -h, prints what the program is and all of its flags, and makes the
  exit status 0 whatever else is given. A ValueError, by which the package
  refuses what the user asked for, an
  OSError, such as of a full disk, a want of memory, or a flag that absl refuses
  is printed as one line and makes the exit status 2; with --verbosity=1 the
  traceback is printed too. Ctrl-C makes it 130, SIGTERM 143, SIGHUP 129, and a
  reader of standard output that is gone, as in `| head -1`, 141 without a word:
  what a shell reports of a program that SIGPIPE ends.

  Args:
    main: What to run; the exit status is what it returns.
    takes_arguments: Whether it is called with the list of what stands on the
      command line beside flags. If not, that is refused.
  """

  def checked(argv):
    if not flags.FLAGS["verbosity"].present:
      # OpenSpiel tells of every game that it makes.
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

  flags.DEFINE_bool("version", False, "Prints the version and ends.")
  flags.DEFINE_bool(
    "quiet",
    False,
    "Whether progress is not shown; results, warnings and errors are.",
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
  return f"{os.path.basename(sys.argv[0])}: {messages.reason(error)}"


class _ReaderGone(KeyboardInterrupt):
  """Nobody reads standard output any more: the program ends as on Ctrl-C."""


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
  """Returns what --help prints for the program of `main`."""
  own = [
    flag
    for module, its_flags in flags.FLAGS.flags_by_module_dict().items()
    # As it is called when it is run by python -m.
    if module.startswith(__package__) or module == sys.argv[0]
    for flag in its_flags
  ]
  description = inspect.getdoc(sys.modules[main.__module__])
  return help_text.help_text(description or "", own)


def define_import_flag() -> None:
  """Defines --import, whose modules `run` imports before anything else."""
  flags.DEFINE_multi_string(
    "import",
    [],
    "Python module that registers games or algorithms of yours, installed or in"
    " the current folder.",
  )


def define_game_flags() -> None:
  """Defines --game_name and --setting, as OpenSpiel's examples call them."""
  flags.DEFINE_string(
    "game_name",
    None,
    "OpenSpiel mean-field game, with parameters in brackets if any. May be left"
    " out where --setting is of one game. --list_games lists all of them.",
  )
  flags.DEFINE_string(
    "setting",
    None,
    "\n".join(["Named parameters of a game:", *_settings_by_games()]),
  )
  define_lists()


def define_lists() -> None:
  """Defines --list_games and --list_settings."""
  flags.DEFINE_bool(
    "list_games", False, "Prints the names of all mean-field games and ends."
  )
  flags.DEFINE_bool(
    "list_settings", False, "Prints all settings with their games and ends."
  )


def _settings_by_games() -> list[str]:
  """Returns a line for each game, or games, with its settings."""
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
