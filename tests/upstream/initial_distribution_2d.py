"""mfg_crowd_modelling_2d reads initial_distribution with x and y exchanged."""

import sys

import pyspiel


def start(forbidden_states):
  game = pyspiel.load_game(
    "mfg_crowd_modelling_2d",
    {
      "size": 3,
      "forbidden_states": forbidden_states,
      "initial_distribution": "[1|0]",
      "initial_distribution_value": "[1.0]",
    },
  )
  state = game.new_initial_state()
  ((action, _),) = state.chance_outcomes()
  state.apply_action(action)
  return str(state)


def main():
  everywhere = start("[]")
  print(f"initial_distribution [1|0]: {everywhere}, expected (1, 0, 0)")
  beside = start("[0|1]")  # Neither (0, 1) nor outside of the grid is legal.
  print(f"with forbidden_states [0|1]: {beside}, expected (1, 0, 0)")
  if "(1, 0, 0)" == everywhere == beside:
    return "initial_distribution is read as x|y: fixed."
  return 0


if __name__ == "__main__":
  sys.exit(main())
