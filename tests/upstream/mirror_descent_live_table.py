"""MirrorDescent evaluates a policy that changes during the evaluation."""

import sys

from open_spiel.python.mfg.algorithms import mirror_descent
from open_spiel.python.mfg.algorithms import munchausen_mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

GAMES = (  # Name, parameters, learning rate.
  ("mfg_crowd_modelling", {}, 0.01),
  (
    "mfg_crowd_modelling_2d",
    {
      "size": 5,
      "horizon": 5,
      "only_distribution_reward": True,
      "initial_distribution": "[0|0]",
      "initial_distribution_value": "[1.0]",
    },
    1.0,
  ),
)


def nash_conv_of(algorithm_class, game, learning_rate):
  algorithm = algorithm_class(game, lr=learning_rate)
  for _ in range(10):
    algorithm.iteration()
  return nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()


def main():
  fault = False
  for name, parameters, learning_rate in GAMES:
    game = pyspiel.load_game(name, parameters)
    measured = nash_conv_of(mirror_descent.MirrorDescent, game, learning_rate)
    # According to its docstring "equivalent to the online mirror descent
    # algorithm"; it evaluates a policy that does not change.
    expected = nash_conv_of(
      munchausen_mirror_descent.MunchausenMirrorDescent, game, learning_rate
    )
    print(f"{name}: NashConv {measured:.6f}, expected {expected:.6f}")
    fault = fault or abs(measured - expected) > 1e-6
  return 0 if fault else "The evaluated policy does not change: fixed."


if __name__ == "__main__":
  sys.exit(main())
