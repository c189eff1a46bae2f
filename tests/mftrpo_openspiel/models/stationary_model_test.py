"""Tests of the stationary model against closed forms and plain iteration."""

import draws
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies

NUM_SWEEPS = 4000


def random_model(seed, num_states=5, num_actions=3, discount=0.9):
  rng = np.random.default_rng(seed)
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel=rng.dirichlet(np.ones(num_states), (num_states, num_actions)),
      reward=mdp_lib.CrowdAversion(rng.normal(size=(num_states, 3)), 0.3),
      discount=discount,
      initial_distribution=rng.dirichlet(np.ones(num_states)),
    )
  )


def value_iteration(model, mean_field, regularization, policy=None):
  """Returns Q by value iteration on dense arrays; Q* without a policy."""
  mdp = model.mdp
  kernel = mdp.kernel_at(mean_field).toarray()
  kernel = kernel.reshape(mdp.num_states, mdp.num_actions, mdp.num_states)
  rewards = mdp.reward(mean_field)
  values = np.zeros(mdp.num_states)
  for _ in range(NUM_SWEEPS):
    q = rewards + mdp.discount * kernel @ values
    if policy is not None:
      bonus = -np.sum(policy * np.log(policy), axis=1)
      values = (policy * q).sum(axis=1) + regularization * bonus
    elif regularization:
      values = (
        regularization
        * np.log(np.exp((q - q.max()) / regularization).sum(axis=1))
        + q.max()
      )
    else:
      values = q.max(axis=1)
  return rewards + mdp.discount * kernel @ values


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("regularization", [0.0, 0.05, 0.3])
def test_values_are_those_of_value_iteration(seed, regularization):
  model = random_model(seed)
  policy = draws.random_policy(model, seed)
  mean_field = np.random.default_rng(seed).dirichlet(np.ones(5))
  np.testing.assert_allclose(
    model.action_values(policy, mean_field, regularization),
    value_iteration(model, mean_field, regularization, policy),
    rtol=0,
    atol=1e-11,
  )
  np.testing.assert_allclose(
    model.optimal_action_values(mean_field, regularization),
    value_iteration(model, mean_field, regularization),
    rtol=0,
    atol=1e-11,
  )


@pytest.mark.parametrize("regularization", [0.0, 0.1])
def test_exploitability_is_the_gap_at_the_invariant_law(regularization):
  model = random_model(7)
  policy = draws.random_policy(model, 8)
  law = np.full(5, 0.2)
  kernel = model.mdp.kernel.toarray().reshape(5, 3, 5)
  chain = np.einsum("sa,sat->st", policy, kernel)
  for _ in range(2000):
    law = law @ chain
  own = value_iteration(model, law, regularization, policy)
  bonus = -np.sum(policy * np.log(policy), axis=1)
  own = (policy * own).sum(axis=1) + regularization * bonus
  best = value_iteration(model, law, regularization)
  best = (
    regularization * np.log(np.exp(best / regularization).sum(axis=1))
    if regularization
    else best.max(axis=1)
  )
  assert model.exploitability(policy, regularization) == pytest.approx(
    law @ (best - own), abs=1e-10
  )


@pytest.mark.parametrize("regularization", [0.0, 0.05, 0.3])
def test_four_rooms_has_closed_forms(regularization):
  """The kernel of a symmetric policy is symmetric, so its law is uniform.

  Then every cell has the same reward, 0.2 for staying and -0.2 for moving, so
  the expected reward is the same in each step: J = (pi . r + eta H(pi)) / (1 -
  gamma).
  """
  game = factory.create_game(setting="four_rooms")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  stage_rewards = np.array([0.2, -0.2, -0.2, -0.2, -0.2])
  best = stage_rewards.max()
  if regularization:
    best = regularization * np.log(np.exp(stage_rewards / regularization).sum())
  own = stage_rewards.mean() + regularization * np.log(5)
  uniform = np.full((104, 5), 0.2)
  np.testing.assert_allclose(model.mean_field(uniform), 1 / 104, rtol=1e-12)
  assert model.exploitability(uniform, regularization) == pytest.approx(
    (best - own) / (1 - 0.9), rel=1e-12
  )
  if regularization:
    law = np.exp(stage_rewards / regularization)
    equilibrium = np.tile(law / law.sum(), (104, 1))
    gap = model.exploitability(equilibrium, regularization)
    assert gap == pytest.approx(0, abs=1e-12)


