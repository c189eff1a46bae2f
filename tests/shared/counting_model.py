"""A model that draws random numbers and counts steps in a known way."""

import numpy as np

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import stationary_model

# Number of environment steps of each call of `action_values`.
STEPS = 10


class CountingModel(stationary_model.StationaryModel):
  """The exact model with noise in its action values."""

  def __init__(self, mdp, game, seed=0):
    super().__init__(mdp, game)
    self.num_environment_steps, self.max_rollout_steps = 0, STEPS
    self._seed, self._num_calls = seed, 0

  def action_values(self, *arguments, **options):
    exact = super().action_values(*arguments, **options)
    rng = np.random.default_rng((self._seed, self._num_calls))
    self._num_calls += 1
    self.num_environment_steps += STEPS
    return exact + 0.1 * rng.standard_normal(exact.shape)

  def state(self):
    return {
      "num_calls": np.array(self._num_calls),
      "num_environment_steps": np.array(self.num_environment_steps),
    }

  def restore(self, state):
    self._num_calls = state["num_calls"].item()
    self.num_environment_steps = state["num_environment_steps"].item()


def islands(seed=0):
  game = factory.create_game(setting="two_islands")
  return CountingModel(game.mean_field_mdp(), game, seed)
