"""Tests of the baselines against their formulas and OpenSpiel's classes."""

import numpy as np
from open_spiel.python.mfg.algorithms import boltzmann_policy_iteration
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
from open_spiel.python.mfg.algorithms import fixed_point as openspiel_fpi
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.algorithms import prior_descent
from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.fixture(scope="module")
def islands():
  game = factory.create_game(setting="two_islands")
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def exploitabilities(game, algorithm, num_iterations):
  values = []
  for _ in range(num_iterations):
    algorithm.iteration()
    policy = algorithm.get_policy()
    values.append(nash_conv.NashConv(game, policy).nash_conv())
  return values


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_mirror_descent_is_openspiels_with_a_frozen_table(game_name):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    exploitabilities(game, mirror_descent.MirrorDescent(game, lr=0.1), 6),
    exploitabilities(
      game, openspiel_algorithm.FrozenTableMirrorDescent(game, lr=0.1), 6
    ),
    rtol=1e-9,
  )


def test_openspiels_mirror_descent_is_another_where_nodes_share_children():
  """The day this fails OpenSpiel has mended it, and our tables must not say
  "as shipped" any more."""
  for game_name, agree in [(SHARING_CHILDREN, False), (NOT_SHARING[0], True)]:
    game = pyspiel.load_game(game_name)
    shipped = exploitabilities(game, openspiel_omd.MirrorDescent(game), 3)
    textbook = exploitabilities(game, mirror_descent.MirrorDescent(game), 3)
    assert np.allclose(shipped, textbook, rtol=1e-9) == agree


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
@pytest.mark.parametrize("options", [{}, {"lr": 0.3}, {"temperature": 0.5}])
def test_fictitious_play_is_openspiels(game_name, options):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    exploitabilities(game, fictitious_play.FictitiousPlay(game, **options), 4),
    exploitabilities(game, openspiel_fp.FictitiousPlay(game, **options), 4),
    rtol=1e-9,
  )


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_fixed_point_is_openspiels(game_name):
  game = pyspiel.load_game(game_name)
  assert_same_iterates(
    fixed_point.FixedPoint(game, 0.5), openspiel_fpi.FixedPoint(game, 0.5)
  )
  # Best actions may tie, as all do at the end of our games.
  np.testing.assert_allclose(
    exploitabilities(game, fixed_point.FixedPoint(game), 6),
    exploitabilities(game, openspiel_fpi.FixedPoint(game), 6),
    rtol=1e-9,
  )


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_boltzmann_policy_iteration_is_openspiels(game_name):
  game = pyspiel.load_game(game_name)
  assert_same_iterates(
    prior_descent.PriorDescent(game, 0.5, best_response=False),
    boltzmann_policy_iteration.BoltzmannPolicyIteration(game, lr=2.0),
  )


def assert_same_iterates(ours, openspiels):
  model = ours.model
  # OpenSpiel's has no values where no play leads.
  reached = ours.mean_field > 0
  for _ in range(4):
    ours.iteration()
    openspiels.iteration()
    expected = model.from_openspiel(openspiels.get_policy())
    np.testing.assert_allclose(
      ours.policy[reached], expected[reached], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
      ours.mean_field, model.mean_field(expected), rtol=1e-9, atol=1e-12
    )


def test_the_adapter_runs_openspiels_classes():
  game = pyspiel.load_game("mfg_garnet")
  model = openspiel_model.OpenSpielModel(game)
  for name, native in [
    ("openspiel_fictitious_play", openspiel_fp.FictitiousPlay(game)),
    ("openspiel_mirror_descent", openspiel_omd.MirrorDescent(game, lr=0.2)),
  ]:
    options = {"lr": 0.2} if "descent" in name else {}
    adapted = algorithm_factory.create_algorithm(name, model, **options)
    for _ in range(3):
      adapted.iteration()
      native.iteration()
    assert model.exploitability(adapted.policy) == pytest.approx(
      nash_conv.NashConv(game, native.get_policy()).nash_conv(), rel=1e-12
    )
    frozen = adapted.policy
    adapted.iteration()
    assert np.abs(adapted.policy - frozen).max() > 0


def test_stationary_fictitious_play_is_the_formula(islands):
  algorithm = fictitious_play.FictitiousPlay(islands)
  policy = np.full((14, 2), 0.5)
  mean_field = islands.mean_field(policy)
  for k in range(6):
    rate = 1 / (k + 2)
    best = islands.optimal_action_values(mean_field).argmax(axis=1)
    response = np.eye(2)[best]
    law = islands.mean_field(response)
    weights = (1 - rate) * mean_field[:, None], rate * law[:, None]
    policy = (weights[0] * policy + weights[1] * response) / sum(weights)
    mean_field = (1 - rate) * mean_field + rate * law
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-13)
    np.testing.assert_allclose(algorithm.mean_field, mean_field, atol=1e-13)


