"""Values by BiCGSTAB against LU, and the bounds of their errors."""

from concurrent import futures
import dataclasses
import re
import sys

import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import decision_problem
from mftrpo_openspiel.values import discounted_values
from mftrpo_openspiel.values import greedy_iteration
from mftrpo_openspiel.values import krylov

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
  assert error <= values.error_bound + rounding
  if tolerance and discount:  # The test can tell a bound from none.
    assert error > 1e3 * rounding
  elif not tolerance:
    assert values.error_bound < 1e-8

  gaps = iterative.optimality_gaps(values)
  exact_gaps = direct.optimality_gaps(exact)
  error = np.abs(gaps.gaps - exact_gaps.gaps).max()
  assert error <= gaps.error_bound + rounding
  assert gaps.error_bound > values.error_bound

  # Now the bound is of the optimal values alone.
  anything = decision_problem.Values(problem, values.values)
  of_anything = iterative.optimality_gaps(anything)
  optimal = values.values + of_anything.gaps
  error = np.abs(optimal - (exact.values + exact_gaps.gaps)).max()
  assert error <= of_anything.error_bound + rounding
  assert direct.error_bound == exact_gaps.error_bound < 1e-8


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
    krylov,
    "_METHODS",
    [(lambda _, b, **unused: (np.full_like(b, 9.9), -1), {})],
  )
  values = iterative.policy_values(problem, policy)
  error = np.abs(values.values - exact.values).max()
  assert error <= values.error_bound


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
  optimal = iterative.optimal_values(problem)
  greedy = tabular_policies.greedy_policy(problem.backup(optimal))
  np.testing.assert_allclose(
    direct.policy_values(problem, greedy).values, optimal, rtol=0, atol=1e-10
  )


ALL_SOLVERS = ["dense LU", "band LU", "sparse LU", "BiCGSTAB"]


def model_of(kernel, rewards, discount, solver):
  """Returns the stationary model of rewards that no mean field changes."""
  num_states = len(rewards)
  start = np.full(num_states, 1 / num_states)
  mdp = mdp_lib.MeanFieldMDP(kernel, lambda _: rewards, discount, start)
  return stationary_model.StationaryModel(mdp, solver=solver)


@pytest.mark.parametrize("solver", ALL_SOLVERS)
@pytest.mark.parametrize("scale", [1e-16, 1e-12, 1.0, 1e12])
def test_values_cancel_against_those_of_a_bad_policy(solver, scale):
  """Two states that nobody leaves: each is a choice made again and again."""
  kernel = np.eye(2)[[[0, 0], [1, 1]]]
  costs = scale * np.array([[0.0, 30.0], [0.0, 51.0]])
  model = model_of(kernel, -costs, 0.9, solver)
  uniform = np.full((2, 2), 0.5)
  # log of the sum of 1 and e^-30 is e^-30.
  best = scale * np.exp(-costs[:, 1] / scale)
  own = -costs[:, 1] / 2 + scale * np.log(2)
  expected = (best - own).mean() / (1 - 0.9)
  assert model.exploitability(uniform, scale) == pytest.approx(
    expected, rel=1e-11, abs=0
  )
  np.testing.assert_allclose(
    model.optimal_action_values([0.5, 0.5], scale)[:, 0],
    0.9 * best / (1 - 0.9),
    rtol=0,
    atol=1e-14 * scale,
  )


@pytest.mark.parametrize("solver", ALL_SOLVERS)
@pytest.mark.parametrize("cost", [1e2, 1e6, 1e12])
@pytest.mark.parametrize("seed", range(3))
def test_a_costly_action_that_nobody_should_take(solver, cost, seed):
  rng = np.random.default_rng(seed)
  kernel = rng.dirichlet(np.full(10, 0.3), (10, 3))
  rewards = rng.normal(size=(10, 3))
  rewards[:, 0] = -cost
  with_costs = model_of(kernel, rewards, 0.9, solver)
  without = model_of(kernel[:, 1:], rewards[:, 1:], 0.9, "dense LU")
  law = np.full(10, 0.1)
  np.testing.assert_allclose(
    with_costs.optimal_action_values(law)[:, 1:],
    without.optimal_action_values(law),
    rtol=0,
    # BiCGSTAB is exact up to its bound, LU up to rounding.
    atol=max(1e-12, with_costs.value_solver.error_bound)
    if solver == "BiCGSTAB"
    else 1e-12,
  )


@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_an_optimum_of_zero(solver):
  """Staying costs nothing, for ever; all else does."""
  kernel = np.stack([np.eye(20), np.roll(np.eye(20), 1, axis=1)], axis=1)
  rewards = np.stack([np.zeros(20), -np.arange(1.0, 21)], axis=1)
  model = model_of(kernel, rewards, 0.9999, solver)
  values = model.optimal_action_values(np.full(20, 0.05))
  np.testing.assert_array_equal(values[:, 0], np.zeros(20))
  np.testing.assert_array_equal(values[:, 1], rewards[:, 1])


@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_there_is_no_bound_before_there_are_values(solver):
  model = model_of(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.5, solver)
  assert model.value_solver.error_bound is None
  assert f"Values by {solver}, none yet; " in model.accuracy()
  assert model.exploitability([[0.75, 0.25]]) == pytest.approx(1.5, rel=1e-12)
  bound = model.value_solver.error_bound
  assert 0 < bound < 1e-11
  said = re.match(
    rf"Values by {solver}, error at most (\d\.\de-\d+)", model.accuracy()
  )
  # It says no more than is known, and hardly less.
  assert bound <= float(said[1]) <= 1.11 * bound


def test_exploitability_has_the_bound_of_its_own_values(mdp, monkeypatch):
  """Whatever else is computed meanwhile, as by another thread."""
  model = stationary_model.StationaryModel(mdp, solver="BiCGSTAB")
  solver, policy = model.value_solver, policy_of(mdp)
  expected = model.exploitability(policy)
  gaps_of = solver.optimality_gaps

  def interrupted(values):
    gaps = gaps_of(values)
    large = dataclasses.replace(
      values.problem, rewards=1e6 * values.problem.rewards
    )
    assert solver.policy_values(large, policy_of(mdp, 2)).error_bound > 1e-8
    return gaps

  monkeypatch.setattr(solver, "optimality_gaps", interrupted)
  assert model.exploitability(policy) == expected


@pytest.mark.parametrize("solver", ["band LU", "BiCGSTAB"])
def test_threads_may_share_a_model(mdp, solver, monkeypatch):
  # So that each thread drops what others are about to take.
  monkeypatch.setattr(greedy_iteration, "MAX_KEPT", 1)
  small = dataclasses.replace(mdp, discount=0.5)
  model = stationary_model.StationaryModel(small, solver=solver)
  policies = [policy_of(mdp, seed) for seed in range(4)]
  expected = [
    [model.exploitability(policy, eta) for eta in (0.0, 0.1)]
    for policy in policies
  ]
  interval = sys.getswitchinterval()

  def differences(number):
    policy, (plain, regularized) = policies[number], expected[number]
    return sum(
      model.exploitability(policy) != plain
      or model.exploitability(policy, 0.1) != regularized
      for _ in range(5)
    )

  sys.setswitchinterval(1e-6)
  try:
    with futures.ThreadPoolExecutor(4) as pool:
      assert sum(pool.map(differences, range(4))) == 0
  finally:
    sys.setswitchinterval(interval)
