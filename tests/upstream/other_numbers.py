"""Prints NashConv of algorithms on games, to be compared with and without a
patch."""

from open_spiel.python import policy
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import boltzmann_policy_iteration
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import fixed_point
from open_spiel.python.mfg.algorithms import mirror_descent
from open_spiel.python.mfg.algorithms import munchausen_mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

PERIODIC = "python_mfg_periodic_aversion"
GAMES = (
  pyspiel.load_game("mfg_crowd_modelling"),
  pyspiel.load_game("mfg_garnet(size=6,horizon=4)"),
  pyspiel.load_game("python_mfg_predator_prey(horizon=2)"),
  pyspiel.load_game(
    PERIODIC, {"size": 8, "horizon": 3, "dt": 0.1, "n_actions_per_side": 2}
  ),
)
ALGORITHMS = (
  boltzmann_policy_iteration.BoltzmannPolicyIteration,
  fictitious_play.FictitiousPlay,
  fixed_point.FixedPoint,
  mirror_descent.MirrorDescent,
  munchausen_mirror_descent.MunchausenMirrorDescent,
)


def main():
  for game in GAMES:
    name = game.get_type().short_name
    value = nash_conv.NashConv(game, policy.UniformRandomPolicy(game))
    print(name, "uniform", f"{value.nash_conv():.9f}")
    for algorithm_class in ALGORITHMS:
      algorithm = algorithm_class(game)
      for _ in range(3):
        algorithm.iteration()
      value = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
      print(name, algorithm_class.__name__, f"{value:.9f}")


if __name__ == "__main__":
  main()
