"""Values by BiCGSTAB compared with LU, and the bounds on their errors."""

from concurrent import futures
import dataclasses
import re
import sys

import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import evaluation
from mftrpo_openspiel.values import frozen_mdp
from mftrpo_openspiel.values import policy_iteration

ALL_SOLVERS = ["dense LU", "band LU", "sparse LU", "BiCGSTAB"]


@pytest.fixture(scope="module", name="mdp")
def _mdp():
  return pyspiel.load_game(
    "python_mfg_four_rooms(room_size=12)"
  ).mean_field_mdp()


def frozen(mdp, regularization=0.0, discount=None, seed=0):
  rng = np.random.default_rng(seed)
  mean_field = rng.dirichlet(np.ones(mdp.num_states))
  return frozen_mdp.FrozenMDP(
    kernel=transition_kernel.TransitionKernel(mdp.kernel, mdp.num_actions),
    rewards=mdp.reward_at(mean_field) + rng.normal(size=(mdp.num_states, 5)),
    discount=mdp.discount if discount is None else discount,
    regularization=regularization,
  )


def policy_of(mdp, seed=1):
  rng = np.random.default_rng(seed)
  return rng.dirichlet(np.full(5, 0.5), mdp.num_states)


def deterministic_kernel(targets):
  """One action, which leads from each state to another one."""
  size = len(targets)
  return transition_kernel.TransitionKernel(
    sparse.csr_array((np.ones(size), (np.arange(size), targets))), 1
  )


def test_the_method_depends_on_size_and_bandwidth():
  anywhere = {1: "dense LU", 400: "dense LU", 401: "sparse LU",
              3000: "sparse LU", 3001: "BiCGSTAB"}  # fmt: skip
  on_a_ring = {49: "dense LU", 50: "band LU", 3000: "band LU",
               3001: "BiCGSTAB"}  # fmt: skip
  rng = np.random.default_rng(0)
  for size, name in anywhere.items():
    # All states lead to a few, which no ordering places close to all others.
    kernel = deterministic_kernel(
      np.append(rng.integers(0, 2, size - 1), size - 1)
    )
    assert evaluation.create_method("auto", size, kernel).name == name
  for size, name in on_a_ring.items():
    kernel = deterministic_kernel(np.roll(np.arange(size), 1))
    assert evaluation.create_method("auto", size, kernel).name == name
  for name in ALL_SOLVERS:
    assert evaluation.create_method(name, size, kernel).name == name
  # A kernel that depends on the mean field has no band.
  assert evaluation.create_method("auto", 100, None).name == "dense LU"


def test_unsuitable_solvers_are_refused():
  with pytest.raises(ValueError, match=r"solver must be one of .*got 'LU'"):
    evaluation.create_method("LU", 3, None)
  with pytest.raises(ValueError, match=r"solver must not be band LU if"):
    evaluation.create_method("band LU", 3, None)


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("regularization", [0.0, 0.1])
@pytest.mark.parametrize("tolerance", [1e-13, 1e-2, 1e-5])
def test_errors_stay_within_the_bound(mdp, discount, regularization, tolerance):
  direct, iterative = evaluation.SparseLU(), evaluation.BiCGSTAB(tolerance)
  problem = frozen(mdp, regularization, discount)
  policy = policy_of(mdp)
  rounding = 1e-13 / (1 - discount) ** 2

  exact = direct.evaluate(problem, policy)
  values = iterative.evaluate(problem, policy)
  error = np.abs(values.values - exact.values).max()
  assert error <= values.error_bound + rounding
  if tolerance > 1e-6 and discount:  # The error is larger than rounding.
    assert error > 1e3 * rounding
  elif tolerance < 1e-6:
    assert values.error_bound < 1e-8

  gap = policy_iteration.optimality_gap(iterative, values)
  exact_gap = policy_iteration.optimality_gap(direct, exact)
  error = np.abs(gap.values - exact_gap.values).max()
  assert error <= gap.error_bound + rounding
  assert gap.error_bound > values.error_bound
  assert exact_gap.error_bound < 1e-8

  for start in (None, policy):
    optimum = policy_iteration.optimal_values(iterative, problem, start)
    error = np.abs(optimum.values - (exact.values + exact_gap.values)).max()
    assert error <= optimum.error_bound + rounding


