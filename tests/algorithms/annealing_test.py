"""Tests of annealing in games of which the equilibrium is known."""

import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401 (registers it)
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

DISCOUNT = 0.9
BASE = np.array([0.2, 0.0, -0.1])
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


def interaction(pull):
  """Rock, paper, scissors, with so much aversion to crowds."""
  return np.array([[-pull, -1, 1], [1, -pull, -1], [-1, 1, -pull]])


def choice(pull, unit=1.0):
  """A choice between three states, each paid by where one is."""
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


def law_of(policy):
  system = np.vstack([policy.T - np.eye(3), np.ones(3)])
  return np.linalg.lstsq(system, [0, 0, 0, 1.0], rcond=None)[0]


def exploitability(pull, policy):
  """From the law, one may go to the best state at once, and stay there."""
  law = law_of(policy)
  rewards = BASE + interaction(pull) @ law
  return DISCOUNT / (1 - DISCOUNT) * (rewards.max() - law @ rewards)


def run(algorithm, num_iterations):
  for _ in range(num_iterations):
    algorithm.iteration()
  return algorithm.policy


def baselines(model):
  yield fictitious_play.FictitiousPlay(model)
  for lr in LEARNING_RATES:
    yield mirror_descent.MirrorDescent(model, lr)


@pytest.mark.parametrize("pull", [0.1, 0.3, 0.6])
def test_annealing_settles_where_a_crowd_is_driven_round(pull):
  model = choice(pull)
  algorithm = mf_trpo.MFTRPO(model, annealing=True)
  policy = run(algorithm, 200)
  reached = exploitability(pull, policy)
  assert reached < 1e-7
  # What the three states are worth, and their masses, of which none is zero.
  system = np.vstack(
    [np.hstack([interaction(pull), -np.ones((3, 1))]), [1, 1, 1, 0]]
  )
  equilibrium = np.linalg.solve(system, np.append(-BASE, 1.0))[:3]
  assert (equilibrium > 0.1).all()
  np.testing.assert_allclose(law_of(policy), equilibrium, atol=1e-6)
  best = min(
    exploitability(pull, run(baseline, 200)) for baseline in baselines(model)
  )
  assert reached <= 3 * best


def test_annealing_settles_in_biased_rock_paper_scissors():
  game = pyspiel.load_game(
    "mean_field_nfg(reward_function=biased_indirect_rps)"
  )
  algorithm = mf_trpo.MFTRPO(game, annealing=True)
  policy = run(algorithm, 150)
  reached = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
  assert reached < 1e-6
  # All rewards are zero where 0.7 a = 0.5 b = 0.3 c.
  equilibrium = 1 / np.array([0.7, 0.5, 0.3])
  np.testing.assert_allclose(
    policy[0], equilibrium / equilibrium.sum(), atol=1e-5
  )
  best = min(
    nash_conv.NashConv(
      game, (run(baseline, 150), baseline.get_policy())[1]
    ).nash_conv()
    for baseline in baselines(compiled_game.CompiledGame(game))
  )
  assert reached <= 3 * best


def variance(policy, values):
  mean = (policy * values).sum(axis=1, keepdims=True)
  return (policy * (values - mean) ** 2).sum(axis=1)


def test_optimistic_steps_are_those_described():
  """From where two restarts in a row have more to gain than half the least."""
  model = choice(0.3)
  algorithm = mf_trpo.MFTRPO(model, annealing=True)
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


def test_what_has_settled_stays():
  model = monotone_games.random_game("mixed", 14)
  algorithm = mf_trpo.MFTRPO(model, annealing=True)
  uniform = model.exploitability(algorithm.policy)
  run(algorithm, 300)
  for _ in range(5):
    run(algorithm, 100)
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
def test_the_ball_is_kept_where_players_shun_crowds(make, num_iterations):
  algorithm = mf_trpo.MFTRPO(make(), annealing=True)
  run(algorithm, num_iterations)
  state = algorithm.state()
  assert state["num_overshoots"] > 0
  assert state["num_strikes"] < 2


def stationary(setting):
  game = factory.create_game(setting=setting)
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def compiled(name):
  return compiled_game.CompiledGame(factory.create_game(name))


def test_the_unit_of_rewards_does_not_matter():
  policies = [
    run(mf_trpo.MFTRPO(choice(0.3, unit), annealing=True), 60)
    for unit in (1.0, 2.0**-40)  # A power of 2, as it does not change rounding.
  ]
  np.testing.assert_array_equal(*policies)


@pytest.mark.parametrize("num_iterations", [20, 29, 30, 31, 32, 60])
def test_it_goes_on_from_any_iteration(num_iterations):
  """Optimistic steps begin after 30."""
  straight, resumed = (
    mf_trpo.MFTRPO(choice(0.3), annealing=True) for _ in range(2)
  )
  run(straight, num_iterations)
  run(resumed, 7)
  resumed.restore(
    {name: np.array(array) for name, array in straight.state().items()}
  )
  np.testing.assert_array_equal(run(straight, 20), run(resumed, 20))
  np.testing.assert_array_equal(straight.mean_field, resumed.mean_field)
