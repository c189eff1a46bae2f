"""MirrorDescent(root_state=...) uses the mean field of the whole game."""

import sys

from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import mirror_descent
import pyspiel


def main():
  game = pyspiel.load_game("mfg_crowd_modelling")
  root = game.new_initial_state()
  root.apply_action(2)  # All players start at position 2.
  algorithm = mirror_descent.MirrorDescent(game, root_state=root)
  mean_field = distribution.DistributionPolicy(
    game, algorithm.get_policy(), root_state=root
  )
  state = "(2, 1)_a"  # Position 2 at time 1, where a third of the players is.
  measured = algorithm.distribution.value_str(state, 0.0)
  expected = mean_field.value_str(state)
  print(f"Mass at {state}: {measured:.6f}, expected {expected:.6f}")
  if abs(measured - expected) > 1e-6:
    return 0
  return "MirrorDescent uses root_state for its mean field: fixed."


if __name__ == "__main__":
  sys.exit(main())
