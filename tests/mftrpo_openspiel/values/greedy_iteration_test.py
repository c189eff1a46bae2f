"""Policy iteration from where the last one ended, against value iteration."""

import dataclasses

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.chains import banded_chains
from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.values import decision_problem
from mftrpo_openspiel.values import discounted_values
from mftrpo_openspiel.values import greedy_iteration

NUM_SWEEPS = 600


@pytest.fixture(scope="module", name="mdp")
def _mdp():
  """Four rooms with rewards full of ties, which the mean field breaks."""
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
  """Uniform laws, moved by rounding and by more."""
  rng = np.random.default_rng(0)
  uniform = np.full(num_states, 1 / num_states)
  for size in (0.0, 1e-16, 1e-14, 1e-13, 1e-12, 1e-11, 1e-9, 1e-6, 1e-3):
    for _ in range(8):
      move = rng.uniform(-size, size, num_states)
      yield uniform + move - move.mean()


@pytest.mark.parametrize("is_ever_clear", [True, False])
def test_the_bits_do_not_depend_on_what_was_asked_before(
  mdp, is_ever_clear, monkeypatch
):
  if not is_ever_clear:
    monkeypatch.setattr(
      greedy_iteration._Found, "best_actions", lambda self, margin: None
    )

  def model():
    return stationary_model.StationaryModel(mdp, solver="band LU")

  num_factorized = 0
  discounted_lu = banded_chains.BandedChains.discounted_lu

  def counting(self, chain, discount):
    nonlocal num_factorized
    num_factorized += 1
    return discounted_lu(self, chain, discount)

  monkeypatch.setattr(banded_chains.BandedChains, "discounted_lu", counting)
  laws = list(mean_fields(mdp.num_states))
  fresh = [model().optimal_action_values(law) for law in laws]
  num_fresh, num_factorized = num_factorized, 0
  used = model()
  for order in (1, -1):
    for law, expected in list(zip(laws, fresh))[::order]:
      np.testing.assert_array_equal(used.optimal_action_values(law), expected)
  if is_ever_clear:  # In both directions together.
    assert num_factorized < num_fresh


def problem_of(mdp, rewards=None):
  """Returns what band LU solves."""
  shape = mdp.num_states, mdp.num_actions
  if rewards is None:
    rewards = mdp.reward_at(mdp.initial_distribution)
  by_action = np.arange(mdp.kernel.shape[0]).reshape(shape).T.ravel()
  return decision_problem.Problem(
    kernel=mdp.kernel[by_action],
    mixer=policy_kernel.PolicyKernel(mdp.kernel, mdp.num_actions),
    rewards=np.asfortranarray(rewards),
    discount=mdp.discount,
    order="F",
  )


def almost_optimal(mdp, rng):
  """Rewards, and a policy that is short of the best by 1e-6 and less."""
  law = rng.dirichlet(np.ones(mdp.num_states))
  model = stationary_model.StationaryModel(mdp, solver="band LU")
  greedy = tabular_policies.greedy_policy(model.optimal_action_values(law))
  share = 10 ** rng.uniform(-12, -6, (mdp.num_states, 1))
  other = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return mdp.reward_at(law), (1 - share) * greedy + share * other


def almost_tied(mdp, rng):
  """Rewards that hardly depend on what is done, and any policy."""
  shape = mdp.num_states, mdp.num_actions
  policy = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return 1 + 1e-11 * rng.normal(size=shape), policy


@pytest.mark.parametrize("seed", (9, 11, 12))
@pytest.mark.parametrize("make", [almost_optimal, almost_tied])
def test_tiny_gaps_are_exact(mdp, make, seed):
  rewards, policy = make(mdp, np.random.default_rng(seed))
  solver = discounted_values.create_solver(mdp, "band LU")
  problem = problem_of(mdp, rewards)
  values = solver.policy_values(problem, np.asfortranarray(policy))
  gaps = solver.optimality_gaps(values).gaps

  # Value iteration on what is missing, in more digits than there are.
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
  """An MDP of few rewards and probabilities, whose players may stay."""
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


@pytest.mark.parametrize(
  ("solver", "num_roundings"),
  # Half of one where the iteration ends, half is lost in its backups; or where
  # it no longer falls: twice the rounding of all terms, at most four as large.
  [("band LU", 1), ("dense LU", 8), ("sparse LU", 8)],
)
@pytest.mark.parametrize("seed", range(60))
def test_the_best_is_found_among_ties(seed, solver, num_roundings):
  """Up to rounding, with discounts near 1, from wherever it starts."""
  rng = np.random.default_rng(seed)
  mdp = full_of_ties(rng)
  problem = problem_of(mdp)
  used = discounted_values.create_solver(mdp, solver)
  optimal_values = used.optimal_values(problem)
  for noise in (0.0, 1e-15, 1e-12, 1e-9, 1e-5, 1.0):
    factors = 1 + noise * rng.normal(size=mdp.num_states)
    values = decision_problem.Values(problem, factors * optimal_values)
    gaps = used.optimality_gaps(values).gaps
    fresh = discounted_values.create_solver(mdp, solver)
    np.testing.assert_array_equal(gaps, fresh.optimality_gaps(values).gaps)
    if not gaps.any():
      continue
    # In more digits than there are.
    following = problem.kernel.toarray() @ gaps.astype(np.longdouble)
    advantages = values.action_values - values.values[:, None]
    following = following.reshape(advantages.shape, order="F")
    best = (advantages + mdp.discount * following).max(axis=1)
    rounding = problem.rounding * np.abs(gaps).max()
    assert np.abs(best - gaps).max() <= num_roundings * rounding


@pytest.mark.parametrize(
  "discount, lr",
  [(0.98, 0.03), (0.999, 0.1), (0.999, 0.2), (0.999, 0.3), (0.999, 0.5)],
)
def test_policies_that_differ_by_rounding_do_not_take_turns(discount, lr):
  """Some actions have equal values here, but for the last digits of others."""
  rooms = pyspiel.load_game("python_mfg_four_rooms_poi").mean_field_mdp()
  mdp = dataclasses.replace(rooms, discount=discount)
  algorithm = mirror_descent.MirrorDescent(
    stationary_model.StationaryModel(mdp, solver="band LU"), lr
  )
  other = stationary_model.StationaryModel(mdp, solver="dense LU")
  for _ in range(25):
    algorithm.iteration()
    np.testing.assert_allclose(
      algorithm.model.exploitability(algorithm.policy),
      other.exploitability(algorithm.policy),
      rtol=1e-10,
    )


def test_an_iteration_that_does_not_end_is_an_error(mdp, monkeypatch):
  monkeypatch.setattr(greedy_iteration, "MAX_ITERATIONS", 2)
  law = np.random.default_rng(2).dirichlet(np.ones(mdp.num_states))
  model = stationary_model.StationaryModel(mdp, solver="band LU")
  with pytest.raises(ArithmeticError, match="left a residual of") as error:
    model.optimal_action_values(law)
  assert "\n" not in str(error.value)
