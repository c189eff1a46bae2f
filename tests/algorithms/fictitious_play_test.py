"""Tests of Fictitious Play against its formula and OpenSpiel's class."""

import draws
import iterates
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import moving_form
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game

SHARING_CHILDREN = "mfg_crowd_modelling"
ISLANDS = "python_mfg_two_islands(horizon=4)"
NOT_SHARING = ("mfg_garnet", ISLANDS)


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
@pytest.mark.parametrize("options", [{}, {"lr": 0.3}, {"temperature": 0.5}])
def test_fictitious_play_is_openspiels(game_name, options):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    iterates.nash_convs(
      game, fictitious_play.FictitiousPlay(game, **options), 4
    ),
    iterates.nash_convs(game, openspiel_fp.FictitiousPlay(game, **options), 4),
    rtol=1e-9,
  )


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
  """Actions of a small share of the players are kept, however small it is."""
  algorithm = fictitious_play.FictitiousPlay(islands, lr=0.5)
  mean_field = np.full(14, 1e-30)
  mean_field[2] = 1 - 13e-30
  algorithm.restore({**algorithm.state(), "mean_field": mean_field})
  best = islands.optimal_action_values(mean_field).argmax(axis=1)
  law = islands.mean_field(np.eye(2)[best])
  algorithm.iteration()
  others = np.flatnonzero((law > 1e-3) & (np.arange(14) != 2))
  assert others.size
  for x in others:
    np.testing.assert_allclose(
      algorithm.policy[x, 1 - best[x]], 0.5e-30 / law[x], rtol=1e-9
    )


def skewed_policy(game):
  """A policy that does not come from this package."""
  policy = policy_lib.TabularPolicy(game)
  weights = np.arange(1.0, policy.action_probability_array.size + 1)
  array = policy.legal_actions_mask * weights.reshape(
    policy.action_probability_array.shape
  )
  policy.action_probability_array = array / array.sum(axis=1, keepdims=True)
  return policy


@pytest.mark.parametrize("game_name", ["mfg_garnet(size=5,horizon=3)", ISLANDS])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}])
def test_arguments_of_an_iteration_act_as_in_openspiels_class(
  game_name, options
):
  game = pyspiel.load_game(game_name)
  ours = fictitious_play.FictitiousPlay(game, **options)
  theirs = openspiel_fp.FictitiousPlay(game, **options)
  br_policy = skewed_policy(game)
  rounds = [
    {"br_policy": br_policy},
    {"learning_rate": 0.9},
    {"br_policy": br_policy, "learning_rate": 0.2},
    {},
  ]
  for told in rounds:
    theirs.iteration(**told)
    ours.iteration(**told)
    expected = ours.model.from_openspiel(theirs.get_policy())
    np.testing.assert_allclose(ours.policy, expected, rtol=1e-9, atol=1e-12)


def test_a_br_policy_may_be_an_array():
  game = pyspiel.load_game(ISLANDS)
  given, array, plain = (
    fictitious_play.FictitiousPlay(game, temperature=0.5) for _ in range(3)
  )
  policy = skewed_policy(game)
  given.iteration(policy)
  array.iteration(array.model.from_openspiel(policy))
  plain.iteration()
  np.testing.assert_array_equal(given.policy, array.policy)
  assert not np.array_equal(given.policy, plain.policy)


def test_a_br_policy_of_a_stationary_model(islands):
  array = np.random.default_rng(3).dirichlet([1.0, 1.0], 14)
  one, other = (fictitious_play.FictitiousPlay(islands) for _ in range(2))
  one.iteration(islands.to_openspiel(array), 0.5)
  other.iteration(array, 0.5)
  np.testing.assert_array_equal(one.policy, other.policy)
  uniform = np.full((14, 2), 0.5)
  values = islands.action_values(array, islands.mean_field(uniform))
  response = np.eye(2)[values.argmax(axis=1)]
  np.testing.assert_allclose(
    one.mean_field,
    (islands.mean_field(uniform) + islands.mean_field(response)) / 2,
    atol=1e-15,
  )


def test_effects_of_arguments_of_iterations_are_in_the_state(islands):
  array = np.random.default_rng(3).dirichlet([1.0, 1.0], 14)
  straight = fictitious_play.FictitiousPlay(islands)
  straight.iteration(br_policy=array)
  straight.iteration(learning_rate=0.9)
  resumed = fictitious_play.FictitiousPlay(islands)
  resumed.restore(straight.state())
  for told in ({}, {"br_policy": array, "learning_rate": 0.3}, {}):
    straight.iteration(**told)
    resumed.iteration(**told)
    for name, value in straight.state().items():
      np.testing.assert_array_equal(value, resumed.state()[name])


