"""Properties of games of finite horizon: compiled, and through OpenSpiel.

Rounding errors: sums over a horizon of at most 5 have few terms, so their error
is a few dozen eps times the largest value, or the mass.
"""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
import problem_strategies as strategies
import pytest

from mftrpo_openspiel.models import openspiel_model

EPS = np.finfo(np.float64).eps
ROUNDING = 64 * EPS
# The largest coefficient of a logarithm in a reward: a relative rounding error
# of the mass changes the reward by at most this factor times the error, for
# arbitrarily small masses.
CROWD_AVERSION = 2
# Below this numbers lose digits by underflow.
UNDERFLOW = 1e-300
NUM_STEPS = st.none() | st.integers(0, 7)

every_kind = pytest.mark.parametrize("kind", ["mdp_games", "openspiel_games"])


def draw_game(kind, data, **options):
  return data.draw(getattr(strategies, kind)(**options)).make()


def parts(model):
  """Returns (N,): a number for the layer and population of each state."""
  found = [re.match(r"\(pop=(\d+)", s) for s in model.observation_strings]
  populations = [int(match[1]) if match else 0 for match in found]
  return model.layers * model.game.num_players() + np.array(populations)


def largest(values):
  """Returns the largest finite absolute value."""
  return np.abs(values[np.isfinite(values)]).max()


def best_of(action_values, temperatures):
  """Returns the best values of states that may have an entropy bonus."""
  best = action_values.max(axis=1)
  # Where the discount has underflowed, so has the bonus.
  scale = np.where(temperatures > 0, temperatures, 1.0)[:, None]
  weights = np.exp((action_values - best[:, None]) / scale)
  return best + temperatures * np.log(weights.sum(axis=1))


@every_kind
@given(st.data())
def test_mass_is_conserved_in_each_layer_and_population(kind, data):
  model = strategies.compiled(draw_game(kind, data))
  policy = data.draw(strategies.laws()).policy(model)
  crowd = data.draw(strategies.laws()).make_parts(parts(model))
  num_steps = data.draw(NUM_STEPS)
  for masses in (
    model.initial_mean_field(),
    model.mean_field(policy),
    model.propagate(policy, crowd, num_steps),
  ):
    assert masses.min() >= 0
    for part in np.unique(parts(model)):
      assert abs(masses[parts(model) == part].sum() - 1) <= ROUNDING


@every_kind
@given(st.data())
def test_propagation_is_affine_in_the_mean_field(kind, data):
  """For a fixed kernel: each step also sets the first layer to mu_0."""
  options = {"moving": False} if kind == "mdp_games" else {}
  game = draw_game(kind, data, **options)
  model = strategies.compiled(game)
  policy = data.draw(strategies.laws()).policy(model)
  first = data.draw(strategies.laws()).make_parts(parts(model))
  second = data.draw(strategies.laws()).make_parts(parts(model))
  weight = data.draw(st.floats(0, 1))
  num_steps = data.draw(NUM_STEPS)
  moved = [
    model.propagate(policy, crowd, num_steps)
    for crowd in (first, second, weight * first + (1 - weight) * second)
  ]
  np.testing.assert_allclose(
    moved[2],
    weight * moved[0] + (1 - weight) * moved[1],
    rtol=ROUNDING,
    atol=UNDERFLOW,
  )


@every_kind
@given(st.data())
def test_exploitability_is_not_negative(kind, data):
  model = strategies.compiled(draw_game(kind, data))
  policy = data.draw(strategies.laws()).policy(model)
  eta = data.draw(strategies.regularizations())
  assert model.exploitability(policy, eta) >= 0


@given(st.data())
def test_exploitability_with_one_action_is_zero(data):
  sizes = st.tuples(st.integers(1, 6), st.just(1))
  spec = data.draw(strategies.mdp_games(sizes=sizes))
  model = strategies.compiled(spec.make())
  policy = np.ones(model.legal_actions_mask.shape)
  eta = data.draw(strategies.regularizations())
  assert model.exploitability(policy, eta) == 0


TINY = [(1, 4, 3), (2, 2, 1), (2, 2, 2), (2, 2, 3), (2, 3, 2), (3, 2, 2)]


@given(st.data())
def test_exploitability_is_that_over_all_deterministic_policies(data):
  num_states, num_actions, horizon = data.draw(st.sampled_from(TINY))
  sizes = st.just((num_states, num_actions))
  spec = data.draw(strategies.mdps(sizes=sizes))
  mdp, law = spec.make(), data.draw(strategies.laws())
  shape = (horizon, num_states, num_actions)
  policy = law.make(*shape)

  rewards, kernels, crowd = [], [], mdp.initial_distribution
  for t, plays in enumerate(policy):
    kernel = mdp.kernel_at(crowd).toarray().reshape(*shape[1:], num_states)
    kernels.append(kernel)
    rewards.append(mdp.discount**t * mdp.reward_at(crowd))
    crowd = np.einsum("s,sa,sat->t", crowd, plays, kernel)

  def total(policies):
    """Returns J of policies, (..., H, S, A), if all others use `policy`."""
    law, result = mdp.initial_distribution, 0.0
    for t in range(horizon):
      plays = law[..., None] * policies[..., t, :, :]
      result = result + (plays * rewards[t]).sum(axis=(-2, -1))
      law = np.einsum("...sa,sat->...t", plays, kernels[t])
    return result

  choices = itertools.product(range(num_actions), repeat=horizon * num_states)
  deterministic = np.eye(num_actions)[list(choices)].reshape(-1, *shape)
  gap = total(deterministic).max() - total(policy)
  game = strategies.MDPGame(spec, horizon).make()
  found = strategies.compiled(game).exploitability(
    policy.reshape(-1, num_actions)
  )
  largest_reward = CROWD_AVERSION + np.abs(rewards).max()
  tolerance = ROUNDING * horizon * largest_reward
  assert abs(found - gap) <= tolerance


