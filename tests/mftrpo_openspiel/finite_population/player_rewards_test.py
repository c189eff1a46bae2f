"""Tests of rewards of N players, and of errors for unsupported games."""

import re
import time
import warnings

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel import finite_population
from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

GAMES = (
  "python_mfg_two_islands(horizon=4)",
  "mfg_crowd_modelling(size=4,horizon=3)",
  "python_mfg_predator_prey(horizon=2)",
  "python_mfg_crowd_avoidance(horizon=2,coef_congestion=0.5)",
  "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1)",
)


def quietly(name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(pyspiel.load_game(name))


@pytest.mark.parametrize("name", GAMES)
def test_rewards_under_a_mean_field_equal_those_of_the_game(name):
  model = quietly(name)
  policy = draws.random_policy(model)
  mean_fields = np.stack(
    [model.mean_field(p) for p in (policy, draws.random_policy(model, 1))]
  )
  rewards = player_rewards.of_model(model).under(mean_fields)
  assert rewards.shape == (2, *policy.shape)
  for mean_field, paid in zip(mean_fields, rewards):
    mdp, _ = model.form.dynamics(mean_field)
    values = np.where(
      model.legal_actions_mask, mdp.evaluate(policy, paid, None), 0
    )
    expected = np.where(
      model.legal_actions_mask, model.action_values(policy, mean_field), 0
    )
    np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
  "reward",
  [
    mdp_lib.CrowdAversion(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.3),
    declared_rewards.LocalReward(lambda mass: np.outer(mass**2, [1, 2])),
    declared_rewards.LinearReward(
      np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(8.0).reshape(2, 2, 2)
    ),
  ],
)
@pytest.mark.parametrize("num_players", [1, 2, 5])
def test_expected_rewards_by_enumeration(reward, num_players):
  """Enumerates the states of the N - 1 others."""
  mdp = mdp_lib.MeanFieldMDP(np.full((2, 2, 2), 0.5), reward, 0.9, [0.3, 0.7])
  law = np.array([0.3, 0.7])
  expected = np.zeros((2, 2))
  for places in np.ndindex(*(2,) * (num_players - 1)):
    probability = np.prod(law[list(places)])
    for state in range(2):
      counts = np.bincount([state, *places], minlength=2)
      expected[state] += probability * reward(counts / num_players)[state]
  rewards = player_rewards.of_model(stationary_model.StationaryModel(mdp))
  np.testing.assert_allclose(
    rewards.expected(law, num_players), expected, rtol=1e-13
  )


@pytest.mark.parametrize(
  ("name", "line"),
  [
    (
      "mfg_dynamic_routing(max_num_time_step=3,network=braess,"
      "time_step_length=1.0)",
      "model must be of a game over a MeanFieldMDP if transitions depend on the"
      " mean field, got {}; use mftrpo_openspiel.NPlayerGame instead.",
    ),
    (
      "python_odd_game(pays=second,coin=false)",
      "model must be of a game whose rewards depend only on the masses of the"
      " current time step, got {}; use mftrpo_openspiel.NPlayerGame instead.",
    ),
    (
      "python_odd_game(pays=first+memory,coin=false)",
      "model must be of a game whose rewards depend only on the masses of the"
      " current time step, got {}; use mftrpo_openspiel.NPlayerGame instead.",
    ),
  ],
)
def test_unsupported_games_raise_an_error(name, line):
  model = quietly(name)
  policy = draws.random_policy(model)
  line = line.format(model.game)
  for call in (
    lambda: finite_population.exploitability(model, policy, 2, "counts"),
    lambda: finite_population.simulate(model, policy, 2, 2, 0),
  ):
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
      call()


@pytest.mark.slow
@pytest.mark.parametrize("num_players", [1000, 10**6])
def test_many_players_cost_at_most_ten_times_a_mean_field(num_players):
  """Compares process times, the smallest of several."""
  model = quietly("python_mfg_four_rooms")
  uniform = np.full(model.legal_actions_mask.shape, 0.2)
  solver = mftrpo_openspiel.MirrorDescent(model, lr=0.1)

  def seconds(measure):
    found = []
    for _ in range(20):
      solver.iteration()  # Results of the last policy are not cached.
      start = time.process_time()
      measure(solver.policy)
      found.append(time.process_time() - start)
    return min(found)

  finite_population.exploitability(model, uniform, 2)
  continuum = seconds(model.exploitability)
  players = seconds(
    lambda policy: finite_population.exploitability(model, policy, num_players)
  )
  assert players < 10 * continuum


@pytest.mark.parametrize(
  "name",
  [
    "mean_field_lin_quad(size=4,horizon=2,n_actions_per_side=1)",
    *(
      f"mean_field_nfg(num_actions=3,reward_function={function})"
      for function in ("coop", "dom", "biased_indirect_rps")
    ),
  ],
)
@pytest.mark.parametrize("num_players", [1, 2, 4])
def test_quadratic_rewards_by_enumeration(name, num_players):
  """Enumerates the states of the others in each layer."""
  model = quietly(name)
  policy = draws.random_policy(model)
  mean_field = model.mean_field(policy)
  rewards = player_rewards.of_model(model)
  found = rewards.expected(mean_field, num_players)
  for layer in range(model.layers.max() + 1):
    here = np.flatnonzero(model.layers == layer)
    expected = np.zeros((len(here), policy.shape[1]))
    for places in np.ndindex(*(len(here),) * (num_players - 1)):
      probability = np.prod(mean_field[here[list(places)]])
      mean_fields = np.zeros((len(here), len(mean_field)))
      for own in range(len(here)):
        counts = np.bincount([own, *places], minlength=len(here))
        mean_fields[own, here] = counts / num_players
      paid = rewards.under(mean_fields)
      expected += probability * paid[np.arange(len(here)), here]
    np.testing.assert_allclose(found[here], expected, rtol=1e-10, atol=1e-12)


def test_the_linear_quadratic_game_agrees_with_its_joint_chain():
  model = quietly("mean_field_lin_quad(size=5,horizon=3,n_actions_per_side=1)")
  policy = draws.random_policy(model)
  own, counts = (
    finite_population.exploitability(model, policy, 5, information)
    for information in ("own", "counts")
  )
  assert own.method == "exact, quadratic reward"
  assert own.value == pytest.approx(counts.value, rel=1e-12)
  assert own.exploitability <= counts.exploitability
