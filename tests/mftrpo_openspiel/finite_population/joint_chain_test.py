"""Compares players that observe counts with enumerations of joint states."""

import re
import warnings

import draws
import joint_play
import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel import finite_population
from mftrpo_openspiel.finite_population import joint_chain
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

BASE = np.array([[0.1, -0.2], [0.0, 0.3], [0.5, 0.1]])
KERNEL = np.random.default_rng(4).dirichlet(np.ones(3), (3, 2))
AVERSION = mdp_lib.CrowdAversion(BASE, 0.7)


def moving(law):
  """A kernel towards states with small masses, in particular for action 1."""
  away = (1 - law) / 2
  kernel = np.empty((3, 2, 3))
  kernel[:, 0] = 0.7 * np.eye(3) + 0.3 * away
  kernel[:, 1] = 0.1 * np.roll(np.eye(3), 1, axis=1) + 0.9 * away
  return kernel


def tiny_mdp(kernel=KERNEL, reward=AVERSION, discount=0.8):
  return mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=reward,
    discount=discount,
    initial_distribution=[0.5, 0.3, 0.2],
  )


def general(law):
  """A reward that depends on the whole mean field nonlinearly."""
  return np.outer(law**2, [1, -1]) - np.exp(law[::-1, None] * law[0])


WORLDS = {
  "fixed kernel": tiny_mdp(),
  "general reward": tiny_mdp(reward=general),
  "moving kernel": tiny_mdp(moving),
  "moving kernel, general reward": tiny_mdp(moving, general),
}


@pytest.mark.parametrize("num_players", [1, 2, 3])
@pytest.mark.parametrize("world", list(WORLDS))
def test_a_finite_horizon(world, num_players):
  mdp = WORLDS[world]
  model = compiled_game.CompiledGame(mftrpo_openspiel.MDPGame(mdp, horizon=3))
  policy = draws.random_policy(model)
  found = finite_population.exploitability(
    model, policy, num_players, information="counts"
  )
  policies = policy.reshape(3, 3, 2)
  play = joint_play.JointPlay(mdp, num_players, policies)
  start = play.initial(mdp.initial_distribution)
  value = play.value(policies, start)
  gain = play.best_value_by_joint_state(start) - value
  assert found.value == pytest.approx(value, rel=1e-12)
  assert found.exploitability == pytest.approx(gain, rel=1e-11)
  assert found.error_bound == 0


@pytest.mark.parametrize("num_players", [1, 2, 3])
@pytest.mark.parametrize("world", list(WORLDS))
def test_an_infinite_horizon(world, num_players):
  """Compares values with policy iteration on the states of all players."""
  mdp = WORLDS[world]
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  found = finite_population.exploitability(
    model, policy, num_players, information="counts"
  )
  play = joint_play.JointPlay(mdp, num_players, [policy])
  start = play.initial(model.mean_field(policy))
  moves = play.transitions(0)
  size = len(moves)

  def values(own):
    chain = np.einsum("ja,jak->jk", own, moves)
    paid = (own * play.rewards).sum(axis=1)
    return np.linalg.solve(np.eye(size) - mdp.discount * chain, paid)

  own = policy[play.joint_states[:, 0]]
  value = best = values(own)
  for _ in range(20):
    action_values = play.rewards + mdp.discount * moves @ best
    best = values(np.eye(2)[action_values.argmax(axis=1)])
  assert found.value == pytest.approx(start @ value, rel=1e-11)
  assert 0 < found.error_bound < 1e-10
  error = found.exploitability - start @ (best - value)
  assert abs(error) <= found.error_bound + 1e-12


@pytest.mark.parametrize("is_stationary", [True, False])
def test_the_value_does_not_depend_on_information(is_stationary):
  mdp = tiny_mdp()
  model = stationary_model.StationaryModel(mdp)
  if not is_stationary:
    game = mftrpo_openspiel.MDPGame(mdp, horizon=4)
    model = compiled_game.CompiledGame(game)
  policy = draws.random_policy(model)
  own, counts = (
    finite_population.exploitability(model, policy, 20, information)
    for information in ("own", "counts")
  )
  assert counts.value == pytest.approx(own.value, rel=1e-11)
  assert counts.exploitability > own.exploitability
  assert counts.method == "exact, joint chain of 630 states"


def test_rewards_are_computed_in_blocks(monkeypatch):
  game = mftrpo_openspiel.MDPGame(tiny_mdp(reward=general), horizon=3)
  model = compiled_game.CompiledGame(game)
  policy = draws.random_policy(model)
  expected = finite_population.exploitability(model, policy, 5, "counts")
  # Four of the 21 mean fields at a time.
  monkeypatch.setattr(joint_chain, "_MAX_REWARDS", 4 * 9 * 2)
  found = finite_population.exploitability(model, policy, 5, "counts")
  assert found.value == expected.value
  assert found.exploitability == expected.exploitability


