"""Small random games for sampling, and tests of sample means."""

import numpy as np
import pyspiel
from scipy import stats

from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model


def random_mdp(seed=0, num_states=4, num_actions=3, discount=0.5):
  """Returns an MDP with rewards of both signs."""
  rng = np.random.default_rng(seed)
  pairs = num_states * num_actions
  return mean_field_mdp.MeanFieldMDP(
    rng.dirichlet(np.full(num_states, 0.5), size=pairs),
    mean_field_mdp.CrowdAversion(
      rng.normal(size=(num_states, num_actions)), 0.3
    ),
    discount,
    rng.dirichlet(np.ones(num_states)),
  )


def exact_model(kind):
  """Returns the exact model of a random game, "stationary" or "compiled"."""
  if kind == "stationary":
    return stationary_model.StationaryModel(random_mdp())
  mdp = random_mdp(1, num_states=3, num_actions=3, discount=0.8)
  return compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=3))


def moving_model():
  """Returns a model of an OpenSpiel game whose moves depend on the mean field.

  Few of its many actions are legal.
  """
  game = pyspiel.load_game(
    "mfg_dynamic_routing(network=braess,max_num_time_step=10,"
    "time_step_length=0.5)"
  )
  # Routing games from their initial state have a compiled form of their own.
  return compiled_game.CompiledGame(game, game.new_initial_state().child(0))


def random_policy(mask, seed=0):
  """Returns an (N, A) policy on the legal actions, almost certain in some."""
  rng = np.random.default_rng(seed)
  weights = rng.exponential(size=mask.shape) ** rng.uniform(
    0, 4, (len(mask), 1)
  )
  policy = np.where(mask, weights, 0.0)
  return policy / policy.sum(axis=1, keepdims=True)


def p_value_of_zero_mean(samples):
  """Returns the p-value of Hotelling's test, that all means are 0.

  Args:
    samples: (n, k), n independent vectors, n much larger than k.
  """
  size, dimension = samples.shape
  mean = samples.mean(axis=0)
  covariance = np.atleast_2d(np.cov(samples.T))
  statistic = size * mean @ np.linalg.solve(covariance, mean)
  scale = (size - dimension) / (dimension * (size - 1))
  return stats.f.sf(scale * statistic, dimension, size - dimension)
