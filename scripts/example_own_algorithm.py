r"""Example: a user-defined algorithm, registered with the package.

    python -m mftrpo_openspiel.scripts.example_own_algorithm --step=0.05

Smoothed policy iteration: each iteration mixes a best response to the mean
field of the current policy into that policy, with the weight `step`. If it is
not given, the weights make the policy the average of all responses so far.
Fictitious Play averages in the same way, but weights each state by the mass of
the crowd there.

The program prints OpenSpiel's NashConv of both algorithms. The module also
registers the algorithm, so that all programs accept its name
(docs/extending.md):

    mftrpo-solve --import=mftrpo_openspiel.scripts.example_own_algorithm \
        --algorithm=smoothed_policy_iteration --algorithm_options=step=0.05 \
        --setting=four_rooms
"""

from absl import flags
import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS


class SmoothedPolicyIteration(algorithm.ArrayAlgorithm[algorithm.State]):
  """Mixes into the policy a best response to its mean field."""

  def __init__(
    self,
    model_or_game: mean_field_model.MeanFieldModel | pyspiel.Game,
    step: float | None = None,
  ):
    if step is not None:
      validation.check_real("step", step, 0, 1, low_open=True)
    self._step = step
    super().__init__(model_or_game)
    mask = self.model.legal_actions_mask
    self._state = self._at(tabular_policies.uniform_policy(mask), 0)

  def _next_state(self, state: algorithm.State) -> algorithm.State:
    action_values = self.model.optimal_action_values(state.mean_field)
    response = tabular_policies.greedy_policy(action_values)
    step = self._step or 1 / (state.iteration + 2)
    policy = (1 - step) * state.policy + step * response
    return self._at(policy, state.iteration + 1)

  def _at(self, policy: np.ndarray, iteration: int) -> algorithm.State:
    mean_field = self.model.mean_field(policy)
    return algorithm.State(
      policy=policy, mean_field=mean_field, iteration=iteration
    )


mftrpo_openspiel.register_algorithm(
  "smoothed_policy_iteration",
  SmoothedPolicyIteration,
  title="Smoothed Policy Iteration",
)


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_game_flags()
  flags.DEFINE_integer(
    "num_iterations", 100, "Number of iterations of each solver.", lower_bound=1
  )
  flags.DEFINE_float(
    "step",
    None,
    "Weight of a best response. If not given, the policy is the average of all"
    " responses.",
  )


def main() -> None:
  """Prints the NashConv that both algorithms reach."""
  default_game = None if FLAGS.setting else "python_mfg_two_islands(horizon=10)"
  game = factory.create_game(FLAGS.game_name or default_game, FLAGS.setting)
  for solver in (
    SmoothedPolicyIteration(game, step=FLAGS.step),
    fictitious_play.FictitiousPlay(game),
  ):
    for _ in range(FLAGS.num_iterations):
      solver.iteration()
    value = nash_conv.NashConv(game, solver.get_policy()).nash_conv()
    print(f"{type(solver).__name__:24} {value:.6f}")


def run() -> None:
  """Entry point of the program."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
