"""What the programs share: flags of a run, and one-line errors."""

from collections.abc import Callable
import os
import sys
import traceback

from absl import app
from absl import flags
from absl import logging


def run(main: Callable[[], None]) -> None:
  """Runs `main` as an absl program.

  A ValueError, by which the package refuses what the user asked for, is printed
  as one line and makes the exit status 2; with --verbosity=1 its traceback is
  printed too. An interrupt makes it 130.
  """

  def guarded(argv):
    if len(argv) > 1:
      raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}")
    try:
      return main()
    except ValueError as error:
      if logging.level_debug():
        traceback.print_exc()
      print(f"{os.path.basename(argv[0])}: {error}", file=sys.stderr)
      return 2
    except KeyboardInterrupt:
      print("Interrupted.", file=sys.stderr)
      return 130

  app.run(guarded)


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
