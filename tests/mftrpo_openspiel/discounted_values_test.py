"""Values by BiCGSTAB against LU, and the bounds of their errors."""

import numpy as np
import pyspiel
import pytest
from scipy.sparse import linalg

from mftrpo_openspiel import discounted_values
from mftrpo_openspiel import entropy
from mftrpo_openspiel import policy_kernel
from mftrpo_openspiel import stationary_model

Method = discounted_values.Method


@pytest.fixture(scope="module", name="mdp")
def _mdp():
  return pyspiel.load_game(
    "python_mfg_four_rooms(room_size=12)"
  ).mean_field_mdp()


def problem_of(mdp, regularization=0.0, discount=None, seed=0):
  rng = np.random.default_rng(seed)
  mean_field = rng.dirichlet(np.ones(mdp.num_states))
  return discounted_values.Problem(
    kernel=mdp.kernel,
    mixer=policy_kernel.PolicyKernel(mdp.kernel, mdp.num_actions),
    rewards=mdp.reward_at(mean_field) + rng.normal(size=(mdp.num_states, 5)),
    discount=mdp.discount if discount is None else discount,
    regularization=regularization,
  )


def policy_of(mdp, seed=1):
  rng = np.random.default_rng(seed)
  return rng.dirichlet(np.full(5, 0.5), mdp.num_states)


def solvers(mdp, monkeypatch):
  """Returns a solver by LU and one by BiCGSTAB."""
  direct = discounted_values.Solver(mdp.num_states)
  monkeypatch.setattr(discounted_values, "MAX_DIRECT_STATES", 0)
  monkeypatch.setattr(discounted_values, "MAX_DENSE_STATES", 0)
  return direct, discounted_values.Solver(mdp.num_states)


def test_the_method_goes_by_size():
  sizes = {1: Method.DENSE_LU, 400: Method.DENSE_LU, 401: Method.SPARSE_LU,
           3000: Method.SPARSE_LU, 3001: Method.KRYLOV}  # fmt: skip
  for size, method in sizes.items():
    assert discounted_values.Solver(size).method is method


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("regularization", [0.0, 0.1])
@pytest.mark.parametrize("tolerance", [None, 1e-2, 1e-5])
def test_errors_stay_within_the_bound(
  mdp, discount, regularization, tolerance, monkeypatch
):
  direct, krylov = solvers(mdp, monkeypatch)
  assert krylov.method is Method.KRYLOV
  if tolerance:
    monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", tolerance)
  problem = problem_of(mdp, regularization, discount)
  policy = policy_of(mdp)
  rounding = 1e-13 / (1 - discount) ** 2

  exact = direct.policy_values(problem, policy)
  values = krylov.policy_values(problem, policy)
  error = np.abs(values - exact).max()
  assert error <= krylov.error_bound + rounding
  if tolerance and discount:  # The test can tell a bound from none.
    assert error > 1e3 * rounding
  elif not tolerance:
    assert krylov.error_bound < 1e-8

  start = krylov.error_bound
  gaps = krylov.optimality_gaps(problem, policy)
  exact_gaps = direct.optimality_gaps(problem, policy)
  assert np.abs(gaps - exact_gaps).max() <= krylov.error_bound + rounding
  assert krylov.error_bound > start

  exact = direct.optimal_values(problem, policy)
  values = krylov.optimal_values(problem, policy)
  error = np.abs(values - exact).max()
  assert error <= krylov.error_bound + rounding
  assert direct.error_bound is None


@pytest.mark.parametrize("tolerance", [1e-13, 1e-3])
@pytest.mark.parametrize("regularization", [0.0, 0.05])
def test_exploitability_is_a_bound_from_above(
  mdp, tolerance, regularization, monkeypatch
):
  exact_model = stationary_model.StationaryModel(mdp)
  policy = policy_of(mdp)
  exact = exact_model.exploitability(policy, regularization)
  monkeypatch.setattr(discounted_values, "MAX_DIRECT_STATES", 0)
  monkeypatch.setattr(discounted_values, "MAX_DENSE_STATES", 0)
  monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", tolerance)
  model = stationary_model.StationaryModel(mdp)
  bound = model.exploitability(policy, regularization)
  excess = 2 * model.value_solver.error_bound
  assert exact - 1e-12 <= bound <= exact + excess + 1e-12
  assert excess < 1e3 * tolerance * exact


def test_plain_sweeps_where_bicgstab_fails(mdp, monkeypatch):
  direct, krylov = solvers(mdp, monkeypatch)
  problem, policy = problem_of(mdp), policy_of(mdp)
  exact = direct.policy_values(problem, policy)
  monkeypatch.setattr(
    linalg, "bicgstab", lambda operator, b, **unused: (np.full_like(b, 9.9), -1)
  )
  values = krylov.policy_values(problem, policy)
  assert np.abs(values - exact).max() <= krylov.error_bound


def test_a_tolerance_that_is_not_reached_is_an_error(mdp, monkeypatch):
  _, solver = solvers(mdp, monkeypatch)
  problem, policy = problem_of(mdp), policy_of(mdp)
  monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", 1e-20)
  monkeypatch.setattr(discounted_values, "MAX_KRYLOV_PASSES", 3)
  with pytest.raises(ArithmeticError, match=r"residual of \d\.\de-1") as error:
    solver.policy_values(problem, policy)
  assert "\n" not in str(error.value)


def test_greedy_policies_of_the_optimal_values_are_best(mdp, monkeypatch):
  direct, krylov = solvers(mdp, monkeypatch)
  problem = problem_of(mdp)
  values = krylov.optimal_values(problem, policy_of(mdp))
  greedy = entropy.greedy_policy(problem.backup(values))
  np.testing.assert_allclose(
    direct.policy_values(problem, greedy), values, rtol=0, atol=1e-10
  )