def test_a_learning_rate_of_one_leaves_the_response_everywhere():
  """As in OpenSpiel's class, also in states without mass."""
  ring = np.eye(6)
  mdp = mean_field_mdp.MeanFieldMDP(
    kernel=np.stack([np.roll(ring, 1, axis=1), ring], axis=1),
    reward=lambda mu: (
      -np.log(mu + 1e-25)[:, None] * [[1.0, 0.9]] - np.arange(12).reshape(6, 2)
    ),
    discount=0.9,
    initial_distribution=[1, 0, 0, 0, 0, 0],
  )
  game = mdp_game.MDPGame(mdp, horizon=5)
  ours = fictitious_play.FictitiousPlay(game)
  theirs = openspiel_fp.FictitiousPlay(game)
  possible = ours.mean_field > 0  # OpenSpiel's table has only these.
  for _ in range(3):
    ours.iteration(learning_rate=1.0)
    theirs.iteration(learning_rate=1.0)
  expected = ours.model.from_openspiel(theirs.get_policy())
  np.testing.assert_allclose(
    ours.policy[possible], expected[possible], atol=1e-12
  )
  assert (ours.mean_field[possible] == 0).any()


def test_results_are_those_of_openspiels_class():
  game = pyspiel.load_game("mfg_garnet(size=5,horizon=3)")
  ours = fictitious_play.FictitiousPlay(game=game, lr=None, temperature=None)
  theirs = openspiel_fp.FictitiousPlay(game=game, lr=None, temperature=None)
  for _ in range(3):
    node = game.new_initial_state().child(0)
    assert ours.get_correlating_policy().action_probabilities(
      node
    ) == pytest.approx(theirs.get_correlating_policy()(node))
    for one, other in [
      (
        ours.get_correlating_distribution(),
        theirs.get_correlating_distribution(),
      ),
      (ours._distribution, theirs._distribution),
    ]:
      assert one.distribution == pytest.approx(other.distribution)
    ours.iteration()
    theirs.iteration()
  by_hand = distribution_lib.DistributionPolicy(game, ours.get_policy())
  assert ours.distribution.distribution == by_hand.distribution
  assert ours.distribution is ours.distribution


@pytest.mark.parametrize(
  ("told", "line"),
  [
    (
      {"learning_rate": 0},
      "learning_rate must be a number in (0, 1], got 0.",
    ),
    (
      {"learning_rate": 1.5},
      "learning_rate must be a number in (0, 1], got 1.5.",
    ),
    (
      {"br_policy": np.ones((3, 2))},
      "br_policy must have shape (14, 2), got (3, 2).",
    ),
    (
      {"br_policy": "greedy"},
      "br_policy must be an array of numbers, got 'greedy'.",
    ),
    (
      {"br_policy": np.ones((14, 2))},
      "br_policy must be a probability distribution over the legal actions in"
      " every state, got [1.0, 1.0] in state 0.",
    ),
  ],
)
def test_errors_for_arguments_of_an_iteration_are_one_line(islands, told, line):
  algorithm = fictitious_play.FictitiousPlay(islands)
  before = algorithm.policy
  with pytest.raises(ValueError) as error:
    algorithm.iteration(**told)
  assert str(error.value) == line
  np.testing.assert_array_equal(algorithm.policy, before)


def test_the_error_for_a_br_policy_to_new_nodes_is_one_line():
  """Where moves depend on the mean field, some nodes may be unknown."""
  game = pyspiel.load_game(
    "mfg_dynamic_routing(network=braess,max_num_time_step=30,"
    "time_step_length=0.2)"
  )
  model = compiled_game.CompiledGame(game)
  roots = game.new_initial_states()
  levels = game_walk.enumerate_levels(roots)
  model._form = moving_form.MovingForm(
    roots, levels, game.num_distinct_actions(), max_nodes=10
  )
  model._take_over_states()
  algorithm = fictitious_play.FictitiousPlay(model)
  num_states = len(algorithm.policy)
  br_policy = draws.RandomPolicy(game, 9)
  with pytest.raises(ValueError) as error:
    algorithm.iteration(br_policy)
  num_new = len(model.legal_actions_mask) - num_states
  assert num_new > 0
  assert str(error.value) == (
    "br_policy must lead only to nodes that the model has, got"
    f" {num_new} others. The model has added them: construct the algorithm"
    " again on this model to include them."
  )
  again = fictitious_play.FictitiousPlay(model)
  assert len(again.policy) == num_states + num_new


def test_options_of_this_package_are_keyword_only(islands):
  with pytest.raises(TypeError, match="positional arguments"):
    fictitious_play.FictitiousPlay(islands, None, None, 0.1)