@every_kind
@given(st.data())
def test_regularization_adds_at_most_its_bound_to_values(kind, data):
  """At most eta gamma^t log A in each decision that is still to be made."""
  model = strategies.compiled(draw_game(kind, data))
  policy = data.draw(strategies.laws()).policy(model)
  crowd = data.draw(strategies.laws()).make_parts(parts(model))
  eta = data.draw(strategies.positive_regularizations())
  temperatures = eta * model.discounts
  bonus = temperatures * np.log(model.legal_actions_mask.shape[1])
  layers = np.arange(model.layers.max() + 1)
  bonuses = [bonus[model.layers == layer].max() for layer in layers]
  to_come = np.append(np.cumsum(bonuses[::-1])[::-1], 0)
  bound, next_bound = to_come[model.layers], to_come[model.layers + 1, None]

  best, regularized_best = (
    model.optimal_action_values(crowd, weight) for weight in (0.0, eta)
  )
  own, regularized_own = (
    model.action_values(policy, crowd, weight) for weight in (0.0, eta)
  )
  everything = np.stack([best, regularized_best, own, regularized_own])
  tolerance = ROUNDING * (largest(everything) + to_come.max()) + UNDERFLOW

  def check(difference, bound):
    assert difference.min() >= -tolerance
    assert (difference - bound).max() <= tolerance

  check(regularized_best - best, next_bound)
  check(best_of(regularized_best, temperatures) - best.max(axis=1), bound)
  check(regularized_own - own, next_bound)
  check(best - own, np.inf)
  check(regularized_best - regularized_own, np.inf)


class Pair:
  """A game as arrays: compiled, and through OpenSpiel's utilities."""

  def __init__(self, game):
    self.compiled = strategies.compiled(game)
    self.reference = openspiel_model.OpenSpielModel(game)
    row = {s: i for i, s in enumerate(self.reference.observation_strings)}
    strings = self.compiled.observation_strings
    # Ours omit nodes with one action, OpenSpiel's those that no play reaches.
    self.ours = np.array([i for i, s in enumerate(strings) if s in row])
    self.theirs = np.array([row[strings[i]] for i in self.ours])

  def policy_to_reference(self, policy):
    """Converts a policy of the compiled game to the reference."""
    mask = self.reference.legal_actions_mask
    array = mask / mask.sum(axis=1, keepdims=True)
    array[self.theirs] = policy[self.ours]
    return array

  def masses_to_reference(self, masses):
    """Converts masses of the common states to the reference."""
    array = np.zeros(len(self.reference.observation_strings))
    array[self.theirs] = masses[self.ours]
    return array


def check_close(ours, theirs, rounding):
  np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=rounding)


@every_kind
@given(st.data())
def test_compiled_games_are_those_of_openspiel(kind, data):
  game = draw_game(kind, data)
  pair = Pair(game)
  ours, theirs = pair.ours, pair.theirs
  policy = data.draw(strategies.laws()).policy(pair.compiled)
  crowd = np.zeros(len(pair.compiled.layers))
  common = parts(pair.compiled)[ours]
  crowd[ours] = data.draw(strategies.laws()).make_parts(common)
  eta = data.draw(strategies.regularizations())
  num_steps = data.draw(NUM_STEPS)

  def answers(model, policy, crowd, rows):
    """Returns masses and values of common states, and the exploitability."""
    masses = [
      model.mean_field(policy),
      model.initial_mean_field(),
      model.propagate(policy, crowd, num_steps),
    ]
    values = [
      model.action_values(policy, crowd, eta),
      model.optimal_action_values(crowd, eta),
      model.optimal_action_values(masses[0], eta),
    ]
    return (
      [array[rows] for array in masses],
      [array[rows] for array in values],
      model.exploitability(policy, eta),
    )

  masses, values, gap = answers(pair.compiled, policy, crowd, ours)
  expected_masses, expected_values, expected_gap = answers(
    pair.reference,
    pair.policy_to_reference(policy),
    pair.masses_to_reference(crowd),
    theirs,
  )
  for found, expected in zip(masses, expected_masses):
    check_close(found, expected, UNDERFLOW)
  for found, expected in zip(values, expected_values):
    rounding = ROUNDING * (CROWD_AVERSION + largest(expected))
    check_close(found, expected, rounding)
  rounding *= game.num_players()
  check_close(gap, expected_gap, rounding)
  reference = nash_conv.NashConv(game, pair.compiled.to_openspiel(policy))
  check_close(
    pair.compiled.exploitability(policy), reference.nash_conv(), rounding
  )
