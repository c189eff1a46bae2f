"""Compares simulations with exact values, also of each player separately."""

import re
import warnings

import draws
import joint_play
import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.games import factory
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel import finite_population
from mftrpo_openspiel.finite_population import binomial_means
from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.finite_population import simulation
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

NUM_PLAYERS = (2, 5, 30, 1000)
OURS = ("four_rooms", "four_rooms_poi", "two_islands")


def load(name):
  if name == "openspiel":
    game = factory.create_game_with_setting(
      "mfg_crowd_modelling_2d", "crowd_modelling_2d_four_rooms"
    )
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      return compiled_game.CompiledGame(game)
  kind, game = name.split(" ")
  game = pyspiel.load_game(f"python_mfg_{game}")
  if kind == "finite":
    return compiled_game.CompiledGame(game)
  return stationary_model.StationaryModel(game.mean_field_mdp())


def is_inside(number, estimate):
  return np.abs(number - estimate.mean) <= estimate.half_width


@pytest.mark.parametrize(
  "name",
  [
    *(f"{kind} {game}" for kind in ("finite", "stationary") for game in OURS),
    "openspiel",
  ],
)
def test_exact_values_are_inside_the_intervals(name):
  model = load(name)
  policy = draws.random_policy(model)
  limit = _mean_field_value(model, policy)
  for num_players in NUM_PLAYERS:
    exact = finite_population.exploitability(model, policy, num_players).value
    found = finite_population.simulate(model, policy, num_players, 200, 2)
    assert is_inside(exact, found.value), (num_players, exact, found.value)
    # Intervals are small enough to distinguish N players from a mean field.
    assert not is_inside(limit, found.value), num_players


def _mean_field_value(model, policy):
  mean_field = model.mean_field(policy)
  rewards = player_rewards.of_model(model).under(mean_field[None])[0]
  return model.best_deviation(policy, rewards).value


@pytest.mark.parametrize("num_players", NUM_PLAYERS)
def test_a_value_without_the_player_itself_is_outside(num_players):
  """Uses the wrong r_N, in which the masses do not include the player."""
  model = load("finite two_islands")
  policy = draws.random_policy(model)
  mean_field = model.mean_field(policy)
  reward = model.game.mean_field_mdp().reward
  logs = binomial_means.mean(
    lambda others: np.log(np.maximum(others, 0.5) / num_players),
    num_players - 1,
    mean_field,
  )
  base = np.tile(reward.base, (model.game.horizon, 1))
  discounts = np.repeat(model.game.discounts[:-1], 14)[:, None]
  wrong = discounts * (base - reward.crowd_aversion * logs[:, None])
  value = model.best_deviation(policy, wrong).value
  found = finite_population.simulate(model, policy, num_players, 1000, 0)
  assert not is_inside(value, found.value)


@pytest.mark.parametrize("kind", ["finite", "stationary"])
def test_the_mean_field_and_its_distance(kind):
  """Compares the moments of a multinomial law."""
  model = load(f"{kind} two_islands")
  policy = draws.random_policy(model)
  law = model.mean_field(policy)
  num_players, num_replicas = 50, 4000
  found = finite_population.simulate(
    model, policy, num_players, num_replicas, 0
  )
  expected = law if kind == "finite" else np.tile(law, (132, 1))
  assert found.mean_field.mean.shape == expected.shape
  is_sure = (expected == 0) | (expected == 1)
  np.testing.assert_array_equal(
    found.mean_field.mean[is_sure], expected[is_sure]
  )
  share = is_inside(expected, found.mean_field)[~is_sure].mean()
  assert share > 0.97  # About 1 % are outside.
  width = 2.58 * np.sqrt(expected * (1 - expected) / num_players / num_replicas)
  usual = expected * num_players > 1
  np.testing.assert_allclose(
    found.mean_field.half_width[usual], width[usual], rtol=0.1
  )
  # E|X / N - p| of each state; half of their sum is the distance.
  absolute = binomial_means.mean(
    lambda counts: np.abs(counts / num_players - law), num_players, law
  )
  distances = absolute.reshape(-1, 14).sum(axis=1) / 2
  share = (
    is_inside(distances, found.distance)
    | (np.abs(distances - found.distance.mean) < 1e-12)
  ).mean()
  assert share > 0.95


@pytest.mark.parametrize("kind", ["finite", "stationary"])
def test_a_player_that_deviates(kind):
  """Its reward is r_N of the policy of the others, in its own states."""
  model = load(f"{kind} two_islands")
  policy = draws.random_policy(model)
  deviation = np.tile([1.0, 0.0], (len(policy), 1))
  num_players = 30
  law = model.mean_field(policy)
  rewards = player_rewards.of_model(model).expected(law, num_players)
  played = (deviation * rewards).sum(axis=1)
  if kind == "finite":
    exact = model.mean_field(deviation) @ played
  else:
    mdp = model.mdp
    moves = mdp.fixed_kernel.toarray().reshape(14, 2, 14)
    chain = np.einsum("sa,sax->sx", deviation, moves)
    system = np.eye(14) - mdp.discount * chain
    exact = law @ np.linalg.solve(system, played)
  found = finite_population.simulate(
    model, policy, num_players, 4000, 0, deviation
  )
  assert is_inside(exact, found.value)
  value = finite_population.exploitability(model, policy, num_players).value
  assert not is_inside(value, found.value)


