"""Tabular policies of mean-field games raise KeyError in a simulation."""

import sys

import numpy as np
from open_spiel.python import policy
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.games import crowd_modelling  # noqa: F401
import pyspiel

EPISODES = 100


def play(game, player, mean_field, rng):
  """Plays an episode; raises KeyError at a state that is not in the table."""
  state = game.new_initial_state()
  while not state.is_terminal():
    if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
      support = state.distribution_support()
      state.update_distribution(
        [mean_field.value_str(string, 0.0) for string in support]
      )
      continue
    if state.is_chance_node():
      actions, probabilities = zip(*state.chance_outcomes())
    else:
      actions, probabilities = zip(*player.action_probabilities(state).items())
    state.apply_action(int(rng.choice(actions, p=probabilities)))


def main():
  fault = False
  for name in ("python_mfg_crowd_modelling", "mfg_crowd_modelling_2d"):
    game = pyspiel.load_game(name)
    uniform = policy.UniformRandomPolicy(game)
    mean_field = distribution.DistributionPolicy(game, uniform)
    tabular = uniform.to_tabular()
    rng = np.random.RandomState(0)
    played = 0
    for _ in range(EPISODES):
      try:
        play(game, tabular, mean_field, rng)
      except KeyError:
        continue
      played += 1
    print(f"{name}: {played} of {EPISODES} episodes, expected {EPISODES}")
    fault = fault or played < EPISODES
  return 0 if fault else "Tabular policies can be simulated: fixed."


if __name__ == "__main__":
  sys.exit(main())