def test_nash_conv_at_a_long_horizon_is_the_exploitability():
  """From mu^pi on, the finite horizon differs by its tail gamma^120 only."""
  layout = {"room_size": 1, "horizon": 120}
  game = pyspiel.load_game("python_mfg_four_rooms", layout)
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  policy = draws.random_policy(model, 0)
  law = model.mean_field(policy)
  started = pyspiel.load_game(
    "python_mfg_four_rooms",
    {
      **layout,
      "initial_distribution": "[" + ";".join(map(repr, law.tolist())) + "]",
    },
  )
  with recursion.deep(started):
    finite = nash_conv.NashConv(started, model.to_openspiel(policy)).nash_conv()
  # The gap of the rewards after the horizon is bounded by the largest gap.
  rewards = model.mdp.reward(law)
  tail = 0.9**120 * (rewards.max() - rewards.min()) / (1 - 0.9)
  assert model.exploitability(policy) == pytest.approx(finite, abs=tail)
  assert tail < 1e-3 * finite


def test_propagate_is_matrix_powers():
  model = random_model(3)
  policy = draws.random_policy(model, 4)
  mean_field = model.initial_mean_field()
  kernel = model.mdp.kernel.toarray().reshape(5, 3, 5)
  chain = np.einsum("sa,sat->st", policy, kernel)
  for steps in (0, 1, 7):
    np.testing.assert_allclose(
      model.propagate(policy, mean_field, steps),
      mean_field @ np.linalg.matrix_power(chain, steps),
      atol=1e-14,
    )
  np.testing.assert_allclose(
    model.propagate(policy, mean_field, None),
    mean_field @ np.linalg.matrix_power(chain, 10**6),
    atol=1e-10,
  )


def congested_mdp():
  """Two states; the more mass state 0 has, the more players leave it."""

  def kernel(mean_field):
    leave = 0.2 + 0.6 * mean_field[0]
    return np.array([[1 - leave, leave], [0.5, 0.5]])

  return mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mean_field: -np.log(mean_field + 1e-25)[:, None],
    discount=0.5,
    initial_distribution=[1.0, 0.0],
  )


def test_mean_field_of_a_kernel_that_depends_on_it():
  """mu_0 (0.2 + 0.6 mu_0) = 0.5 (1 - mu_0) is a quadratic equation."""
  model = stationary_model.StationaryModel(congested_mdp())
  root = (-0.7 + np.sqrt(0.7**2 + 4 * 0.6 * 0.5)) / (2 * 0.6)
  law, report = model.invariant_law(np.ones((2, 1)))
  np.testing.assert_allclose(law, [root, 1 - root], atol=1e-12)
  assert report.consistency_residual < 1e-13
  assert "no error bound is known, |mu P - mu| = " in model.accuracy()


def test_reachable_follows_the_policy():
  # A path 0 -> 1 -> 2 -> 3 where action 1 stays.
  kernel = np.zeros((4, 2, 4))
  for state in range(4):
    kernel[state, 0, min(state + 1, 3)] = 1
    kernel[state, 1, state] = 1
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel=kernel,
      reward=lambda mean_field: np.zeros((4, 2)),
      discount=0.9,
      initial_distribution=[1, 0, 0, 0],
    )
  )
  policy = np.array([[0.5, 0.5], [1, 0], [0, 1], [1, 0]])
  start = model.initial_mean_field()
  assert model.reachable(policy, start, start).tolist() == [1, 1, 1, 0]


def test_without_a_discount_nothing_is_reached_later():
  """By definition: d = sum_t gamma^t start P^t is `start` for gamma = 0."""
  kernel = np.full((3, 2, 3), 1 / 3)
  start = np.array([0.0, 1.0, 0.0])
  policy = np.full((3, 2), 0.5)
  for kernel_or_function in (kernel, lambda mean_field: kernel):
    for discount in (0.0, 1e-300):
      mdp = mdp_lib.MeanFieldMDP(
        kernel=kernel_or_function,
        reward=lambda mean_field: np.zeros((3, 2)),
        discount=discount,
        initial_distribution=np.full(3, 1 / 3),
      )
      model = stationary_model.StationaryModel(mdp)
      reached = model.reachable(policy, start, start)
      assert reached.tolist() == [discount > 0, True, discount > 0]


