"""iteration(learning_rate=...) has no effect in two algorithms."""

import sys

from open_spiel.python.mfg.algorithms import boltzmann_policy_iteration
from open_spiel.python.mfg.algorithms import munchausen_mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

CLASSES = (
  munchausen_mirror_descent.MunchausenMirrorDescent,
  boltzmann_policy_iteration.BoltzmannPolicyIteration,
)


def nash_conv_of(algorithm_class, game, in_constructor, in_iteration):
  algorithm = algorithm_class(game, lr=in_constructor)
  for _ in range(3):
    algorithm.iteration(learning_rate=in_iteration)
  return nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()


def main():
  game = pyspiel.load_game("mfg_crowd_modelling")
  fault = False
  for algorithm_class in CLASSES:
    measured = nash_conv_of(algorithm_class, game, 0.01, 0.1)
    expected = nash_conv_of(algorithm_class, game, 0.1, None)
    name = algorithm_class.__name__
    print(f"{name}: NashConv {measured:.6f}, expected {expected:.6f}")
    fault = fault or abs(measured - expected) > 1e-6
  return 0 if fault else "The learning rate of an iteration counts: fixed."


if __name__ == "__main__":
  sys.exit(main())