def test_fictitious_play_keeps_small_shares(islands):
  """What few players did before is kept, though it is tiny beside the rest."""
  algorithm = fictitious_play.FictitiousPlay(islands, lr=0.5)
  algorithm.mean_field = np.full(14, 1e-30)
  algorithm.mean_field[2] = 1 - 13e-30
  best = islands.optimal_action_values(algorithm.mean_field).argmax(axis=1)
  law = islands.mean_field(np.eye(2)[best])
  algorithm.iteration()
  others = np.flatnonzero((law > 1e-3) & (np.arange(14) != 2))
  assert others.size
  for x in others:
    np.testing.assert_allclose(
      algorithm.policy[x, 1 - best[x]], 0.5e-30 / law[x], rtol=1e-9
    )


def test_stationary_mirror_descent_is_the_formula(islands):
  algorithm = mirror_descent.MirrorDescent(islands, lr=0.2)
  sums = np.zeros((14, 2))
  policy = np.full((14, 2), 0.5)
  for _ in range(6):
    sums += 0.2 * islands.action_values(policy, islands.mean_field(policy))
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    policy = weights / weights.sum(axis=1, keepdims=True)
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-13)


@pytest.mark.parametrize("every", [1, 3, None])
def test_prior_descent_is_the_formula(islands, every):
  """On probabilities, with Q by value iteration."""
  mdp, temperature = islands.mdp, 2.0
  algorithm = prior_descent.PriorDescent(islands, temperature, every)
  kernel = mdp.kernel.toarray().reshape(14, 2, 14)
  policy = prior = np.full((14, 2), 0.5)
  for k in range(1, 8):
    rewards = mdp.reward_at(islands.mean_field(policy))
    values = np.zeros((14, 2))
    for _ in range(400):
      values = rewards + mdp.discount * kernel @ values.max(axis=1)
    weights = prior * np.exp(values / temperature)
    policy = weights / weights.sum(axis=1, keepdims=True)
    if every and k % every == 0:
      prior = policy
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, rtol=1e-9)
    np.testing.assert_allclose(
      algorithm.mean_field, islands.mean_field(policy), rtol=1e-9
    )


def test_what_prior_descent_is_at_its_ends(islands):
  for one, other in [
    (
      prior_descent.PriorDescent(islands, 0.7),
      fixed_point.FixedPoint(islands, 0.7),
    ),
    (
      prior_descent.PriorDescent(islands, 4.0, 1, best_response=False),
      mirror_descent.MirrorDescent(islands, lr=0.25),
    ),
  ]:
    for _ in range(5):
      one.iteration()
      other.iteration()
    np.testing.assert_allclose(one.policy, other.policy, rtol=1e-10)


def test_a_tiny_temperature_is_a_best_response(islands):
  greedy = fixed_point.FixedPoint(islands)
  greedy.iteration()
  for best_response in (True, False):
    algorithm = prior_descent.PriorDescent(
      islands, 1e-310, best_response=best_response
    )
    algorithm.iteration()
    assert set(algorithm.policy.ravel()) == {0.0, 1.0}
    if best_response:
      np.testing.assert_array_equal(algorithm.policy, greedy.policy)


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_regularized_baselines_reach_the_regularized_equilibrium(islands, eta):
  omd = mirror_descent.MirrorDescent(islands, lr=1.0, regularization=eta)
  fp = fictitious_play.FictitiousPlay(islands, regularization=eta)
  for _ in range(500):
    omd.iteration()
    fp.iteration()
  assert islands.exploitability(omd.policy, eta) < 1e-10
  assert islands.exploitability(fp.policy, eta) < 1e-6


def test_a_soft_fixed_point_is_the_regularized_equilibrium(islands):
  algorithm = fixed_point.FixedPoint(islands, regularization=1.0)
  for _ in range(200):
    algorithm.iteration()
  assert islands.exploitability(algorithm.policy, 1.0) < 1e-12


@pytest.mark.parametrize(
  ("name", "options", "message"),
  [
    ("mirror_descent", {"lr": 0.0}, "lr must be a number"),
    ("mirror_descent", {"lr": float("inf")}, "lr must"),
    ("mirror_descent", {"regularization": -1.0}, "regularization must"),
    (
      "mirror_descent",
      {"lr": 0.5, "regularization": 2.0},
      "regularization must be a number in",
    ),
    ("fictitious_play", {"lr": 0.0}, "lr must"),
    ("fictitious_play", {"lr": 1.5}, "lr must"),
    ("fictitious_play", {"temperature": 0.0}, "temperature must"),
    ("fictitious_play", {"regularization": -0.1}, "regularization must"),
    (
      "fictitious_play",
      {"temperature": 1.0, "regularization": 1.0},
      "temperature must be None",
    ),
    ("fixed_point", {"temperature": -1.0}, "temperature must"),
    ("fixed_point", {"regularization": float("nan")}, "regularization must"),
    (
      "fixed_point",
      {"temperature": 1.0, "regularization": 1.0},
      "temperature must be None",
    ),
    ("prior_descent", {"temperature": 0.0}, "temperature must"),
    ("prior_descent", {"num_prior_iterations": 0}, "num_prior_iterations must"),
    ("prior_descent", {"best_response": 1}, "best_response must"),
    ("openspiel_mirror_descent", {}, "model='openspiel'"),
    ("policy_iteration", {}, "algorithm must be one of"),
  ],
)
def test_bad_parameters_are_refused(islands, name, options, message):
  with pytest.raises(ValueError, match=message) as error:
    algorithm_factory.create_algorithm(name, islands, **options)
  assert "\n" not in str(error.value)
