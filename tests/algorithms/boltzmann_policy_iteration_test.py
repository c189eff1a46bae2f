"""Tests of Boltzmann policy iteration against OpenSpiel's and its formula."""

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import (
  boltzmann_policy_iteration as openspiel_bpi,
)
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import boltzmann_policy_iteration
from mftrpo_openspiel.algorithms import registry

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_it_is_openspiels(game_name):
  game = pyspiel.load_game(game_name)
  iterates.assert_same_iterates(
    boltzmann_policy_iteration.BoltzmannPolicyIteration(game, lr=2.0),
    openspiel_bpi.BoltzmannPolicyIteration(game, lr=2.0),
  )


def test_the_learning_rate_of_an_iteration_is_ignored_by_both_classes():
  game = pyspiel.load_game(SHARING_CHILDREN)
  for module in (boltzmann_policy_iteration, openspiel_bpi):
    plain = module.BoltzmannPolicyIteration(game, lr=2.0)
    told = module.BoltzmannPolicyIteration(game, lr=2.0)
    plain.iteration()
    told.iteration(learning_rate=0.1)
    assert iterates.nash_convs(game, plain, 2) == iterates.nash_convs(
      game, told, 2
    )


def test_by_name_it_has_a_temperature(islands):
  algorithm = registry.create_algorithm(
    "boltzmann_policy_iteration", islands, temperature=0.25
  )
  policy = np.full((14, 2), 0.5)
  for _ in range(3):
    values = islands.action_values(policy, islands.mean_field(policy))
    weights = np.exp((values - values.max(axis=1, keepdims=True)) / 0.25)
    policy = weights / weights.sum(axis=1, keepdims=True)
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-12)


def test_a_huge_learning_rate_is_a_greedy_step(islands):
  algorithm = boltzmann_policy_iteration.BoltzmannPolicyIteration(
    islands, lr=1e308
  )
  uniform = algorithm.policy
  values = islands.action_values(uniform, algorithm.mean_field)
  algorithm.iteration()
  np.testing.assert_array_equal(
    algorithm.policy, np.eye(2)[values.argmax(axis=1)]
  )
