"""returns() is not the sum of the rewards in two games."""

import sys

import numpy as np
from open_spiel.python.mfg.games import linear_quadratic  # noqa: F401
from open_spiel.python.mfg.games import periodic_aversion  # noqa: F401
import pyspiel


def main():
  fault = False
  for name in ("mean_field_lin_quad", "python_mfg_periodic_aversion"):
    game = pyspiel.load_game(name)
    state = game.new_initial_state()
    rng = np.random.RandomState(0)
    summed = state.rewards()[0]
    while not state.is_terminal():
      if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
        size = len(state.distribution_support())
        state.update_distribution([1 / size] * size)
      elif state.is_chance_node():
        actions, probabilities = zip(*state.chance_outcomes())
        state.apply_action(int(rng.choice(actions, p=probabilities)))
      else:
        state.apply_action(int(rng.choice(state.legal_actions())))
      summed += state.rewards()[0]
    returned = state.returns()[0]
    print(f"{name}: returns {returned:.4f}, expected {summed:.4f}")
    fault = fault or abs(returned - summed) > 1e-9
  return 0 if fault else "returns() sums the rewards: fixed."


if __name__ == "__main__":
  sys.exit(main())
