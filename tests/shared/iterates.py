"""Comparisons of algorithms, iteration by iteration."""

import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv


def run(algorithm, num_iterations):
  """Runs an algorithm and returns its policy, (N, A)."""
  for _ in range(num_iterations):
    algorithm.iteration()
  return algorithm.policy


def nash_convs(game, algorithm, num_iterations):
  """Returns OpenSpiel's NashConv after each iteration."""
  values = []
  for _ in range(num_iterations):
    algorithm.iteration()
    policy = algorithm.get_policy()
    values.append(nash_conv.NashConv(game, policy).nash_conv())
  return values


def assert_same_iterates(ours, openspiels):
  """Compares four iterations on the states that our policies reach first."""
  model = ours.model
  # OpenSpiel's algorithm has no values for states that no play reaches.
  reached = ours.mean_field > 0
  for _ in range(4):
    ours.iteration()
    openspiels.iteration()
    expected = model.from_openspiel(openspiels.get_policy())
    np.testing.assert_allclose(
      ours.policy[reached], expected[reached], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
      ours.mean_field, model.mean_field(expected), rtol=1e-9, atol=1e-12
    )
