"""Policy iteration: when it ends, and that it finds optimal policies."""

import dataclasses

import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import evaluation
from mftrpo_openspiel.values import frozen_mdp
from mftrpo_openspiel.values import policy_iteration

NUM_SWEEPS = 600
DISCOUNT = 0.75
# Nobody leaves a state; staying pays 1e12 in the first state and 3 in the
# second at each time, other actions pay less.
REWARDS = np.array([[1e12, -1e15], [3.0, -5.0]])
VALUES = REWARDS[:, 0] / (1 - DISCOUNT)
ULP = np.spacing(VALUES)


def two_states(regularization=0.0):
  kernel = sparse.csr_array(np.eye(2)[[0, 0, 1, 1]])
  return frozen_mdp.FrozenMDP(
    transition_kernel.TransitionKernel(kernel, 2),
    REWARDS,
    DISCOUNT,
    regularization,
  )


def remainder(values, tolerance=None):
  mdp = two_states()
  rule = policy_iteration.StoppingRule(mdp, tolerance)
  improved, policy = mdp.improvement(mdp.backup(values))
  return rule.remainder(values, improved - values, policy)


def test_it_ends_where_rounding_in_each_state_is_reached():
  assert remainder(VALUES) is None
  assert remainder(VALUES + ULP) is None
  # In the second state this is a hundred times the rounding error there, but
  # much less than the rounding error in the first state.
  off = np.add(VALUES, [0.0, 1e-11])
  np.testing.assert_allclose(remainder(off), [0.0, -2.5e-12], rtol=1e-3)


def test_a_tolerance_is_relative_to_the_largest_term_anywhere():
  assert remainder(np.add(VALUES, [0.0, 1e-2]), tolerance=1e-13) is None
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [0.0, 10.0]), tolerance=1e-13), [0.0, -2.5]
  )


def test_values_only_grow_where_a_policy_may_be_better_by_rounding():
  # A rounding error of 1e-3 in a value of 4e12, and a gain in the second state.
  off = np.add(VALUES, [1e-1, -1e-9])
  np.testing.assert_allclose(remainder(off), [0.0, 2.5e-10], rtol=1e-3)
  # Values may decrease if residuals are clearly larger than rounding errors, or
  # if no action is better.
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [4e3, -4.0])), [-1e3, 1.0]
  )
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [0.5, 0.0])), [-0.125, 0.0]
  )


@pytest.mark.parametrize("regularization", [0.0, 1e-3])
def test_optimal_values_have_no_gap(regularization):
  mdp = two_states(regularization)
  for off, expected in ((0.0, True), (1.0, True), (1e3, False)):
    values = VALUES + off * ULP
    advantages = mdp.backup(values) - values[:, None]
    rule = policy_iteration.StoppingRule(mdp, None)
    residual, policy = mdp.improvement(advantages)
    assert rule.is_nothing(values, residual, policy) == expected


def test_too_many_iterations_are_an_error():
  mdp = two_states()
  rule = policy_iteration.StoppingRule(mdp, None, max_iterations=2)
  zeros = np.zeros(2)
  step = zeros, *mdp.improvement(mdp.backup(zeros))
  assert rule.remainder(*step) is not None
  with pytest.raises(
    ArithmeticError, match=r"residual of 1\.0e\+12 after 2"
  ) as error:
    rule.remainder(*step)
  assert "\n" not in str(error.value)


@pytest.fixture(scope="module", name="mdp")
def _mdp():
  """Four rooms whose rewards have many ties, which the mean field breaks."""
  rooms = pyspiel.load_game("python_mfg_four_rooms").mean_field_mdp()
  shape = rooms.num_states, rooms.num_actions
  base = np.random.default_rng(5).integers(0, 3, shape) / 2
  return mdp_lib.MeanFieldMDP(
    rooms.kernel,
    lambda mean_field: base + mean_field[:, None],
    rooms.discount,
    rooms.initial_distribution,
  )


def mean_fields(num_states):
  """Uniform distributions with perturbations by rounding and larger ones."""
  rng = np.random.default_rng(0)
  uniform = np.full(num_states, 1 / num_states)
  for size in (0.0, 1e-16, 1e-14, 1e-13, 1e-12, 1e-11, 1e-9, 1e-6, 1e-3):
    for _ in range(8):
      move = rng.uniform(-size, size, num_states)
      yield uniform + move - move.mean()


@pytest.mark.parametrize("regularization", [0.0, 0.1])
def test_the_result_depends_on_the_arguments_alone(mdp, regularization):
  laws = list(mean_fields(mdp.num_states))
  used = stationary_model.StationaryModel(mdp, solver="band LU")
  start = tabular_policies.uniform_policy(used.legal_actions_mask)
  for law in (*laws, *laws[::-1]):
    fresh = stationary_model.StationaryModel(mdp, solver="band LU")
    cold = fresh.optimal_action_values(law, regularization)
    np.testing.assert_array_equal(
      used.optimal_action_values(law, regularization), cold
    )
    warm = fresh.optimal_action_values(law, regularization, start)
    np.testing.assert_array_equal(
      used.optimal_action_values(law, regularization, start), warm
    )
    # A start changes the result only by rounding.
    np.testing.assert_allclose(warm, cold, rtol=1e-13)
    start = tabular_policies.greedy_policy(warm)


def frozen(mdp, rewards=None):
  """Returns the MDP under the initial law, or with given rewards."""
  if rewards is None:
    rewards = mdp.reward_at(mdp.initial_distribution)
  return frozen_mdp.FrozenMDP(
    transition_kernel.TransitionKernel(mdp.kernel, mdp.num_actions),
    np.asfortranarray(rewards),
    mdp.discount,
  )


