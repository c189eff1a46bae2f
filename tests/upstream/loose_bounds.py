"""Bounds in tests of learning algorithms that no learning is needed for."""

import pathlib
import re
import sys

import open_spiel
from open_spiel.python import policy
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

FOLDER = (
  pathlib.Path(open_spiel.__file__).parent / "python" / "mfg" / "algorithms"
)


def bound(file_name):
  """Returns the bound that a test file sets on NashConv."""
  pattern = r"assertLess(?:Equal)?\(\s*nash_conv_\w+\.nash_conv\(\), ([\d.]+)\)"
  found = re.search(pattern, (FOLDER / file_name).read_text())
  return float(found.group(1)) if found else 0.0


def main():
  game = pyspiel.load_game("mfg_crowd_modelling")
  uniform = policy.UniformRandomPolicy(game)
  unlearned = nash_conv.NashConv(game, uniform).nash_conv()
  # The test of FictitiousPlay with DQN, with a uniform policy for the DQN.
  algorithm = fictitious_play.FictitiousPlay(game)
  for _ in range(10):
    algorithm.iteration(br_policy=uniform)
  played = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
  fault = False
  for file_name, value in (
    ("munchausen_deep_mirror_descent_test.py", unlearned),
    ("average_network_fictitious_play_test.py", unlearned),
    ("fictitious_play_test.py", played),
  ):
    allowed = bound(file_name)
    print(f"{file_name}: bound {allowed}, without learning {value:.4f}")
    fault = fault or value <= allowed
  return 0 if fault else "The bounds ask for learning: fixed."


if __name__ == "__main__":
  sys.exit(main())
