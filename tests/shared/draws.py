"""Random policies, as arrays and as policies of OpenSpiel."""

import zlib

import numpy as np
from open_spiel.python import policy as policy_lib


def random_policy(model, seed=0):
  """Returns an (N, A) policy, uniformly distributed over those of the model."""
  mask = model.legal_actions_mask
  weights = np.random.default_rng(seed).exponential(size=mask.shape) * mask
  return weights / weights.sum(axis=1, keepdims=True)


class RandomPolicy(policy_lib.Policy):
  """Random action probabilities, less uniform for larger seeds."""

  def __init__(self, game, seed):
    super().__init__(game, list(range(game.num_players())))
    self._seed = seed
    self._laws = {}

  def action_probabilities(self, state, player_id=None):
    key = state.observation_string(0)
    actions = state.legal_actions()
    if key not in self._laws:
      rng = np.random.default_rng([self._seed, zlib.crc32(key.encode())])
      weights = rng.exponential(size=len(actions)) ** self._seed
      self._laws[key] = dict(zip(actions, weights / weights.sum()))
    return self._laws[key]
