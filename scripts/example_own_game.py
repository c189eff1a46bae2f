r"""Example: a user-defined game, from a transition kernel and a reward.

    python -m mftrpo_openspiel.scripts.example_own_game --num_places=10

The beach bar process of Perrin et al. (2020), arXiv:2007.03458. People walk on
a beach around an island. They prefer to be close to the bar, but not in a
crowd. Walking has a cost, and a gust of wind may move them by one place.

The game is solved by MF-TRPO over an infinite horizon, and then as an OpenSpiel
game, for which OpenSpiel's NashConv must agree with the model's exploitability.

The module also registers the game, so that all programs accept its name
(docs/extending.md):

    mftrpo-solve --import=mftrpo_openspiel.scripts.example_own_game \
        --game_name=python_mfg_beach_bar --algorithm=annealed_mf_trpo \
        --logdir=beach
    mftrpo-plot --kind=mean_field beach

One case has a known solution. If walking is free and there is no wind, nobody
gains by moving once closeness - log mu is the same at all places. The
equilibrium is therefore mu = exp(closeness) / Z, up to the bias of the
regularization: halving --regularization halves the distance. (A much smaller
value, such as 0.01, also needs a smaller --population_update_rate, such as
0.001; otherwise MF-TRPO diverges.)
"""

from collections.abc import Mapping
from typing import Any

from absl import flags
import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import parameters
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

DEFAULT_PARAMS = {
  "num_places": 10,
  "wind": 0.2,
  "walking_cost": 0.1,
  "horizon": 10,
}
_GAME_TYPE = mdp_game.game_type(
  "python_mfg_beach_bar", "Python Mean Field Beach Bar", DEFAULT_PARAMS
)


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_integer(
    "num_places", 10, "Number of places on the beach.", 2, 1_000
  )
  flags.DEFINE_integer(
    "horizon", 10, "Horizon of the OpenSpiel game.", 1, 1_000_000
  )
  flags.DEFINE_integer(
    "num_iterations", 1000, "Number of iterations of MF-TRPO.", lower_bound=1
  )
  flags.DEFINE_float("regularization", 0.05, "eta of MF-TRPO.")
  flags.DEFINE_float("population_update_rate", 0.01, "beta of MF-TRPO.")


def closeness(num_places: int) -> np.ndarray:
  """Returns how close each place is to the bar, from 0 to 1."""
  bar = num_places // 2
  return 1 - np.abs(np.arange(num_places) - bar) / bar


def beach_bar(
  num_places: int, wind: float, walking_cost: float
) -> mftrpo_openspiel.MeanFieldMDP:
  """Returns the beach bar process.

  Args:
    num_places: Number of places in a ring; the bar is at num_places // 2.
    wind: Probability of a gust, in either direction.
    walking_cost: Cost of a step.
  """
  steps = np.array([-1, 0, 1])
  places = np.eye(num_places)
  walk = np.stack([np.roll(places, step, axis=1) for step in steps], axis=1)
  gusts = (np.roll(walk, 1, axis=2) + np.roll(walk, -1, axis=2)) / 2
  attraction = closeness(num_places)
  return mftrpo_openspiel.MeanFieldMDP(
    kernel=(1 - wind) * walk + wind * gusts,  # [place, action, next place]
    reward=lambda mean_field: (
      (attraction - np.log(mean_field + 1e-25))[:, None]
      - walking_cost * np.abs(steps)
    ),
    discount=0.9,
    initial_distribution=np.full(num_places, 1 / num_places),
    drawing=drawing.Ring(num_places),
    action_names=("back", "stay", "on"),
  )


class BeachBarGame(mdp_game.MDPGame):
  """The beach bar process as an OpenSpiel game."""

  def __init__(self, params: Mapping[str, Any] | None = None):
    values = parameters.with_defaults(params, DEFAULT_PARAMS)
    mdp = beach_bar(
      values["num_places"], values["wind"], values["walking_cost"]
    )
    super().__init__(mdp, values["horizon"], _GAME_TYPE, values)


pyspiel.register_game(_GAME_TYPE, BeachBarGame)


def solve(
  model_or_game: mftrpo_openspiel.StationaryModel | mdp_game.MDPGame,
) -> mf_trpo.MFTRPO:
  """Returns MF-TRPO after its iterations."""
  solver = mf_trpo.MFTRPO(
    model_or_game,
    regularization=FLAGS.regularization,
    population_update_rate=FLAGS.population_update_rate,
    warm_start=True,
  )
  for _ in range(FLAGS.num_iterations):
    solver.iteration()
  return solver


def main() -> None:
  """Solves the game over both horizons, and the case with a known solution."""
  game = BeachBarGame(
    {
      "num_places": FLAGS.num_places,
      "walking_cost": 1 / FLAGS.num_places,
      "horizon": FLAGS.horizon,
    }
  )
  mdp = game.mean_field_mdp()
  model = mftrpo_openspiel.StationaryModel(mdp)
  solver = solve(model)
  print("Infinite horizon")
  print(f"  exploitability    {model.exploitability(solver.policy):.6f}")
  regularized = model.exploitability(solver.policy, FLAGS.regularization)
  print(f"    regularized     {regularized:.6f}")
  print(f"  crowd             {model.mean_field(solver.policy).round(3)}")

  solver = solve(game)
  print(f"OpenSpiel game of horizon {FLAGS.horizon}")
  print(f"  exploitability    {solver.model.exploitability(solver.policy):.6f}")
  exact = nash_conv.NashConv(game, solver.get_policy()).nash_conv()
  print(f"  by OpenSpiel      {exact:.6f}")

  mdp = beach_bar(FLAGS.num_places, wind=0.0, walking_cost=0.0)
  model = mftrpo_openspiel.StationaryModel(mdp)
  crowd = model.mean_field(solve(model).policy)
  known = np.exp(closeness(FLAGS.num_places))
  known /= known.sum()
  print("Infinite horizon, without wind and with free walks")
  print(f"  crowd             {crowd.round(3)}")
  print(f"  exp(closeness)/Z  {known.round(3)}")
  print(f"  total variation   {np.abs(crowd - known).sum() / 2:.6f}")


def run() -> None:
  """Entry point of the program."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