@pytest.mark.parametrize("tolerance", [1e-13, 1e-3])
@pytest.mark.parametrize("regularization", [0.0, 0.05])
def test_exploitability_is_an_upper_bound(mdp, tolerance, regularization):
  exact_model = stationary_model.StationaryModel(mdp)
  policy = policy_of(mdp)
  exact = exact_model.exploitability(policy, regularization)
  model = stationary_model.StationaryModel(
    mdp, solver=evaluation.BiCGSTAB(tolerance)
  )
  bound = model.exploitability(policy, regularization)
  excess = 2 * model.optimality_gap(policy, regularization).error_bound
  assert exact - 1e-12 <= bound <= exact + excess + 1e-12
  assert excess < 1e3 * tolerance * exact


def test_a_tolerance_that_is_not_reached_is_an_error(mdp):
  method = evaluation.BiCGSTAB(1e-20, max_passes=3)
  with pytest.raises(ArithmeticError, match=r"residual of \d\.\de-1") as error:
    method.evaluate(frozen(mdp), policy_of(mdp))
  assert "\n" not in str(error.value)


def test_greedy_policies_of_the_optimal_values_are_best(mdp):
  problem = frozen(mdp)
  optimum = policy_iteration.optimal_values(evaluation.BiCGSTAB(), problem)
  greedy = tabular_policies.greedy_policy(optimum.action_values)
  np.testing.assert_allclose(
    evaluation.SparseLU().evaluate(problem, greedy).values,
    optimum.values,
    rtol=0,
    atol=1e-10,
  )


def model_of(kernel, rewards, discount, solver):
  """Returns a stationary model whose rewards ignore the mean field."""
  num_states = len(rewards)
  start = np.full(num_states, 1 / num_states)
  mdp = mdp_lib.MeanFieldMDP(kernel, lambda _: rewards, discount, start)
  return stationary_model.StationaryModel(mdp, solver=solver)


@pytest.mark.parametrize("solver", ALL_SOLVERS)
@pytest.mark.parametrize("scale", [1e-16, 1e-12, 1.0, 1e12])
def test_values_cancel_against_those_of_a_bad_policy(solver, scale):
  """In two states that nobody leaves, the same choice is repeated for ever."""
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
def test_a_costly_action_does_not_reduce_accuracy(solver, cost, seed):
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
    atol=max(1e-12, with_costs.optimal_values(law).error_bound)
    if solver == "BiCGSTAB"
    else 1e-12,
  )


@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_an_optimum_of_zero(solver):
  """Staying costs nothing at all times; all other actions have a cost."""
  kernel = np.stack([np.eye(20), np.roll(np.eye(20), 1, axis=1)], axis=1)
  rewards = np.stack([np.zeros(20), -np.arange(1.0, 21)], axis=1)
  model = model_of(kernel, rewards, 0.9999, solver)
  values = model.optimal_action_values(np.full(20, 0.05))
  np.testing.assert_array_equal(values[:, 0], np.zeros(20))
  np.testing.assert_array_equal(values[:, 1], rewards[:, 1])


@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_there_is_no_bound_before_there_are_values(solver):
  model = model_of(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.5, solver)
  assert f"Values by {solver}, none yet; " in model.accuracy()
  assert model.exploitability([[0.75, 0.25]]) == pytest.approx(1.5, rel=1e-12)
  bound = model.optimality_gap([[0.75, 0.25]]).error_bound
  assert 0 < bound < 1e-11
  printed = re.match(
    rf"Values by {solver}, error at most (\d\.\de-\d+)", model.accuracy()
  )
  # The printed bound is rounded up, by little.
  assert bound <= float(printed[1]) <= 1.11 * bound


@pytest.mark.parametrize("solver", ["band LU", "BiCGSTAB"])
def test_threads_may_share_a_model(mdp, solver):
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
