"""The small study from which the settings of `companion` come.

TRPO is performed once with samples, under the final mean field of the exact run
with L policy updates. The regularized exploitability of the resulting policy
consists of the floor of the exact run and of the noise and the bias of returns
of T steps. A complete run has the noise of the mean field in addition.
"""

from collections.abc import Iterator
import itertools
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import companion

NUM_POLICY_UPDATES = (1, 2, 5)
MAX_ROLLOUT_STEPS = (5, 8, 14, 22)
SEEDS = (1000, 1001, 1002)
# Per call of TRPO, shared by its L policy updates.
NUM_TRAJECTORIES = 300_000
# Of the exact run, which starts from the initial distribution of the game.
NUM_ITERATIONS = 1000
POPULATION_UPDATE_RATE = 0.01


class _AtMeanField(sampled_model.SampledModel):
  """Samples trajectories that start in, and receive rewards of, a mean field.

  Attributes:
    start: (S,), the mean field; set after the constructor.
  """

  start: np.ndarray

  def initial_mean_field(self) -> np.ndarray:
    """Returns `start`."""
    return self.start


def table(setting: str) -> Iterator[dict[str, Any]]:
  """Yields a row for each combination of eta, L and T.

  Args:
    setting: One of `companion.SETTINGS`.
  """
  game = factory.create_game(setting=setting)
  exact = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  for eta, updates in itertools.product(
    companion.NUM_SEEDS, NUM_POLICY_UPDATES
  ):
    run = mf_trpo.MFTRPO(
      exact, eta, updates, population_update_rate=POPULATION_UPDATE_RATE
    )
    for _ in range(NUM_ITERATIONS):
      run.iteration()
    for length in MAX_ROLLOUT_STEPS:
      values, steps = [], 0
      for seed in SEEDS:
        model = _AtMeanField(
          exact,
          NUM_TRAJECTORIES // updates,
          1,
          seed=seed,
          max_rollout_steps=length,
        )
        model.start = run.mean_field
        sampled = mf_trpo.MFTRPO(model, eta, updates, 1)
        sampled.iteration()
        values.append(exact.exploitability(sampled.policy, eta))
        steps = model.num_environment_steps
      yield {
        "eta": eta,
        "L": updates,
        "T": length,
        "steps": steps,
        "phi_eta": float(np.mean(values)),
        "exact": exact.exploitability(run.policy, eta),
      }


def markdown(setting: str) -> str:
  """Returns the table in Markdown."""
  lines = [
    "| eta | L | T | environment steps | phi_eta | exact phi_eta |",
    f"|{'---:|' * 6}",
  ]
  lines += [
    f"| {row['eta']:g} | {row['L']} | {row['T']} | {row['steps']:.1e}"
    f" | {row['phi_eta']:.3g} | {row['exact']:.3g} |"
    for row in table(setting)
  ]
  return "\n".join(lines)
