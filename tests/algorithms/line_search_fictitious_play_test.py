"""Tests of the line search against potentials and OpenSpiel's values."""

import iterates
import numpy as np
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.algorithms import policy_value
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401 (registers it)
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import line_search_fictitious_play
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game

LineSearch = line_search_fictitious_play.LineSearchFictitiousPlay


def congestion(base, slopes):
  """A game of one choice between places with rewards b - c mu."""
  size = len(base)
  kernel = np.zeros((size, size, size))
  kernel[:, np.arange(size), np.arange(size)] = 1.0
  mdp = mean_field_mdp.MeanFieldMDP(
    kernel,
    lambda mu: np.tile((base - slopes * mu)[:, None], size),
    0.5,
    np.eye(size)[0],
  )
  return mdp_game.MDPGame(mdp, horizon=2)


def test_it_is_frank_wolfe_on_a_quadratic_potential():
  """On the simplex, where the Frank-Wolfe step size is a quotient."""
  rng = np.random.default_rng(1)
  base, slopes = rng.normal(size=6), rng.uniform(0.5, 2.0, size=6)
  algorithm = LineSearch(congestion(base, slopes))
  crowd = np.ones(6) / 6
  steps = []
  for _ in range(40):
    gradient = base - slopes * crowd
    direction = np.eye(6)[gradient.argmax()] - crowd
    step = gradient @ direction / (slopes @ direction**2)
    steps.append(step)
    crowd = crowd + min(step, 1.0) * direction
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.mean_field[6:], crowd, atol=1e-11)
    np.testing.assert_allclose(algorithm.policy[0], crowd, atol=1e-11)
  assert min(steps) < 0.1


def test_a_place_that_is_always_best_takes_all_at_once():
  algorithm = LineSearch(congestion(np.array([0.0, 5.0]), np.ones(2)))
  algorithm.iteration()
  assert algorithm.policy[0].tolist() == [0.0, 1.0]
  assert algorithm.model.exploitability(algorithm.policy) == 0.0
  algorithm.iteration()  # There is no gain left.
  assert algorithm.policy[0].tolist() == [0.0, 1.0]


def test_equally_good_actions_have_equal_probability():
  algorithm = LineSearch(congestion(np.array([1.0, 0.0, 1.0]), np.ones(3) / 9))
  algorithm.iteration()
  np.testing.assert_allclose(algorithm.policy[0], [0.5, 0.0, 0.5], atol=1e-12)


def test_steps_end_at_the_highest_potential():
  """Crowd aversion -K log mu with costs of moves, over several times."""
  game = pyspiel.load_game("python_mfg_four_rooms(room_size=2,horizon=5)")
  model = compiled_game.CompiledGame(game)
  mdp = game.mean_field_mdp()
  pays = mdp.reward_at(np.ones(mdp.num_states))  # Without a crowd: log 1.
  aversion = (pays - mdp.reward_at(np.full(mdp.num_states, np.e)))[0, 0]
  factors = model.discounts.reshape(5, -1)

  def potential(policy, mean_field):
    crowd = mean_field.reshape(factors.shape)
    paid = np.einsum("na,na->n", policy, np.tile(pays, (5, 1)))
    entropy = -crowd * (np.log(np.where(crowd > 0, crowd, 1.0)) - 1)
    return np.sum(
      factors * (aversion * entropy + crowd * paid.reshape(factors.shape))
    )

  algorithm = LineSearch(model)
  is_inside = []
  for _ in range(12):
    before = algorithm._state
    algorithm.iteration()
    after = algorithm._state
    masses = model.mean_field(after.response)
    length = np.abs(masses - before.mean_field).sum()
    step = np.abs(after.mean_field - before.mean_field).sum() / length
    heights = [
      potential(mixed.policy, mixed.mean_field)
      for rate in (step - 1e-3, step, min(step + 1e-3, 1.0))
      for mixed in [algorithm._mixed(before, after.response, masses, rate)]
    ]
    is_inside.append(0 < step < 1)
    assert max(heights) == heights[1]
  assert all(is_inside[1:])


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling_2d(size=4,horizon=5)",
    "mfg_garnet(size=6,horizon=5)",
    "python_mfg_predator_prey(horizon=2)",
  ],
)
def test_under_the_new_mean_field_the_response_has_no_gain(name):
  """By OpenSpiel's utilities, with and without a potential."""
  game = pyspiel.load_game(name)
  algorithm = LineSearch(game)
  model, roots = algorithm.model, game.new_initial_states()

  def value(policy, crowd):
    values = policy_value.PolicyValue(game, crowd, policy)
    return sum(values.eval_state(root) for root in roots)

  is_inside = []
  for _ in range(6):
    before = algorithm.get_policy()
    gain = nash_conv.NashConv(game, before).nash_conv()
    algorithm.iteration()
    response = model.to_openspiel(algorithm._state.response)
    crowd = distribution.DistributionPolicy(game, algorithm.get_policy())
    left = value(response, crowd) - value(before, crowd)
    if np.array_equal(algorithm.policy, algorithm._state.response):
      assert left >= 0  # A step of 1.
    else:
      is_inside.append(True)
      assert left == pytest.approx(0.0, abs=1e-8 * gain)
  assert is_inside


def test_the_mean_field_is_that_of_the_policy():
  algorithm = LineSearch(pyspiel.load_game("mfg_crowd_modelling(horizon=5)"))
  for _ in range(10):
    algorithm.iteration()
  np.testing.assert_allclose(
    algorithm.model.mean_field(algorithm.policy),
    algorithm.mean_field,
    atol=1e-14,
  )


def test_after_a_stationary_step_the_response_has_no_gain(islands):
  """The gain from the law of the response, by sums over a long time."""
  algorithm = LineSearch(islands)
  mdp = islands.mdp
  kernel = mdp.kernel.toarray().reshape(14, 2, 14)

  def earned(policy, start, crowd):
    paid = (policy * mdp.reward_at(crowd)).sum(axis=1)
    chain = np.einsum("sa,sax->sx", policy, kernel)
    total, law = 0.0, start
    for t in range(400):
      total += mdp.discount**t * (law @ paid)
      law = law @ chain
    return total

  for _ in range(6):
    before = algorithm.policy
    algorithm.iteration()
    response, crowd = algorithm._state.response, algorithm.mean_field
    start = islands.mean_field(response)
    left = earned(response, start, crowd) - earned(before, start, crowd)
    assert left == pytest.approx(0.0, abs=1e-9)


def test_it_cycles_in_rock_paper_scissors():
  """As documented: all players join each response."""
  game = pyspiel.load_game(
    "mean_field_nfg(reward_function=biased_indirect_rps)"
  )
  algorithm = LineSearch(game)
  played = [iterates.run(algorithm, 1)[0].argmax() for _ in range(9)]
  assert algorithm.policy[0].max() == 1.0
  assert played[3:] == played[:3] * 2
  assert len(set(played)) == 3


@pytest.mark.parametrize("seed", range(1, 12, 2))
def test_it_gets_near_the_equilibria_of_monotone_games(seed):
  """These games have rotation, so that there is no potential."""
  model = monotone_games.random_game("mixed", seed)
  algorithm = LineSearch(model)
  first = model.exploitability(algorithm.policy)
  for _ in range(300):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy) < 0.02 * first
