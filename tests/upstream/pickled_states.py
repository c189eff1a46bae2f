"""Serialized states of two C++ games are not equal to the original."""

import pickle
import sys

import pyspiel


def main():
  game = pyspiel.load_game("mfg_crowd_modelling_2d(size=3,horizon=3)")
  state = game.new_initial_state()
  for action in (4, 2, 2):  # The position 4 is the center; 2 is to stay.
    state.apply_action(action)
  state.update_distribution([0.5] + [0.0625] * 8)
  measured = pickle.loads(pickle.dumps(state)).rewards()[0]
  expected = state.rewards()[0]
  print(f"mfg_crowd_modelling_2d: reward {measured:.4f}", end=", ")
  print(f"expected {expected:.4f}")
  fault = abs(measured - expected) > 1e-6

  game = pyspiel.load_game("mfg_garnet")
  state = game.new_initial_state()
  for action in (5, 0):
    state.apply_action(action)
  measured = pickle.loads(pickle.dumps(state)).chance_outcomes()
  expected = state.chance_outcomes()
  for (_, probability), (_, original) in zip(measured, expected):
    print(f"mfg_garnet: probability {probability:.4f}", end=", ")
    print(f"expected {original:.4f}")
    fault = fault or abs(probability - original) > 1e-6
  return 0 if fault else "States survive serialization: fixed."


if __name__ == "__main__":
  sys.exit(main())
