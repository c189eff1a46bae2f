"""Compares gains among N players with enumerations of all joint states."""

import re
import warnings

import draws
import joint_play
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel import finite_population
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

BASE = np.array([[0.1, -0.2], [0.0, 0.3], [0.5, 0.1]])
KERNEL = np.random.default_rng(4).dirichlet(np.ones(3), (3, 2))
WEIGHTS = np.random.default_rng(5).normal(size=(3, 2, 3))
REWARDS = {
  "crowd aversion": mdp_lib.CrowdAversion(BASE, 0.7),
  "local": declared_rewards.LocalReward(
    lambda mass: BASE * np.cos(5 * mass)[:, None] - mass[:, None] ** 2
  ),
  "linear": declared_rewards.LinearReward(BASE, WEIGHTS),
}


def tiny_mdp(reward, kernel=KERNEL):
  return mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=reward,
    discount=0.8,
    initial_distribution=[0.5, 0.3, 0.2],
  )


def quietly(game):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(game)


@pytest.mark.parametrize("num_players", [1, 2, 3])
@pytest.mark.parametrize("kind", list(REWARDS))
def test_own_state_on_a_finite_horizon(kind, num_players):
  mdp = tiny_mdp(REWARDS[kind])
  model = compiled_game.CompiledGame(mftrpo_openspiel.MDPGame(mdp, horizon=3))
  policy = draws.random_policy(model)
  found = finite_population.exploitability(model, policy, num_players)
  policies = policy.reshape(3, 3, 2)
  play = joint_play.JointPlay(mdp, num_players, policies)
  start = play.initial(mdp.initial_distribution)
  value = play.value(policies, start)
  gain = play.best_value_by_own_state(start) - value
  assert found.value == pytest.approx(value, rel=1e-13)
  assert found.exploitability == pytest.approx(gain, rel=1e-12)
  assert found.error_bound == 0
  assert found.method.startswith("exact")


@pytest.mark.parametrize("num_players", [1, 2, 3])
@pytest.mark.parametrize("kind", list(REWARDS))
def test_own_state_in_a_stationary_model(kind, num_players):
  """Compares values with solutions on the joint states of all players."""
  mdp = tiny_mdp(REWARDS[kind])
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  found = finite_population.exploitability(model, policy, num_players)
  play = joint_play.JointPlay(mdp, num_players, [policy])
  start = play.initial(model.mean_field(policy))
  chain = play.transitions(0)

  def value(own):
    plays = own[play.joint_states[:, 0]]
    paid = (plays * play.rewards).sum(axis=1)
    moves = np.einsum("ja,jak->jk", plays, chain)
    identity = np.eye(len(moves))
    return start @ np.linalg.solve(identity - mdp.discount * moves, paid)

  best = max(value(np.eye(2)[[i & 1, i >> 1 & 1, i >> 2]]) for i in range(8))
  assert found.value == pytest.approx(value(policy), rel=1e-12)
  assert found.exploitability == pytest.approx(best - value(policy), rel=1e-11)


