"""Tests of the proximal point method against its formula and a root finder."""

import iterates
import numpy as np
import pyspiel
import pytest
from scipy import optimize

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import proximal_point
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model

RPS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])


def one_shot(reward):
  """A repeated choice between three places."""
  kernel = np.zeros((3, 3, 3))
  kernel[:, np.arange(3), np.arange(3)] = 1.0
  return stationary_model.StationaryModel(
    mean_field_mdp.MeanFieldMDP(
      kernel, lambda mu: np.tile(reward(mu)[:, None], 3), 0.5, np.ones(3) / 3
    )
  )


@pytest.mark.parametrize("every", [1, 3, None])
def test_stationary_proximal_point_is_the_formula(islands, every):
  """On probabilities, with Q by iteration."""
  mdp, lr, weight = islands.mdp, 0.5, 0.7
  algorithm = proximal_point.ProximalPoint(islands, lr, weight, every)
  kernel = mdp.kernel.toarray().reshape(14, 2, 14)
  policy = prior = np.full((14, 2), 0.5)
  for k in range(1, 8):
    cost = weight * np.sum(policy * np.log(policy / prior), axis=1)
    rewards = mdp.reward_at(islands.mean_field(policy))
    values = np.zeros(14)
    for _ in range(400):
      action_values = rewards + mdp.discount * kernel @ values
      values = (policy * action_values).sum(axis=1) - cost
    weights = (
      policy ** (1 - lr * weight)
      * prior ** (lr * weight)
      * np.exp(lr * action_values)
    )
    policy = weights / weights.sum(axis=1, keepdims=True)
    if every and k % every == 0:
      prior = policy
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, rtol=1e-9)
    np.testing.assert_allclose(
      algorithm.mean_field, islands.mean_field(policy), rtol=1e-9
    )


def test_the_finite_horizon_is_the_formula():
  """At time t, rewards, divergences and steps to the prior include gamma^t."""
  rng = np.random.default_rng(3)
  kernel = rng.dirichlet(np.ones(3), size=(3, 2))
  mdp = mean_field_mdp.MeanFieldMDP(
    kernel, lambda mu: -np.log(mu)[:, None] + [[0.1, 0.0]], 0.8, [0.5, 0.3, 0.2]
  )
  game = mdp_game.MDPGame(mdp, horizon=4)
  lr, weight = 0.5, 0.9
  algorithm = proximal_point.ProximalPoint(game, lr, weight, 2)
  policy = prior = np.full((4, 3, 2), 0.5)
  for k in range(1, 6):
    law, laws = mdp.initial_distribution, []
    for t in range(4):
      laws.append(law)
      law = np.einsum("s,sa,sax->x", law, policy[t], kernel)
    values, following = np.zeros((4, 3, 2)), np.zeros(3)
    for t in reversed(range(4)):
      values[t] = 0.8**t * mdp.reward_at(laws[t]) + kernel @ following
      divergence = np.sum(policy[t] * np.log(policy[t] / prior[t]), axis=1)
      following = (policy[t] * values[t]).sum(axis=1)
      following = following - 0.8**t * weight * divergence
    share = lr * weight * 0.8 ** np.arange(4)[:, None, None]
    weights = policy ** (1 - share) * prior**share * np.exp(lr * values)
    policy = weights / weights.sum(axis=2, keepdims=True)
    if k % 2 == 0:
      prior = policy
    algorithm.iteration()
    np.testing.assert_allclose(
      algorithm.policy, policy.reshape(12, 2), rtol=1e-12
    )


@pytest.mark.parametrize(
  "name",
  ["mfg_garnet", "python_mfg_predator_prey(horizon=2)", "mfg_crowd_modelling"],
)
def test_it_is_the_same_through_openspiels_utilities(name):
  game = pyspiel.load_game(name)
  models = (
    compiled_game.CompiledGame(game),
    openspiel_model.OpenSpielModel(game),
  )
  one, other = (
    proximal_point.ProximalPoint(model, 0.2, 1.5, 2) for model in models
  )
  for _ in range(3):
    one.iteration()
    other.iteration()
  assert other.model.exploitability(
    other.model.from_openspiel(one.get_policy())
  ) == pytest.approx(other.model.exploitability(other.policy), rel=1e-11)


def test_with_a_new_prior_per_iteration_it_is_mirror_descent():
  game = pyspiel.load_game("mfg_crowd_modelling_2d(size=4,horizon=5)")
  np.testing.assert_allclose(
    iterates.run(proximal_point.ProximalPoint(game, 0.1, 3.0, 1), 6),
    iterates.run(mirror_descent.MirrorDescent(game, lr=0.1), 6),
    rtol=1e-9,
  )


def test_with_the_first_prior_it_is_regularized_mirror_descent():
  """All states have A actions: the KL from uniform is log A - entropy."""
  game = pyspiel.load_game("python_mfg_four_rooms(room_size=2,horizon=5)")
  np.testing.assert_allclose(
    iterates.run(proximal_point.ProximalPoint(game, 0.4, 0.9, None), 20),
    iterates.run(
      mirror_descent.MirrorDescent(game, lr=0.4, regularization=0.9), 20
    ),
    rtol=1e-9,
  )


def test_many_steps_find_the_equilibrium_around_the_prior():
  """With one prior, and with the next: roots by SciPy, without mirror steps."""
  slopes, base, weight = (
    np.array([1.0, 2.0, 4.0]),
    np.array([0.3, 0.0, 0.9]),
    0.5,
  )

  def reward(mu):
    return base - slopes * mu

  model = one_shot(reward)
  # After a choice the place pays once and then whatever is chosen next, so
  # that action values differ by gamma times the rewards.
  prior = np.ones(3) / 3
  algorithm = proximal_point.ProximalPoint(model, 0.3, weight, 400)
  for _ in range(3):

    def residual(mu, prior=prior):
      weights = prior * np.exp(0.5 * reward(mu) / weight)
      return mu - weights / weights.sum()

    expected = optimize.root(residual, prior, tol=1e-14).x
    for _ in range(400):
      algorithm.iteration()
    np.testing.assert_allclose(
      algorithm.policy, np.tile(expected, (3, 1)), rtol=1e-9
    )
    prior = expected


def test_it_converges_where_mirror_descent_cycles():
  """Rock, paper, scissors is monotone, but not strictly."""
  equilibrium = np.array([0.5, 0.2, 0.3])
  model = one_shot(lambda mu: RPS @ (mu - equilibrium))
  proximal = proximal_point.ProximalPoint(model, 0.3, 0.1, 50)
  plain = mirror_descent.MirrorDescent(model, lr=0.3)
  for _ in range(1000):
    proximal.iteration()
    plain.iteration()
  np.testing.assert_allclose(proximal.mean_field, equilibrium, atol=1e-10)
  assert model.exploitability(proximal.policy) < 1e-10
  assert model.exploitability(plain.policy) > 0.1


@pytest.mark.parametrize("discount", [0.0, 1e-200])
def test_policies_are_finite_where_the_discount_underflows(discount):
  mdp = mean_field_mdp.MeanFieldMDP(
    np.full((2, 2, 2), 0.5),
    lambda mu: np.array([[0.0, 1.0], [2.0, 0.0]]),
    discount,
    [0.5, 0.5],
  )
  algorithm = proximal_point.ProximalPoint(mdp_game.MDPGame(mdp, horizon=4))
  for _ in range(25):
    algorithm.iteration()
  assert np.isfinite(algorithm.policy).all()
  np.testing.assert_allclose(
    algorithm.policy[2:4] if discount else algorithm.policy[2:], 0.5
  )