def _moving(law):
  """A kernel towards states with small masses, in particular for action 1."""
  away = (1 - law) / 2
  kernel = np.empty((3, 2, 3))
  kernel[:, 0] = 0.7 * np.eye(3) + 0.3 * away
  kernel[:, 1] = 0.1 * np.roll(np.eye(3), 1, axis=1) + 0.9 * away
  return kernel


@pytest.mark.parametrize("deviates", [True, False])
def test_kernels_that_depend_on_the_empirical_mean_field(deviates):
  mdp = mdp_lib.MeanFieldMDP(
    kernel=_moving,
    reward=lambda law: np.outer(law**2, [1, -1]) - law[::-1, None],
    discount=0.8,
    initial_distribution=[0.5, 0.3, 0.2],
  )
  model = compiled_game.CompiledGame(mftrpo_openspiel.MDPGame(mdp, horizon=3))
  policy, deviation = draws.random_policy(model), np.tile([1.0, 0.0], (9, 1))
  own = deviation if deviates else policy
  play = joint_play.JointPlay(mdp, 3, policy.reshape(3, 3, 2))
  start = play.initial(mdp.initial_distribution)
  exact = play.value(own.reshape(3, 3, 2), start)
  found = finite_population.simulate(
    model, policy, 3, 3000, 0, deviation if deviates else None
  )
  assert is_inside(exact, found.value)
  others = play.value(
    (policy if deviates else deviation).reshape(3, 3, 2), start
  )
  assert not is_inside(others, found.value)


def test_several_populations():
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = compiled_game.CompiledGame(
      pyspiel.load_game("python_mfg_predator_prey(horizon=4)")
    )
  policy = draws.random_policy(model)
  for num_players in (2, 30):
    exact = finite_population.exploitability(model, policy, num_players).value
    found = finite_population.simulate(model, policy, num_players, 1000, 0)
    assert is_inside(exact, found.value)
  with pytest.raises(
    ValueError,
    match=r"^deviation must be None for a game with several populations\.$",
  ):
    finite_population.simulate(model, policy, 2, 2, 0, policy)


def test_the_same_seed_gives_the_same_results():
  model = load("finite two_islands")
  policy = draws.random_policy(model)
  first, again, other = (
    finite_population.simulate(model, policy, 10, 300, seed)
    for seed in (7, 7, 8)
  )
  assert first.seed == 7
  assert first.num_players == 10
  assert first.num_replicas == 300
  assert first.value.mean == again.value.mean
  np.testing.assert_array_equal(first.mean_field.mean, again.mean_field.mean)
  assert first.value.mean != other.value.mean


def test_replicas_are_played_in_blocks(monkeypatch):
  model = load("finite two_islands")
  policy = draws.random_policy(model)
  monkeypatch.setattr(simulation, "_MAX_REWARDS", 50 * 14 * 2 * 40)
  found = finite_population.simulate(model, policy, 30, 1001, 0)
  exact = finite_population.exploitability(model, policy, 30).value
  assert is_inside(exact, found.value)


def test_shapes():
  model = load("stationary two_islands")
  policy = draws.random_policy(model)
  for horizon in (1, 3):
    found = finite_population.simulate(model, policy, 5, 2, 0, horizon=horizon)
    assert found.distance.mean.shape == (horizon,)
    assert found.mean_field.mean.shape == (horizon, 14)
    assert found.mean_field.half_width.shape == (horizon, 14)
  model = load("finite two_islands")
  policy = draws.random_policy(model)
  found = finite_population.simulate(model, policy, 5, 2, 0)
  assert found.mean_field.mean.shape == model.mean_field(policy).shape


def test_the_bound_on_rewards_after_the_horizon():
  model = load("stationary two_islands")
  policy = draws.random_policy(model)
  found = finite_population.simulate(model, policy, 10, 50, 0, horizon=20)
  longer = finite_population.simulate(model, policy, 10, 50, 0, horizon=200)
  assert len(found.distance.mean) == 20
  # A player among ten has rewards of at most 0.2 log 10.
  assert found.tail == pytest.approx(10 * 0.9**20 * 0.2 * np.log(10))
  exact = finite_population.exploitability(model, policy, 10).value
  assert not is_inside(exact, found.value)
  assert is_inside(exact, longer.value)


UNIFORM = np.full((14, 2), 0.5)


@pytest.mark.parametrize(
  ("arguments", "line"),
  [
    (
      {"num_players": 0},
      "num_players must be a whole number in [1, 1000000000000000], got 0.",
    ),
    (
      {"num_replicas": 1},
      "num_replicas must be a whole number of at least 2, got 1.",
    ),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1."),
    ({"seed": None}, "seed must be a whole number of at least 0, got None."),
    ({"horizon": 0}, "horizon must be a whole number of at least 1, got 0."),
    ({"policy": UNIFORM[1:]}, "policy must have shape (14, 2), got (13, 2)."),
    (
      {"deviation": UNIFORM[1:]},
      "deviation must have shape (14, 2), got (13, 2).",
    ),
  ],
)
def test_bad_calls(arguments, line):
  given = {"policy": UNIFORM, "num_players": 2, "num_replicas": 2, "seed": 0}
  with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
    finite_population.simulate(
      load("stationary two_islands"), **{**given, **arguments}
    )


def test_a_horizon_for_a_game_raises_an_error():
  model = load("finite two_islands")
  policy = draws.random_policy(model)
  with pytest.raises(
    ValueError,
    match=r"^horizon must be None for a game, which has one, got 7\.$",
  ):
    finite_population.simulate(model, policy, 2, 2, 0, horizon=7)
