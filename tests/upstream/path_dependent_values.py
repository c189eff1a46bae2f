"""Values of some games depend on the order in which paths are visited.

Arguments: names of the games to look at; all of GAMES if there are none.
"""

import sys

from open_spiel.python import policy
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import crowd_modelling  # noqa: F401
from open_spiel.python.mfg.games import linear_quadratic  # noqa: F401
from open_spiel.python.mfg.games import periodic_aversion  # noqa: F401
import pyspiel

GAMES = {
  "mfg_garnet": {"size": 10, "horizon": 5},
  "python_mfg_crowd_modelling": {"size": 4, "horizon": 4},
  "mfg_crowd_modelling_2d": {"size": 4, "horizon": 4},
  "mean_field_lin_quad": {"size": 6, "horizon": 3},
  "python_mfg_periodic_aversion": {
    "size": 8,
    "horizon": 3,
    "dt": 0.1,
    "n_actions_per_side": 2,
  },
}


def value(state, mean_field, player, last_action, known):
  """Returns the value of a state, of a best response if `player` is None.

  `known` holds values by observation string and last action, on which the
  rewards depend.
  """
  key = (state.observation_string(0), last_action)
  if key in known:
    return known[key]
  following = 0.0
  if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
    child = state.clone()
    child.update_distribution(
      [mean_field.value_str(key, 0.0) for key in child.distribution_support()]
    )
    following = value(child, mean_field, player, last_action, known)
  elif state.is_chance_node():
    for outcome, probability in state.chance_outcomes():
      child = state.child(outcome)
      following += probability * value(
        child, mean_field, player, last_action, known
      )
  elif not state.is_terminal():
    values = {
      action: value(state.child(action), mean_field, player, action, known)
      for action in state.legal_actions()
    }
    if player is None:
      following = max(values.values())
    else:
      for action, probability in player.action_probabilities(state).items():
        following += probability * values[action]
  known[key] = state.rewards()[0] + following
  return known[key]


def main():
  fault = False
  for name in sys.argv[1:] or GAMES:
    game = pyspiel.load_game(name, GAMES[name])
    uniform = policy.UniformRandomPolicy(game)
    measured = nash_conv.NashConv(game, uniform)
    root = game.new_initial_state()
    expected = value(root, measured.distribution, None, None, {})
    expected -= value(root, measured.distribution, uniform, None, {})
    print(f"{name}: NashConv {measured.nash_conv():.4f}", end=", ")
    print(f"expected {expected:.4f}")
    fault = fault or abs(measured.nash_conv() - expected) > 1e-6
  return 0 if fault else "Values do not depend on the path: fixed."


if __name__ == "__main__":
  sys.exit(main())
