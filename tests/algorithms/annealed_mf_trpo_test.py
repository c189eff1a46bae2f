"""Tests of annealed MF-TRPO in games whose equilibrium is known."""

import dataclasses

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401 (registers it)
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model

DISCOUNT = 0.9
BASE = np.array([0.2, 0.0, -0.1])
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


def interaction(pull):
  """Rock, paper, scissors, with the given aversion to crowds."""
  return np.array([[-pull, -1, 1], [1, -pull, -1], [-1, 1, -pull]])


def choice(pull, unit=1.0):
  """A choice between three states, with a reward that depends on the state."""
  kernel = np.zeros((3, 3, 3))
  kernel[:, range(3), range(3)] = 1.0
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      lambda mu: (
        unit * np.repeat((BASE + interaction(pull) @ mu)[:, None], 3, 1)
      ),
      DISCOUNT,
      [0.5, 0.3, 0.2],
    )
  )


def law_of(chain):
  """The invariant law of an irreducible chain."""
  size = len(chain)
  system = np.vstack([chain.T - np.eye(size), np.ones(size)])
  return np.linalg.lstsq(system, np.eye(size + 1)[-1], rcond=None)[0]


def exploitability(pull, policy):
  """A player who starts from the law may move to the best state and stay."""
  law = law_of(policy)
  rewards = BASE + interaction(pull) @ law
  return DISCOUNT / (1 - DISCOUNT) * (rewards.max() - law @ rewards)


def stationary(setting):
  game = factory.create_game(setting=setting)
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def compiled(name):
  return compiled_game.CompiledGame(factory.create_game(name))


def with_rewards(change):
  """Two islands with other rewards, from the mean field and the old ones."""
  mdp = stationary("two_islands").mdp
  return stationary_model.StationaryModel(
    dataclasses.replace(mdp, reward=lambda mu: change(mu, mdp.reward))
  )


def baselines(model):
  yield fictitious_play.FictitiousPlay(model)
  for lr in LEARNING_RATES:
    yield mirror_descent.MirrorDescent(model, lr=lr)


def test_it_is_the_schedule_that_is_described():
  model = stationary("two_islands")
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model, window=5.0)
  kernel = model.mdp.kernel.toarray().reshape(14, 2, 14)
  mean_field = model.initial_mean_field()
  policy = np.full((14, 2), 0.5)
  least_gain, num_restarts = None, 0
  for _ in range(80):
    algorithm.iteration()
    rewards = model.mdp.reward(mean_field)
    chain = np.einsum("sa,sat->st", policy, kernel)
    values = np.linalg.solve(
      np.eye(14) - 0.9 * chain, (policy * rewards).sum(axis=1)
    )
    action_values = rewards + 0.9 * kernel @ values
    gain = mean_field @ (action_values.max(axis=1) - values)
    if least_gain is None:
      step_size = 0.1 / np.ptp(action_values, axis=1).max()
      least_gain, age = gain, 0
    elif age > 0 and gain > 2 * least_gain:
      step_size, least_gain, age = step_size / 2, gain, 0
      num_restarts += 1
    else:
      step_size *= 1 + max(0.2 / (num_restarts + 1) ** 2, 0.0005)
      # The mean field has jumped in the iterations with age 0.
      least_gain = min(gain, least_gain) if age else gain
      age += 1
    beta = 5 / (5 + age)
    eta = beta / (2 * step_size)
    policy = policy * np.exp((action_values - values[:, None]) / (2 * eta))
    policy /= policy.sum(axis=1, keepdims=True)
    moved = law_of(np.einsum("sa,sat->st", policy, kernel))
    mean_field = mean_field + beta * (moved - mean_field)
    np.testing.assert_allclose(algorithm.policy, policy, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
      algorithm.mean_field, mean_field, rtol=0, atol=1e-9
    )
  assert num_restarts > 1


@pytest.mark.parametrize(
  "make", [lambda: stationary("two_islands"), lambda: compiled("mfg_garnet")]
)
def test_a_step_is_one_of_mirror_descent_under_a_lagging_mean_field(make):
  """With lr = 1 / (2 eta), and no entropy."""
  model = make()
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  lag = 0.0
  for _ in range(20):
    before = algorithm.state()
    algorithm.iteration()
    after = algorithm.state()
    eta = after["rate"] / (2 * after["ball.step_size"])
    omd = mirror_descent.MirrorDescent(model, lr=1 / (2 * eta))
    lag += np.abs(
      model.mean_field(before["policy"]) - before["mean_field"]
    ).sum()
    omd.restore({name: before[name] for name in omd.state()})
    omd.iteration()
    reached = model.reachable(
      before["policy"], before["mean_field"], before["mean_field"]
    )
    np.testing.assert_allclose(
      algorithm.policy[reached], omd.policy[reached], rtol=0, atol=1e-12
    )
  assert lag > 0.1