def test_an_enumerated_game_gives_the_same_result_as_its_mdp():
  game = mftrpo_openspiel.MDPGame(tiny_mdp(), horizon=3)
  root = game.new_initial_state()
  root.apply_action(1)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    enumerated = compiled_game.CompiledGame(game, root)
  alike = mdp_lib.MeanFieldMDP(KERNEL, AVERSION, 0.8, [0, 1, 0])
  model = compiled_game.CompiledGame(mftrpo_openspiel.MDPGame(alike, horizon=3))
  policy = draws.random_policy(model)
  expected = finite_population.exploitability(model, policy, 4, "counts")
  states = {s: i for i, s in enumerate(model.observation_strings)}
  rows = [states[s] for s in enumerated.observation_strings]
  found = finite_population.exploitability(
    enumerated, policy[rows], 4, "counts"
  )
  assert found.exploitability == pytest.approx(
    expected.exploitability, rel=1e-12
  )
  assert found.value == pytest.approx(expected.value, rel=1e-12)


def _slope(sizes, gains):
  """Returns the slope of the logarithms, and its standard error."""
  x, y = np.log(sizes), np.log(gains)
  (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
  return slope, np.sqrt(covariance[0, 0])


def test_rates_of_the_gain_by_own_state_and_by_counts():
  """1 / N and 1 / sqrt(N) at the equilibrium of a ring of three states."""
  ring = np.eye(3)
  kernel = np.stack([np.roll(ring, 1, axis=1), ring], axis=1) * 0.9 + 0.1 / 3
  base = np.array([[0.0, 0.1], [0.2, 0.0], [0.0, 0.3]])
  mdp = mdp_lib.MeanFieldMDP(
    kernel, mdp_lib.CrowdAversion(base, 1.0), 0.9, [1, 0, 0]
  )
  model = stationary_model.StationaryModel(mdp)
  solver = mftrpo_openspiel.AnnealedMFTRPO(model)
  for _ in range(200):
    solver.iteration()
  assert model.exploitability(solver.policy) < 1e-6

  def gains(sizes, information):
    return [
      finite_population.exploitability(
        model, solver.policy, size, information
      ).exploitability
      for size in sizes
    ]

  many = 10, 30, 100, 300, 1000
  slope, error = _slope(many, gains(many, "own"))
  assert abs(slope + 1) < 0.05
  assert error < 0.02
  few = 10, 15, 20, 30, 40
  slope, error = _slope(few, gains(few, "counts"))
  assert abs(slope + 0.5) < 0.05
  assert error < 0.02


def test_the_gain_on_two_islands_decreases_as_1_over_n():
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  solver = mftrpo_openspiel.AnnealedMFTRPO(model)
  for _ in range(300):
    solver.iteration()
  sizes = 100, 200, 400, 800, 1600
  gains = [
    finite_population.exploitability(model, solver.policy, n).exploitability
    for n in sizes
  ]
  slope, error = _slope(sizes, gains)
  assert abs(slope + 1) < 0.1
  assert error < 0.05


ADVICE = (
  "; use fewer players, information='own', or simulate(...), which takes any"
  " number of players."
)


@pytest.mark.parametrize(
  ("mdp", "num_players", "line"),
  [
    (
      tiny_mdp(),
      260,
      "num_players must give at most 100,000 joint states of a player and the"
      " others for information='counts', 260 gives 101,790",
    ),
    (
      tiny_mdp(moving),
      120,
      "num_players must give at most 40,000,000 numbers in memory for the joint"
      " chain for information='counts', 120 gives 158,122,800",
    ),
  ],
)
def test_games_that_are_too_large(mdp, num_players, line):
  model = stationary_model.StationaryModel(mdp)
  policy = np.full((3, 2), 0.5)
  with pytest.raises(ValueError, match=f"^{re.escape(line + ADVICE)}$"):
    finite_population.exploitability(model, policy, num_players, "counts")


def test_several_populations_raise_an_error():
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = compiled_game.CompiledGame(
      pyspiel.load_game("python_mfg_predator_prey(horizon=2)")
    )
  policy = draws.random_policy(model)
  with pytest.raises(
    ValueError,
    match="^information must be 'own' for a game of several populations, got"
    r" 'counts'\.$",
  ):
    finite_population.exploitability(model, policy, 2, "counts")


def test_values_that_do_not_converge(monkeypatch):
  monkeypatch.setattr(joint_chain, "MAX_SWEEPS", 3)
  model = stationary_model.StationaryModel(tiny_mdp())
  with pytest.raises(
    ArithmeticError,
    match="^Values on the joint chain may have an error of .* after 3"
    r" sweeps\.$",
  ):
    finite_population.exploitability(
      model, draws.random_policy(model), 3, "counts"
    )
