"""Checks whether OpenSpiel's mean-field utilities are exact on a game.

    mftrpo-lint --game_name=mfg_crowd_modelling_2d
    mftrpo-lint --game_name=mfg_garnet --checks=rewards,pickling

Prints a table of questions and answers. "yes" and "NO" are certain. "yes?"
means that no counterexample was found in the part of the game that was
examined; games with up to 100,000 histories are examined completely. The exit
status is 0 if no answer is "NO", 1 if one is, and 2 if the game or a check is
unknown.
"""

from absl import flags
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401

from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_import_flag()
  programs.define_game_flags()
  flags.DEFINE_list(
    "checks",
    None,
    f"Checks to make, of {', '.join(lint.QUESTIONS)}; all if not given.",
  )
  flags.DEFINE_integer(
    "seed",
    0,
    "Seed of the random choice of paths that are compared.",
    lower_bound=0,
  )


def main() -> int:
  """Lints the game given by the flags; returns the exit status."""
  game = game_factory.create_game(FLAGS.game_name, FLAGS.setting)
  report = lint.lint_game(game, FLAGS.checks, FLAGS.seed)
  print(report)
  return 0 if report.passed else 1


def run() -> None:
  """Entry point of mftrpo-lint."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
