"""Small mean-field MDPs of random numbers."""

import numpy as np

from mftrpo_openspiel.mdp import mean_field_mdp


def random_mdp(num_states=6, num_actions=3, discount=0.8, seed=0):
  """Returns a random MDP whose reward does not depend on the mean field."""
  rng = np.random.default_rng(seed)
  shape = num_states, num_actions
  kernel = rng.dirichlet(np.full(num_states, 0.5), size=shape)
  rewards = rng.normal(size=shape)
  return mean_field_mdp.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mean_field: rewards,
    discount=discount,
    initial_distribution=rng.dirichlet(np.ones(num_states)),
  )
