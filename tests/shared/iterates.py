"""Comparisons of algorithms, one iteration after the other."""

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
  """Checks four iterations where the policies of ours lead at first."""
  model = ours.model
  # OpenSpiel's has no values where no play leads.
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
