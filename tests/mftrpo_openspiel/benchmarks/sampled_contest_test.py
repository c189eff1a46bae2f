"""Tests of the comparison of algorithms that learn from samples."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.benchmarks import sampled_contest
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.utils import tabular_policies


@pytest.fixture(scope="module", name="exact")
def exact_fixture():
  game = factory.create_game(setting=sampled_contest.SETTING)
  return compiled_game.CompiledGame(game)


def uniform_exploitability(exact):
  mask = exact.legal_actions_mask
  return exact.exploitability(tabular_policies.uniform_policy(mask))


METHOD = sampled_contest.Method(
  "mirror_descent", grid={"num_iterations": (4,), "lr": (0.3, 1000.0)}
)


def test_the_policy_is_uniform_if_no_iteration_ends_within_the_budget(exact):
  value = sampled_contest.exploitability_within(
    exact, METHOD, {"num_iterations": 1, "lr": 0.3}, 10, 0
  )
  assert value == uniform_exploitability(exact)


@pytest.mark.parametrize("budget", [4_000, 50_000])
def test_a_run_does_not_exceed_the_budget(exact, budget, monkeypatch):
  counts = []
  create = registry.create_algorithm

  def counting(*args, **options):
    algorithm = create(*args, **options)
    iteration = algorithm.iteration

    def iterate():
      iteration()
      counts.append((algorithm.model.num_environment_steps, algorithm.policy))

    algorithm.iteration = iterate
    return algorithm

  monkeypatch.setattr(registry, "create_algorithm", counting)
  value = sampled_contest.exploitability_within(
    exact, METHOD, {"num_iterations": 10, "lr": 0.3}, budget, 0
  )
  within = [policy for steps, policy in counts if steps <= budget]
  assert value == exact.exploitability(within[-1])
  # The budget is used up except for about one iteration.
  assert counts[len(within) - 1][0] > 0.8 * budget
  assert len(within) in {8, 9, 10}


def test_the_better_point_is_reported_with_other_seeds(exact, monkeypatch):
  monkeypatch.setattr(sampled_contest, "SEEDS", (7, 8))
  monkeypatch.setattr(sampled_contest, "TUNING_SEEDS", (1000,))
  point, values = sampled_contest.tuned(exact, METHOD, 20_000)
  assert point == {"num_iterations": 4, "lr": 0.3}
  expected = [
    sampled_contest.exploitability_within(exact, METHOD, point, 20_000, seed)
    for seed in (7, 8)
  ]
  np.testing.assert_array_equal(values, expected)
  assert values[0] != values[1]


def test_learners_do_not_see_the_exact_model(exact, monkeypatch):
  """It is only used for evaluation: its results do not affect the policy."""
  point = {"num_iterations": 4, "lr": 0.3}
  policies = []

  for number in (1.0, np.nan):

    def seen(model, policy, regularization=0.0, number=number):
      policies.append(policy)
      return number

    monkeypatch.setattr(compiled_game.CompiledGame, "exploitability", seen)
    sampled_contest.exploitability_within(exact, METHOD, point, 20_000, 0)
  np.testing.assert_array_equal(*policies)


@pytest.mark.slow
def test_all_methods_run(exact):
  for method in sampled_contest.METHODS.values():
    value = sampled_contest.exploitability_within(
      exact, method, method.points()[0], 20_000, 0
    )
    assert 0 < value < 1000


def test_tuning_seeds_are_not_reported():
  assert not set(sampled_contest.SEEDS) & set(sampled_contest.TUNING_SEEDS)
  assert len(sampled_contest.SEEDS) == 10


def test_options_are_known():
  for method in sampled_contest.METHODS.values():
    known = registry.find(method.algorithm).parameters.keys()
    given = {**method.options, **dict.fromkeys(method.grid)}
    assert given.keys() - {"num_iterations"} <= known
    sampled_model.SampledModel(
      factory.create_game(setting=sampled_contest.SETTING), **method.model
    )