@pytest.mark.parametrize("num_players", [1, 2, 3, 10, 1000, 10**6])
def test_gain_in_the_pigou_network_is_one_over_2n(num_players):
  """Two routes with costs 2 x, for a share x of players on it, and 1."""
  kernel = np.zeros((3, 2, 3))
  kernel[0, 0, 1] = kernel[0, 1, 2] = 1  # The choice of the route.
  kernel[1, :, 1] = kernel[2, :, 2] = 1
  base, weights = np.zeros((3, 2)), np.zeros((3, 2, 3))
  weights[1, :, 1], base[2] = -2, -1
  mdp = mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=declared_rewards.LinearReward(base, weights),
    discount=0.5,  # Costs are paid at time 1.
    initial_distribution=[1, 0, 0],
  )
  model = compiled_game.CompiledGame(mftrpo_openspiel.MDPGame(mdp, horizon=2))
  policy = np.full((6, 2), 0.5)
  assert model.exploitability(policy) == pytest.approx(0, abs=1e-15)
  found = finite_population.exploitability(model, policy, num_players)
  assert 2 * found.exploitability == pytest.approx(
    1 / (2 * num_players), rel=1e-9
  )
  assert 2 * found.value == pytest.approx(-1 - 1 / (2 * num_players), rel=1e-14)


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling(size=4,horizon=4)",
    "mfg_garnet(size=5,horizon=3)",
    "python_mfg_predator_prey(horizon=3)",
  ],
)
def test_two_players_of_an_openspiel_game(name):
  """Averages the rewards over the states of the other player."""
  model = quietly(pyspiel.load_game(name))
  policy = draws.random_policy(model, 1)
  mean_field = model.mean_field(policy)
  parts = model.layers * model.game.num_players() + model.form.populations
  rewards = np.zeros(len(parts))
  for state in range(len(parts)):
    here = np.flatnonzero(parts == parts[state])
    for other in here[mean_field[here] > 0]:
      empirical = mean_field.copy()
      empirical[here] = 0
      empirical[state] += 0.5
      empirical[other] += 0.5
      paid, _ = model.form.rewards(empirical)
      rewards[state] += mean_field[other] * paid[state]
  paid = np.where(model.legal_actions_mask, rewards[:, None], 0)
  expected = model.best_deviation(policy, paid)
  found = finite_population.exploitability(model, policy, 2)
  assert found.exploitability == pytest.approx(expected.gain, rel=1e-12)
  assert found.value == pytest.approx(expected.value, rel=1e-12)
  assert found.exploitability != pytest.approx(model.exploitability(policy))


@pytest.mark.parametrize(
  "name", ["four_rooms", "four_rooms_poi", "two_islands"]
)
def test_the_gain_of_many_players_converges_to_the_mean_field(name):
  """The difference decreases as 1 / N."""
  game = pyspiel.load_game(f"python_mfg_{name}")
  model = stationary_model.StationaryModel(game.mean_field_mdp())
  policy = draws.random_policy(model)
  limit = model.exploitability(policy)
  errors = [
    finite_population.exploitability(model, policy, n).exploitability - limit
    for n in (10**7, 10**8)
  ]
  assert abs(errors[0]) < 1e-3 * limit
  assert errors[0] / errors[1] == pytest.approx(10, rel=0.3)


def test_openspiel_policies_are_accepted():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=4)")
  model = compiled_game.CompiledGame(game)
  uniform = finite_population.exploitability(
    model, policy_lib.UniformRandomPolicy(game), 7
  )
  expected = finite_population.exploitability(
    model, np.full((4 * 14, 2), 0.5), 7
  )
  assert uniform.exploitability == expected.exploitability


def islands():
  return stationary_model.StationaryModel(
    pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  )


UNIFORM = np.full((14, 2), 0.5)


def moving():
  mdp = tiny_mdp(REWARDS["crowd aversion"], lambda law: KERNEL)
  return stationary_model.StationaryModel(mdp)


@pytest.mark.parametrize(
  ("call", "line"),
  [
    (
      lambda: (islands(), UNIFORM, 0),
      "num_players must be a whole number in [1, 1000000000000000], got 0.",
    ),
    (
      lambda: (islands(), UNIFORM, 2.5),
      "num_players must be a whole number in [1, 1000000000000000], got 2.5.",
    ),
    (
      lambda: (islands(), np.full((104, 5), 0.2), 2),
      "policy must have shape (14, 2), got (104, 5).",
    ),
    (
      lambda: (islands(), UNIFORM, 2, "all"),
      "information must be one of counts, own, got 'all'.",
    ),
    (
      lambda: (None, UNIFORM, 2),
      "model must be a StationaryModel or CompiledGame, got None.",
    ),
    (
      lambda: (moving(), np.full((3, 2), 0.5), 2),
      "information must be 'counts' if the kernel depends on the mean field,"
      " got 'own': a player would have to infer the states of the others.",
    ),
  ],
)
def test_bad_calls(call, line):
  with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
    finite_population.exploitability(*call())
