"""What the programs share: flags of a run, and one-line errors."""

from collections.abc import Callable
from collections.abc import Sequence
import os
import re
import sys
import traceback

from absl import app
from absl import flags
from absl import logging


def run(main: Callable[..., int | None], takes_arguments: bool = False) -> None:
  """Runs `main` as an absl program whose --help shows all flags of ours.

  A ValueError, by which the package refuses what the user asked for, an
  OSError, such as of a full disk, or a flag that absl refuses is printed as one
  line and makes the exit status 2; with --verbosity=1 the traceback of the
  first two is printed too. An interrupt makes it 130.

  Args:
    main: What to run; the exit status is what it returns.
    takes_arguments: Whether it is called with the list of what stands on the
      command line beside flags. If not, that is refused.
  """

  def parsed(argv):
    try:
      return flags.FLAGS(argv)
    except flags.Error as error:
      sys.exit(_refused(argv, error))

  def guarded(argv):
    if not flags.FLAGS["verbosity"].present:
      # OpenSpiel tells of every game that it makes.
      logging.set_verbosity(logging.WARNING)
    try:
      if len(argv) > 1 and not takes_arguments:
        raise ValueError(
          f"all arguments must be flags, got {' '.join(argv[1:])!r}."
        )
      return main(argv[1:]) if takes_arguments else main()
    except (ArithmeticError, OSError, ValueError) as error:
      if logging.level_debug():
        traceback.print_exc()
      return _refused(argv, error)
    except KeyboardInterrupt:
      print("Interrupted.", file=sys.stderr)
      return 130

  _document(main)
  app.run(guarded, flags_parser=parsed)


def _refused(argv: Sequence[str], error: Exception) -> int:
  """Prints an error as one line; returns the exit status."""
  message = " ".join(str(error).split())
  print(f"{os.path.basename(argv[0])}: {message}", file=sys.stderr)
  return 2


def _document(main: Callable[..., int | None]) -> None:
  """Makes --help show the program of `main` whichever way it was started."""
  sys.modules["__main__"].__doc__ = sys.modules[main.__module__].__doc__
  for module, its_flags in flags.FLAGS.flags_by_module_dict().items():
    if module.startswith(__package__) or module == sys.argv[0]:
      for flag in its_flags:
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def split(text: str) -> list[str]:
  """Returns what stands between the commas of a flag.

  Commas in brackets are part of a value.
  """
  return [value.strip() for value in re.split(r",(?![^(\[]*[)\]])", text)]


def define_game_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines --game_name and --setting, as OpenSpiel's examples call them."""
  flags.DEFINE_string(
    "game_name",
    None,
    "OpenSpiel mean-field game, with parameters in brackets if any. May be left"
    " out where --setting is one of this package.",
    flag_values=flag_values,
  )
  flags.DEFINE_string(
    "setting",
    None,
    "Setting of the game, of this package or of OpenSpiel.",
    flag_values=flag_values,
  )