@pytest.mark.parametrize(
  ("make", "num_iterations"),
  [
    (lambda: stationary("four_rooms"), 300),
    (lambda: stationary("four_rooms_poi"), 600),
    (lambda: stationary("two_islands"), 600),
    (
      lambda: compiled_game.CompiledGame(
        factory.create_game("mfg_crowd_modelling_2d")
      ),
      700,
    ),
    (
      lambda: compiled_game.CompiledGame(
        factory.create_game("python_mfg_predator_prey(horizon=5)")
      ),
      700,
    ),
  ],
  ids=["four_rooms", "poi", "two_islands", "crowd_modelling_2d", "predators"],
)
def test_it_converges_without_bias(make, num_iterations):
  model = make()
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  uniform = model.exploitability(algorithm.policy)
  for _ in range(num_iterations):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy) < 1e-6 * uniform


def test_states_that_nobody_reaches_do_not_count():
  """The compiled game has them; OpenSpiel's utilities visit no such node."""
  game = pyspiel.load_game("python_mfg_four_rooms(room_size=2,horizon=4)")
  compiled_model = compiled_game.CompiledGame(game)
  openspiel = openspiel_model.OpenSpielModel(game)
  assert (compiled_model.initial_mean_field() == 0).any()
  policies = []
  for model in (compiled_model, openspiel):
    algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
    for _ in range(12):
      algorithm.iteration()
    policies.append(
      {
        string: law
        for string, law, mass in zip(
          model.observation_strings, algorithm.policy, algorithm.mean_field
        )
        if mass
      }
    )
  ours, theirs = policies
  assert ours.keys() <= theirs.keys()
  for string, law in ours.items():
    assert law == pytest.approx(theirs[string], abs=1e-12)


def test_it_stays_where_there_is_nothing_to_gain():
  model = with_rewards(lambda mu, of: np.zeros((14, 2)))
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  for _ in range(3):
    algorithm.iteration()
  np.testing.assert_array_equal(algorithm.policy, np.full((14, 2), 0.5))


def test_the_unit_of_rewards_does_not_matter_to_the_ball():
  policies = []
  for unit in (1.0, 1024.0):  # A power of 2, as it does not change rounding.
    model = with_rewards(lambda mu, of, unit=unit: unit * of(mu))
    algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
    for _ in range(50):
      algorithm.iteration()
    policies.append(algorithm.policy)
  np.testing.assert_array_equal(*policies)


@pytest.mark.parametrize("pull", [0.1, 0.3, 0.6])
def test_it_converges_where_a_crowd_cycles(pull):
  model = choice(pull)
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  policy = iterates.run(algorithm, 200)
  reached = exploitability(pull, policy)
  assert reached < 1e-7
  # The values of the three states, and their masses, which are positive.
  system = np.vstack(
    [np.hstack([interaction(pull), -np.ones((3, 1))]), [1, 1, 1, 0]]
  )
  equilibrium = np.linalg.solve(system, np.append(-BASE, 1.0))[:3]
  assert (equilibrium > 0.1).all()
  np.testing.assert_allclose(law_of(policy), equilibrium, atol=1e-6)
  best = min(
    exploitability(pull, iterates.run(baseline, 200))
    for baseline in baselines(model)
  )
  assert reached <= 3 * best


def test_it_converges_in_biased_rock_paper_scissors():
  game = pyspiel.load_game(
    "mean_field_nfg(reward_function=biased_indirect_rps)"
  )
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(game)
  policy = iterates.run(algorithm, 150)
  reached = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
  assert reached < 1e-6
  # All rewards are zero where 0.7 a = 0.5 b = 0.3 c.
  equilibrium = 1 / np.array([0.7, 0.5, 0.3])
  np.testing.assert_allclose(
    policy[0], equilibrium / equilibrium.sum(), atol=1e-5
  )
  best = min(
    nash_conv.NashConv(
      game, (iterates.run(baseline, 150), baseline.get_policy())[1]
    ).nash_conv()
    for baseline in baselines(compiled_game.CompiledGame(game))
  )
  assert reached <= 3 * best


def variance(policy, values):
  mean = (policy * values).sum(axis=1, keepdims=True)
  return (policy * (values - mean) ** 2).sum(axis=1)


