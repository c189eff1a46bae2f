"""rl_environment leaves out the reward of the first decision."""

import sys

from open_spiel.python import policy
from open_spiel.python import rl_environment
from open_spiel.python.mfg.algorithms import distribution
import pyspiel


def main():
  game = pyspiel.load_game("mfg_crowd_modelling")
  mean_field = distribution.DistributionPolicy(
    game, policy.UniformRandomPolicy(game)
  )
  environment = rl_environment.Environment(
    game, mfg_distribution=mean_field, mfg_population=0
  )
  environment.seed(0)
  time_step = environment.reset()
  received = 0.0
  while not time_step.last():
    time_step = environment.step([1])  # Stay.
    received += time_step.rewards[0]
  expected = environment.get_state.returns()[0]
  print(f"Return of an episode: {received:.4f}, expected {expected:.4f}")
  if abs(received - expected) > 1e-9:
    return 0
  return "An episode receives all of its rewards: fixed."


if __name__ == "__main__":
  sys.exit(main())