def method_of(problem, solver):
  return evaluation.create_method(
    solver, problem.kernel.num_states, problem.kernel
  )


def almost_optimal(mdp, rng):
  """Rewards, and a policy whose optimality gap is at most 1e-6."""
  law = rng.dirichlet(np.ones(mdp.num_states))
  model = stationary_model.StationaryModel(mdp, solver="band LU")
  greedy = tabular_policies.greedy_policy(model.optimal_action_values(law))
  share = 10 ** rng.uniform(-12, -6, (mdp.num_states, 1))
  other = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return mdp.reward_at(law), (1 - share) * greedy + share * other


def almost_tied(mdp, rng):
  """Rewards that are nearly independent of the action, and a random policy."""
  shape = mdp.num_states, mdp.num_actions
  policy = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return 1 + 1e-11 * rng.normal(size=shape), policy


@pytest.mark.parametrize("seed", (9, 11, 12))
@pytest.mark.parametrize("make", [almost_optimal, almost_tied])
def test_tiny_gaps_are_exact(mdp, make, seed):
  rewards, policy = make(mdp, np.random.default_rng(seed))
  problem = frozen(mdp, rewards)
  method = method_of(problem, "band LU")
  values = method.evaluate(problem, np.asfortranarray(policy))
  gaps = policy_iteration.optimality_gap(method, values).values

  # Value iteration for the gap, in higher precision.
  kernel = mdp.kernel.toarray().astype(np.longdouble)
  start = values.values.astype(np.longdouble)
  following = (kernel @ start).reshape(policy.shape)
  advantages = rewards + mdp.discount * following - start[:, None]
  expected = np.zeros_like(start)
  for _ in range(NUM_SWEEPS):
    following = (kernel @ expected).reshape(policy.shape)
    expected = (advantages + mdp.discount * following).max(axis=1)
  assert 0 < expected.min() < expected.max() < 1e-5
  np.testing.assert_allclose(
    gaps, expected.astype(np.float64), rtol=0, atol=1e-13
  )


def full_of_ties(rng):
  """An MDP with few different rewards and probabilities, and a stay action."""
  num_states, num_actions = rng.integers(3, 60), rng.integers(2, 6)
  kernel = np.zeros((num_states, num_actions, num_states))
  num_targets = rng.choice([1, 3])
  for x, action in np.ndindex(num_states, num_actions):
    targets = x + rng.integers(-3, 4, num_targets)
    targets = np.clip(targets, 0, num_states - 1)
    np.add.at(kernel[x, action], targets, 1 / num_targets)
  rewards = rng.integers(-2, 3, (num_states, num_actions)) / 2
  return mdp_lib.MeanFieldMDP(
    kernel,
    lambda mean_field: rewards,
    1 - 10 ** -rng.uniform(0.3, 5),
    np.full(num_states, 1 / num_states),
  )


@pytest.mark.parametrize("solver", ["band LU", "dense LU", "sparse LU"])
@pytest.mark.parametrize("seed", range(60))
def test_the_optimum_is_found_among_ties(seed, solver):
  """Up to rounding, with discounts near 1, from any start."""
  rng = np.random.default_rng(seed)
  mdp = full_of_ties(rng)
  problem = frozen(mdp)
  method = method_of(problem, solver)
  optimal_values = policy_iteration.optimal_values(method, problem).values
  for noise in (0.0, 1e-15, 1e-12, 1e-9, 1e-5, 1.0):
    factors = 1 + noise * rng.normal(size=mdp.num_states)
    # These stand for the values of some policy.
    base = dataclasses.replace(
      method.evaluate(problem, tabular_policies.greedy_policy(problem.rewards)),
      values=factors * optimal_values,
    )
    gaps = policy_iteration.optimality_gap(method, base).values
    fresh = policy_iteration.optimality_gap(method_of(problem, solver), base)
    np.testing.assert_array_equal(gaps, fresh.values)
    if not gaps.any():
      continue
    # In higher precision.
    kernel = mdp.kernel.toarray().astype(np.longdouble)
    following = (kernel @ gaps).reshape(base.action_values.shape)
    advantages = base.action_values - base.values[:, None]
    best = (advantages + mdp.discount * following).max(axis=1)
    rounding = problem.rounding * np.abs(gaps).max()
    # In units of the rounding error: half of one at the end of the iteration,
    # and half of one in its backups; or, if the residual no longer decreases,
    # twice the rounding error of all terms, which are at most four times as
    # large.
    assert np.abs(best - gaps).max() <= 8 * rounding


@pytest.mark.parametrize(
  "discount, lr",
  [(0.98, 0.03), (0.999, 0.1), (0.999, 0.2), (0.999, 0.3), (0.999, 0.5)],
)
def test_there_are_no_cycles_of_policies_that_differ_by_rounding(discount, lr):
  """Some actions here have equal values except for rounding errors."""
  rooms = pyspiel.load_game("python_mfg_four_rooms_poi").mean_field_mdp()
  mdp = dataclasses.replace(rooms, discount=discount)
  algorithm = mirror_descent.MirrorDescent(
    stationary_model.StationaryModel(mdp, solver="band LU"), lr=lr
  )
  other = stationary_model.StationaryModel(mdp, solver="dense LU")
  for _ in range(25):
    algorithm.iteration()
    np.testing.assert_allclose(
      algorithm.model.exploitability(algorithm.policy),
      other.exploitability(algorithm.policy),
      rtol=1e-10,
    )
