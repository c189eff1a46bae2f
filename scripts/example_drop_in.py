"""Example: MF-TRPO as a drop-in replacement for an OpenSpiel algorithm.

    python -m mftrpo_openspiel.scripts.example_drop_in --num_iterations=50

The program is OpenSpiel's `mfg_mirror_descent.py`, with MF-TRPO in addition to
MirrorDescent. Only the line that creates the solver differs; `iteration()`,
`get_policy()` and the evaluation by NashConv are the same.

The default game is OpenSpiel's crowd modelling in two dimensions, where a crowd
spreads from a corner of a 6x6 torus. The NashConv of MF-TRPO starts high, falls
quickly and converges to the bias of its regularization instead of 0. The
NashConv of MirrorDescent keeps falling: with --learning_rate=0.3 it is about as
low after 50 iterations.
"""

from absl import flags
from open_spiel.python.mfg.algorithms import mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

# By default the crowd starts evenly spread out, which is an equilibrium.
_GAME = (
  "mfg_crowd_modelling_2d(size=6,horizon=10,only_distribution_reward=true,"
  "initial_distribution=[0|0],initial_distribution_value=[1.0])"
)


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_game_flags()
  flags.DEFINE_integer(
    "num_iterations", 50, "Number of iterations of each solver.", lower_bound=1
  )
  flags.DEFINE_integer(
    "eval_every",
    5,
    "Number of iterations between evaluations.",
    lower_bound=1,
  )
  flags.DEFINE_float(
    "learning_rate", 0.1, "Learning rate of MirrorDescent.", lower_bound=0.0
  )
  flags.DEFINE_float("regularization", 0.05, "eta of MF-TRPO.")
  flags.DEFINE_float("population_update_rate", 0.1, "beta of MF-TRPO.")


def main() -> None:
  """Prints the NashConv of both solvers during their iterations."""
  default_game = None if FLAGS.setting else _GAME
  game = factory.create_game(FLAGS.game_name or default_game, FLAGS.setting)
  solvers = [
    mf_trpo.MFTRPO(
      game,
      regularization=FLAGS.regularization,
      population_update_rate=FLAGS.population_update_rate,
      warm_start=True,
    ),
    # As in OpenSpiel's program.
    mirror_descent.MirrorDescent(game, lr=FLAGS.learning_rate),
  ]
  print("NashConv after")
  print(f"{'iteration':>9} {'MFTRPO':>14} {'MirrorDescent':>14}")
  for iteration in range(1, FLAGS.num_iterations + 1):
    for solver in solvers:
      solver.iteration()
    if iteration % FLAGS.eval_every == 0 or iteration == FLAGS.num_iterations:
      values = [
        nash_conv.NashConv(game, solver.get_policy()).nash_conv()
        for solver in solvers
      ]
      print(f"{iteration:9d} {values[0]:14.6f} {values[1]:14.6f}")


def run() -> None:
  """Entry point of the program."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
