"""Head to head: MF-TRPO and OpenSpiel's own algorithms on one OpenSpiel game.

    mftrpo-benchmark --game_name=mfg_crowd_modelling --num_iterations=20

All run through OpenSpiel's utilities, and the policies that they end with are
measured by OpenSpiel's NashConv. OpenSpiel's MirrorDescent stands in the table
as shipped, and beside it OMD as it is published (see
`algorithms/openspiel_algorithm.py` for where they differ).
"""

import time

from absl import flags
from open_spiel.python.mfg.algorithms import nash_conv
import tqdm

from mftrpo_openspiel import models
from mftrpo_openspiel.algorithms import factory as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS


def contestants() -> dict[str, tuple[str, dict[str, object]]]:
  """Returns each row's title with its algorithm and options, from the flags."""
  trpo = {
    "regularization": FLAGS.regularization,
    "population_update_rate": FLAGS.population_update_rate,
  }
  rate = {"lr": FLAGS.learning_rate}
  return {
    "MF-TRPO (as printed)": ("mf_trpo", trpo),
    "MF-TRPO (warm start)": ("mf_trpo", {**trpo, "warm_start": True}),
    "FictitiousPlay (OpenSpiel)": ("openspiel_fictitious_play", {}),
    "MirrorDescent (OpenSpiel, as shipped)": ("openspiel_mirror_descent", rate),
    "MirrorDescent (textbook)": ("mirror_descent", rate),
  }


def main() -> None:
  """Runs all contestants and prints the table."""
  game = game_factory.create_game(FLAGS.game_name, FLAGS.setting)
  model = models.create_model("openspiel", game)
  runs = {
    title: algorithm_factory.create_algorithm(name, model, **options)
    for title, (name, options) in contestants().items()
  }
  print(f"{game}, {FLAGS.num_iterations} iterations")
  print(f"{'algorithm':38} {'NashConv':>12} {'s / iteration':>14}")
  progress = tqdm.tqdm(
    total=len(runs) * FLAGS.num_iterations, unit="iteration", leave=False
  )
  for title, algorithm in runs.items():
    seconds = 0.0
    for _ in range(FLAGS.num_iterations):
      start = time.perf_counter()
      algorithm.iteration()
      seconds += time.perf_counter() - start
      progress.update()
    reached = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
    tqdm.tqdm.write(
      f"{title:38} {reached:12.5g} {seconds / FLAGS.num_iterations:14.4f}"
    )
  progress.close()


def run() -> None:
  """Entry point of mftrpo-benchmark."""
  programs.define_game_flags()
  flags.DEFINE_integer(
    "num_iterations", 20, "Iterations of each.", lower_bound=1
  )
  flags.DEFINE_float("regularization", 0.05, "eta of MF-TRPO.")
  flags.DEFINE_float(
    "population_update_rate", 0.1, "beta of MF-TRPO, large for a short run."
  )
  flags.DEFINE_float("learning_rate", 0.1, "Of mirror descent.")
  programs.run(main)


if __name__ == "__main__":
  run()
