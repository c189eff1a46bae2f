"""FictitiousPlay raises KeyError where transitions depend on the crowd."""

import sys

from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import factory

ITERATIONS = 10


def main():
  fault = False
  for name in ("python_mfg_dynamic_routing", "mfg_dynamic_routing"):
    game = factory.create_game_with_setting(name, "dynamic_routing_braess")
    algorithm = fictitious_play.FictitiousPlay(game)
    before = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
    try:
      for _ in range(ITERATIONS):
        algorithm.iteration()
    except KeyError as error:
      print(f"{name}: KeyError for the history {str(error)[:15]}...'")
      fault = True
    else:
      after = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
      print(f"{name}: NashConv {before:.4f}, after {ITERATIONS}: {after:.4f}")
  return 0 if fault else "FictitiousPlay runs on routing games: fixed."


if __name__ == "__main__":
  sys.exit(main())
