"""Tests of the visits, returns and step counts of rollouts."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import sampled_games
from scipy import stats

from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.simulators import rollouts

ETA = 2.0
KINDS = ("stationary", "compiled")
# Enough for the tests with a deliberate error to fail with p < 1e-9.
NUM_SEEDS = 500


def _simulator(exact):
  if isinstance(exact, compiled_game.CompiledGame):
    return array_simulator.LayeredSimulator(exact.form, 1)
  return array_simulator.StationarySimulator(exact.mdp)


def _rollouts(
  exact, policy, mean_field, temperatures, max_steps=20, start=None
):
  simulator = _simulator(exact)
  if start is None and simulator.horizon is None:
    start = mean_field
  return rollouts.Rollouts(
    simulator,
    simulator.under(mean_field),
    policy,
    temperatures,
    start,
    max_steps,
  )


def _seeds_sums(kind, num_trajectories):
  """Yields the sums without and with entropy for all seeds.

  Both have the same plays.
  """
  exact = sampled_games.exact_model(kind)
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  mean_field = exact.mean_field(sampled_games.random_policy(policy > 0, 1))
  without = _rollouts(exact, policy, mean_field, None)
  with_entropy = _rollouts(exact, policy, mean_field, ETA * exact.discounts)
  for seed in range(NUM_SEEDS):
    yield (
      without.play(num_trajectories, np.random.default_rng(seed)),
      with_entropy.play(num_trajectories, np.random.default_rng(seed)),
    )


@pytest.fixture(scope="module", params=KINDS, name="played")
def played_fixture(request):
  """Returns the kind of the model, and the sums from `_seeds_sums`."""
  return request.param, list(_seeds_sums(request.param, 200))


def _p_value(kind, estimator, all_sums):
  """Returns the p value for estimates that are unbiased up to constants."""
  exact = sampled_games.exact_model(kind)
  mask = exact.legal_actions_mask
  policy = sampled_games.random_policy(mask)
  mean_field = exact.mean_field(sampled_games.random_policy(mask, 1))
  right = exact.action_values(policy, mean_field, ETA)
  differences = []
  for sums in all_sums:
    values, is_visited = estimators.ESTIMATORS[estimator](sums, mask)
    errors = np.where(is_visited[:, None], values - right, 0.0)
    differences.append((errors[:, :-1] - errors[:, -1:]).ravel())
  return sampled_games.p_value_of_zero_mean(np.array(differences))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["published", "baseline"])
def test_estimates_are_unbiased_up_to_a_constant_per_state(estimator, played):
  kind, pairs = played
  assert _p_value(kind, estimator, [right for _, right in pairs]) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["published", "baseline"])
def test_the_same_test_fails_without_the_entropy(estimator, played):
  kind, pairs = played
  assert _p_value(kind, estimator, [without for without, _ in pairs]) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["published", "baseline"])
def test_the_same_test_fails_with_the_wrong_sign_of_the_entropy(
  estimator, played
):
  kind, pairs = played
  flipped = [
    dataclasses.replace(right, totals=2 * without.totals - right.totals)
    for without, right in pairs
  ]
  assert _p_value(kind, estimator, flipped) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["published", "baseline"])
def test_the_same_test_fails_with_the_entropy_of_the_first_action(
  estimator, played
):
  kind, pairs = played
  exact = sampled_games.exact_model(kind)
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  own = -ETA * exact.discounts[:, None] * np.log(policy)
  with_own = [
    dataclasses.replace(right, totals=right.totals + own * right.counts)
    for _, right in pairs
  ]
  assert _p_value(kind, estimator, with_own) < 1e-9


@pytest.mark.slow
def test_pair_averages_are_biased_by_untried_pairs():
  few = [right for _, right in _seeds_sums("stationary", 10)]
  assert _p_value("stationary", "pair_averages", few) < 1e-9
  assert _p_value("stationary", "baseline", few) > 1e-3


@pytest.mark.slow
def test_pair_averages_are_unbiased_if_all_pairs_were_tried(played):
  kind, pairs = played
  if kind == "stationary":
    tried = [right for _, right in pairs if right.counts.all()]
    assert len(tried) > 0.99 * NUM_SEEDS
    assert _p_value(kind, "pair_averages", tried) > 1e-3


def test_states_are_visited_by_the_discounted_occupancy():
  exact = sampled_games.exact_model("stationary")
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  mean_field = exact.initial_mean_field()
  start = np.array([0.0, 0.0, 1.0, 3.0])
  gamma = exact.mdp.discount
  chain = np.einsum(
    "sa,sat->st", policy, exact.mdp.fixed_kernel.toarray().reshape(4, 3, 4)
  )
  occupancy = (1 - gamma) * np.linalg.solve(
    np.eye(4) - gamma * chain.T, start / start.sum()
  )
  size = 100_000
  played = _rollouts(exact, policy, mean_field, None, start=start)
  counts = played.play(size, np.random.default_rng(0)).counts
  # Actions are tried with equal probabilities.
  expected = np.repeat(occupancy[:, None] / 3, 3, axis=1) * size
  statistic = ((counts - expected) ** 2 / expected).sum()
  # Systematic sampling of the starts only makes the statistic smaller.
  assert stats.chi2.sf(statistic, counts.size - 1) > 1e-3


def test_all_layers_are_visited_equally_often():
  exact = sampled_games.exact_model("compiled")
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  mean_field = exact.mean_field(policy)
  size = 100_000
  played = _rollouts(exact, policy, mean_field, None)
  counts = played.play(size, np.random.default_rng(0)).counts
  expected = np.repeat(mean_field[:, None] / (3 * 3), 3, axis=1) * size
  statistic = ((counts - expected) ** 2 / expected).sum()
  assert stats.chi2.sf(statistic, counts.size - 1) > 1e-3


def _clock(num_states, discount):
  """Returns an MDP that cycles through states with their numbers as rewards.

  Its two actions have the same effect.
  """
  kernel = np.repeat(np.roll(np.eye(num_states), 1, axis=1), 2, axis=0)
  rewards = np.repeat(np.arange(num_states, dtype=float)[:, None], 2, axis=1)
  return mean_field_mdp.MeanFieldMDP(
    kernel, lambda mu: rewards, discount, np.eye(num_states)[0]
  )


def test_returns_and_steps_of_a_deterministic_mdp():
  exact = stationary_model.StationaryModel(_clock(5, 0.5))
  policy, start = np.full((5, 2), 0.5), np.array([0.0, 0, 0, 1, 0])
  played = _rollouts(
    exact, policy, exact.initial_mean_field(), None, max_steps=3, start=start
  )
  sums = played.play(1000, np.random.default_rng(0))
  # The rewards of state s, and of the next two by a half and a quarter.
  expected = np.array(
    [1 / 2 + 2 / 4, 1 + 2 / 2 + 3 / 4, 2 + 3 / 2 + 4 / 4, 3 + 4 / 2, 4 + 1 / 4]
  )
  np.testing.assert_allclose(sums.totals, sums.counts * expected[:, None])
  # At most three steps after state 3: state 2 is not reached.
  visits = sums.counts.sum(axis=1)
  assert visits[2] == 0
  on_the_way = visits @ [2, 3, 0, 0, 1]
  assert sums.num_environment_steps == on_the_way + 1000 * 3
  # Players stop with probability 1/2, and at the latest after three steps.
  np.testing.assert_allclose(
    visits[[3, 4, 0, 1]] / 1000, [0.5, 0.25, 0.125, 0.125], atol=0.08
  )


def test_entropy_of_later_steps_in_a_deterministic_mdp():
  mdp = _clock(3, 0.5)
  mdp = dataclasses.replace(mdp, reward=lambda mu: np.zeros((3, 2)))
  exact = stationary_model.StationaryModel(mdp)
  # The policy is deterministic in state 0, uniform in the others.
  policy = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
  temperatures = np.array([9.0, 1.0, 2.0])
  played = _rollouts(exact, policy, np.ones(3) / 3, temperatures, max_steps=3)
  sums = played.play(1000, np.random.default_rng(0))
  bits = np.log(2.0)
  expected = bits * np.array([1 / 2 + 2 / 4, 2 / 2 + 0, 0 + 1 / 4])
  np.testing.assert_allclose(sums.totals, sums.counts * expected[:, None])


def test_plays_stop_in_states_without_a_choice():
  model = sampled_games.moving_model()
  mask = model.legal_actions_mask
  policy = sampled_games.random_policy(mask)
  mean_field = model.mean_field(policy)
  played = _rollouts(model, policy, mean_field, None, max_steps=19)
  sums = played.play(3000, np.random.default_rng(0))
  forced = mask.sum(axis=1) == 1
  assert mean_field[forced].any()
  assert not sums.counts[forced].any()
  assert sums.counts[~forced].any()
  # All play half of the game on average, and some then to the end.
  assert 3000 * 8 < sums.num_environment_steps < 3000 * 16


def test_all_steps_of_plays_that_end_are_counted():
  exact = sampled_games.exact_model("compiled")
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  played = _rollouts(exact, policy, exact.mean_field(policy), None, max_steps=3)
  sums = played.play(999, np.random.default_rng(0))
  # All decisions of all plays, three each.
  assert sums.num_environment_steps == 999 * 3
  assert sums.counts.sum() == 999


def test_memory_does_not_grow_with_trajectories():
  exact = sampled_games.exact_model("stationary")
  policy = sampled_games.random_policy(exact.legal_actions_mask)
  played = _rollouts(exact, policy, exact.initial_mean_field(), None)
  peaks = []
  for num_trajectories in (20_000, 200_000):
    tracemalloc.start()
    played.play(num_trajectories, np.random.default_rng(0))
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
  assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize("size", [1, 8192, 8193, 100_000])
def test_blocks_sum_to_the_whole(size):
  sizes = rollouts.block_sizes(size)
  assert sum(sizes) == size
  assert max(sizes) <= rollouts.BLOCK_SIZE
  assert max(sizes) - min(sizes) <= 1