def test_optimistic_steps_are_those_described():
  """They begin after two restarts in a row without progress."""
  model = choice(0.3)
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  mu = np.array([0.5, 0.3, 0.2])
  policy = start = np.full((3, 3), 1 / 3)
  logits = np.zeros((3, 3))
  step_size, num_restarts, age, strikes = None, 0, 0, 0
  lowest = least = np.inf
  last = None
  for _ in range(70):
    algorithm.iteration()
    rewards = BASE + interaction(0.3) @ mu
    worth = np.linalg.solve(np.eye(3) - DISCOUNT * policy, rewards)
    q = rewards[:, None] + DISCOUNT * worth[None, :]
    gain = mu @ (q.max(axis=1) - worth)
    if strikes < 2:
      if step_size is None:
        step_size, least = 0.1 / np.ptp(q, axis=1).max(), gain
      elif age > 0 and gain > 2 * least:
        strikes = 0 if gain < lowest / 2 else strikes + 1
        lowest = min(gain, lowest)
        step_size, least, age = step_size / 2, gain, 0
        num_restarts += 1
      else:
        step_size *= 1 + max(0.2 / (num_restarts + 1) ** 2, 0.0005)
        least = min(gain, least) if age else gain
        age += 1
      beta = 10 / (10 + age)
      logits = logits + step_size / beta * q
      if strikes == 2:
        logits, beta = np.zeros((3, 3)), 1.0
    else:
      beta, expected = 1.0, q
      if last is not None:
        last_logits, last_policy, last_q, last_size = last
        moved = mu @ ((policy - last_policy) * (logits - last_logits)).sum(1)
        changed = mu @ variance(policy, q - last_q)
        step_size = min(
          1.2 * last_size,
          0.4 * np.sqrt(moved / changed),
          1 / (q.max(axis=1) - worth).max(),
        )
        expected = q + last_size / step_size * (q - last_q)
      last = logits, policy, q, step_size
      logits = logits + step_size * expected
    logits = logits - logits.max(axis=1, keepdims=True)
    policy = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    mu = mu + beta * (law_of(policy) - mu)
    np.testing.assert_allclose(algorithm.policy, policy, rtol=0, atol=1e-8)
    np.testing.assert_allclose(algorithm.mean_field, mu, rtol=0, atol=1e-8)
    if strikes == 2 and last is None:
      np.testing.assert_array_equal(algorithm.policy, start)
  assert last is not None


def test_it_stays_at_the_equilibrium():
  model = monotone_games.random_game("mixed", 14)
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  uniform = model.exploitability(algorithm.policy)
  iterates.run(algorithm, 300)
  for _ in range(5):
    iterates.run(algorithm, 100)
    assert model.exploitability(algorithm.policy) < 1e-9 * uniform


@pytest.mark.parametrize(
  ("make", "num_iterations"),
  [
    (lambda: stationary("four_rooms"), 44),
    (lambda: stationary("four_rooms_poi"), 63),
    (lambda: stationary("two_islands"), 229),
    (lambda: compiled("mfg_crowd_modelling_2d"), 300),
    (lambda: compiled("python_mfg_predator_prey(horizon=5)"), 300),
  ],
  ids=["four_rooms", "poi", "two_islands", "crowd_modelling_2d", "predators"],
)
def test_momentum_is_kept_where_players_avoid_crowds(make, num_iterations):
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(make())
  iterates.run(algorithm, num_iterations)
  state = algorithm.state()
  assert state["ball.num_overshoots"] > 0
  assert state["ball.num_failed_restarts"] < 2


def test_the_unit_of_rewards_does_not_matter_to_optimistic_steps():
  policies = [
    iterates.run(annealed_mf_trpo.AnnealedMFTRPO(choice(0.3, unit)), 60)
    for unit in (1.0, 2.0**-40)  # A power of 2, as it does not change rounding.
  ]
  np.testing.assert_array_equal(*policies)


@pytest.mark.parametrize("num_iterations", [20, 29, 30, 31, 32, 60])
def test_it_can_be_resumed_at_any_iteration(num_iterations):
  """Optimistic steps begin after 30."""
  straight, resumed = (
    annealed_mf_trpo.AnnealedMFTRPO(choice(0.3)) for _ in range(2)
  )
  iterates.run(straight, num_iterations)
  iterates.run(resumed, 7)
  resumed.restore(
    {name: np.array(array) for name, array in straight.state().items()}
  )
  np.testing.assert_array_equal(
    iterates.run(straight, 20), iterates.run(resumed, 20)
  )
  np.testing.assert_array_equal(straight.mean_field, resumed.mean_field)