@pytest.mark.parametrize("seed", range(5))
def test_reachable_is_the_support_of_powers(seed):
  rng = np.random.default_rng(seed)
  kernel = rng.random((12, 2, 12)) * (rng.random((12, 2, 12)) < 0.1)
  kernel[range(12), :, range(12)] += 1e-3
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel=kernel / kernel.sum(axis=2, keepdims=True),
      reward=lambda mean_field: np.zeros((12, 2)),
      discount=0.9,
      initial_distribution=np.full(12, 1 / 12),
    )
  )
  policy = np.eye(2)[rng.integers(0, 2, 12)]
  start = np.zeros(12)
  start[rng.integers(0, 12, 2)] = 0.5
  chain = np.einsum("sa,sat->st", policy, kernel) > 0
  expected = start > 0
  for _ in range(12):
    expected = expected | (expected.astype(int) @ chain > 0)
  reached = model.reachable(policy, model.initial_mean_field(), start)
  assert reached.tolist() == expected.tolist()
  # Computing it must not change the model.
  np.testing.assert_allclose(
    model._chain(policy, start).toarray(),
    np.einsum("sa,sat->st", policy, kernel / kernel.sum(axis=2, keepdims=True)),
    atol=1e-15,
  )


def test_callers_may_modify_results():
  game = pyspiel.load_game("python_mfg_two_islands")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  policy = draws.random_policy(model)
  law = model.mean_field(policy)
  expected = law.copy()
  law[:] = 0.0
  np.testing.assert_array_equal(model.mean_field(policy), expected)
  policy[:] = tabular_policies.uniform_policy(model.legal_actions_mask)
  assert np.abs(model.mean_field(policy) - expected).max() > 1e-3


def test_policies_survive_conversion_to_openspiel_and_back():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  policy = draws.random_policy(model, 5)
  np.testing.assert_array_equal(
    model.from_openspiel(model.to_openspiel(policy)), policy
  )
  uniform = policy_lib.UniformRandomPolicy(game)
  np.testing.assert_array_equal(model.from_openspiel(uniform), 0.5)


def test_a_policy_that_varies_in_time_is_refused():
  model = random_model(0)

  class Fickle(policy_lib.Policy):
    def action_probabilities(self, state, player_id=None):
      law = [1, 0, 0] if state.t else [0, 1, 0]
      return dict(enumerate(law))

  with pytest.raises(ValueError, match="every time step"):
    model.from_openspiel(Fickle(model.game, [0]))


@pytest.mark.parametrize(
  ("policy", "message"),
  [
    (np.full((5, 2), 0.5), r"shape \(5, 3\), got \(5, 2\)"),
    (np.full((5, 3), np.nan), "state 0"),
    (np.full((5, 3), 0.3), "state 0"),
    (np.tile([1.5, -0.5, 0], (5, 1)), "state 0"),
  ],
)
def test_bad_policies_are_refused(policy, message):
  model = random_model(0)
  for method in (
    model.exploitability,
    model.mean_field,
    model.to_openspiel,
    lambda pi: model.action_values(pi, np.full(5, 0.2)),
  ):
    with pytest.raises(ValueError, match=message) as error:
      method(policy)
    assert "\n" not in str(error.value)


def test_bad_mean_fields_are_refused():
  model = random_model(0)
  for mean_field in ([0.2] * 4, [0.3] * 5, [1.5, -0.5, 0, 0, 0]):
    with pytest.raises(ValueError, match="mean_field must"):
      model.optimal_action_values(np.array(mean_field))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), regularization=st.floats(0, 2))
def test_exploitability_bounds(seed, regularization):
  """It is not negative, and the bonus changes it by eta log A / (1 - gamma)."""
  model = random_model(seed)
  policy = draws.random_policy(model, seed + 1)
  plain = model.exploitability(policy)
  regularized = model.exploitability(policy, regularization)
  bias = regularization * np.log(3) / (1 - 0.9)
  assert plain >= -1e-12
  assert regularized >= -1e-12
  assert abs(plain - regularized) <= bias + 1e-9


def test_greedy_policy_of_the_optimal_values_is_a_best_response():
  model = random_model(2)
  mean_field = np.full(5, 0.2)
  optimal = model.optimal_action_values(mean_field)
  greedy = tabular_policies.greedy_policy(optimal)
  np.testing.assert_allclose(
    model.action_values(greedy, mean_field), optimal, atol=1e-12
  )


def test_the_best_deviation_under_the_rewards_of_the_mean_field():
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  law = model.mean_field(policy)
  rewards = mdp.reward_at(law)
  best = model.best_deviation(policy, rewards)
  assert best.gain == pytest.approx(model.exploitability(policy), rel=1e-12)
  assert best.error_bound == 0
  value = law @ model.policy_values(policy, law).values
  assert best.value == pytest.approx(value, rel=1e-12)
  value = model.deviation_value(policy, best.policy, rewards)
  assert value == pytest.approx(best.value + best.gain, rel=1e-12)
