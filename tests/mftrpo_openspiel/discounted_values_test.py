"""Values by BiCGSTAB against LU, and the bounds of their errors."""

import numpy as np
import pyspiel
import pytest
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel import decision_problem
from mftrpo_openspiel import discounted_values
from mftrpo_openspiel import entropy
from mftrpo_openspiel import krylov
from mftrpo_openspiel import mdp as mdp_lib
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
  return decision_problem.Problem(
    kernel=mdp.kernel,
    mixer=policy_kernel.PolicyKernel(mdp.kernel, mdp.num_actions),
    rewards=mdp.reward_at(mean_field) + rng.normal(size=(mdp.num_states, 5)),
    discount=mdp.discount if discount is None else discount,
    regularization=regularization,
  )


def policy_of(mdp, seed=1):
  rng = np.random.default_rng(seed)
  return rng.dirichlet(np.full(5, 0.5), mdp.num_states)


def solvers(mdp):
  """Returns a solver by LU and one by BiCGSTAB."""
  return [
    discounted_values.create_solver(mdp, name)
    for name in ("sparse LU", "BiCGSTAB")
  ]


def deterministic_mdp(targets):
  """An MDP with one action, which leads from each state to another one."""
  size = len(targets)
  return mdp_lib.MeanFieldMDP(
    sparse.csr_array((np.ones(size), (np.arange(size), targets))),
    lambda mean_field: np.zeros((size, 1)),
    0.9,
    np.full(size, 1 / size),
  )


def test_the_method_goes_by_size_and_width():
  anywhere = {1: Method.DENSE_LU, 400: Method.DENSE_LU, 401: Method.SPARSE_LU,
              3000: Method.SPARSE_LU, 3001: Method.KRYLOV}  # fmt: skip
  on_a_ring = {49: Method.DENSE_LU, 50: Method.BAND_LU, 3000: Method.BAND_LU,
               3001: Method.KRYLOV}  # fmt: skip
  rng = np.random.default_rng(0)
  for size, method in anywhere.items():
    # All are drawn to a few, which no order brings near to the others.
    mdp = deterministic_mdp(np.append(rng.integers(0, 2, size - 1), size - 1))
    assert discounted_values.create_solver(mdp, "auto").method is method
  for size, method in on_a_ring.items():
    mdp = deterministic_mdp(np.roll(np.arange(size), 1))
    assert discounted_values.create_solver(mdp, "auto").method is method
  for method in Method:
    solver = discounted_values.create_solver(mdp, method.value)
    assert solver.method is method


def test_refuses_solvers_that_do_not_fit(mdp):
  with pytest.raises(ValueError, match=r"solver must be one of .*got 'LU'"):
    discounted_values.create_solver(mdp, "LU")
  moving = mdp_lib.MeanFieldMDP(
    lambda mean_field: mdp.kernel, mdp.reward, 0.9, mdp.initial_distribution
  )
  with pytest.raises(ValueError, match=r"solver must be .* got 'band LU'"):
    discounted_values.create_solver(moving, "band LU")


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("regularization", [0.0, 0.1])
@pytest.mark.parametrize("tolerance", [None, 1e-2, 1e-5])
def test_errors_stay_within_the_bound(
  mdp, discount, regularization, tolerance, monkeypatch
):
  direct, iterative = solvers(mdp)
  assert iterative.method is Method.KRYLOV
  if tolerance:
    monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", tolerance)
  problem = problem_of(mdp, regularization, discount)
  policy = policy_of(mdp)
  rounding = 1e-13 / (1 - discount) ** 2

  exact = direct.policy_values(problem, policy)
  values = iterative.policy_values(problem, policy)
  error = np.abs(values.values - exact.values).max()
  assert error <= iterative.error_bound + rounding
  if tolerance and discount:  # The test can tell a bound from none.
    assert error > 1e3 * rounding
  elif not tolerance:
    assert iterative.error_bound < 1e-8

  start = iterative.error_bound
  gaps = iterative.optimality_gaps(values)
  exact_gaps = direct.optimality_gaps(exact)
  assert np.abs(gaps - exact_gaps).max() <= iterative.error_bound + rounding
  assert iterative.error_bound > start

  # Now the bound is of the optimal values alone.
  anything = decision_problem.Values(problem, values.values)
  optimal = values.values + iterative.optimality_gaps(anything)
  error = np.abs(optimal - (exact.values + exact_gaps)).max()
  assert error <= iterative.error_bound + rounding
  assert direct.error_bound is None


@pytest.mark.parametrize("tolerance", [1e-13, 1e-3])
@pytest.mark.parametrize("regularization", [0.0, 0.05])
def test_exploitability_is_a_bound_from_above(
  mdp, tolerance, regularization, monkeypatch
):
  exact_model = stationary_model.StationaryModel(mdp)
  policy = policy_of(mdp)
  exact = exact_model.exploitability(policy, regularization)
  monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", tolerance)
  model = stationary_model.StationaryModel(mdp, solver="BiCGSTAB")
  bound = model.exploitability(policy, regularization)
  excess = 2 * model.value_solver.error_bound
  assert exact - 1e-12 <= bound <= exact + excess + 1e-12
  assert excess < 1e3 * tolerance * exact


def test_plain_sweeps_where_bicgstab_fails(mdp, monkeypatch):
  direct, iterative = solvers(mdp)
  problem, policy = problem_of(mdp), policy_of(mdp)
  exact = direct.policy_values(problem, policy)
  monkeypatch.setattr(
    linalg, "bicgstab", lambda operator, b, **unused: (np.full_like(b, 9.9), -1)
  )
  values = iterative.policy_values(problem, policy)
  error = np.abs(values.values - exact.values).max()
  assert error <= iterative.error_bound


def test_a_tolerance_that_is_not_reached_is_an_error(mdp, monkeypatch):
  _, solver = solvers(mdp)
  problem, policy = problem_of(mdp), policy_of(mdp)
  monkeypatch.setattr(discounted_values, "KRYLOV_TOLERANCE", 1e-20)
  monkeypatch.setattr(krylov, "MAX_PASSES", 3)
  with pytest.raises(ArithmeticError, match=r"residual of \d\.\de-1") as error:
    solver.policy_values(problem, policy)
  assert "\n" not in str(error.value)


def test_greedy_policies_of_the_optimal_values_are_best(mdp):
  direct, iterative = solvers(mdp)
  problem = problem_of(mdp)
  values = iterative.policy_values(problem, policy_of(mdp))
  optimal = values.values + iterative.optimality_gaps(values)
  greedy = entropy.greedy_policy(problem.backup(optimal))
  np.testing.assert_allclose(
    direct.policy_values(problem, greedy).values, optimal, rtol=0, atol=1e-10
  )
