"""The mean-field examples need CLU, which OpenSpiel does not install."""

import importlib
import sys

EXAMPLE = "open_spiel.python.mfg.examples.mfg_mirror_descent"
FLAGS = ("--game_name=mfg_crowd_modelling_2d", "--num_iterations=1")


def main():
  sys.modules["clu"] = None  # As where CLU is not installed.
  try:
    example = importlib.import_module(EXAMPLE)
  except ImportError as error:
    print(f"{EXAMPLE}: {str(error).splitlines()[0]}")
    return 0
  example.FLAGS([EXAMPLE, *FLAGS])
  example.main([EXAMPLE])
  return "The examples run without CLU: fixed."


if __name__ == "__main__":
  sys.exit(main())
