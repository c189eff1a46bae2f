"""Tests of the model that wraps OpenSpiel's utilities."""

import draws
import numpy as np
import odd_game
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import openspiel_model

GAMES = (
  "python_mfg_two_islands(horizon=4)",
  "mfg_crowd_modelling",
  "mfg_garnet",
  "python_mfg_predator_prey",
)


@pytest.fixture(scope="module", params=GAMES)
def model(request):
  return openspiel_model.OpenSpielModel(pyspiel.load_game(request.param))


def test_exploitability_is_nash_conv(model):
  policy = draws.random_policy(model)
  reference = nash_conv.NashConv(model.game, model.to_openspiel(policy))
  assert model.exploitability(policy) == pytest.approx(
    reference.nash_conv(), rel=1e-12
  )


def test_mean_field_is_openspiels(model):
  policy = draws.random_policy(model)
  flow = distribution.DistributionPolicy(model.game, model.to_openspiel(policy))
  for key, mass in zip(model.observation_strings, model.mean_field(policy)):
    assert mass == flow.value_str(key, 0.0)


def test_policies_survive_conversion_to_openspiel_and_back(model):
  policy = draws.random_policy(model)
  np.testing.assert_array_equal(
    model.from_openspiel(model.to_openspiel(policy)), policy
  )


def test_policies_can_be_played(model):
  policy = model.to_openspiel(draws.random_policy(model))
  rng = np.random.default_rng(0)
  for state in model.game.new_initial_states():
    while not state.is_terminal():
      if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
        support = state.distribution_support()
        state.update_distribution([1 / len(support)] * len(support))
        continue
      law = (
        state.chance_outcomes()
        if state.is_chance_node()
        else list(policy.action_probabilities(state).items())
      )
      actions, probabilities = zip(*law)
      state.apply_action(rng.choice(actions, p=probabilities))


def test_all_steps_are_the_flow(model):
  """In these games transitions do not depend on the mean field."""
  policy = draws.random_policy(model)
  start = model.initial_mean_field()
  flow = model.mean_field(policy)
  np.testing.assert_allclose(model.propagate(policy, start, None), flow)
  np.testing.assert_allclose(model.propagate(policy, start, 1000), flow)
  np.testing.assert_allclose(model.propagate(policy, flow, 2), flow)
  np.testing.assert_array_equal(model.propagate(policy, start, 0), start)


def dense_game(seed=0, horizon=3):
  """Returns a game of 3 states and 2 actions and its dense arrays."""
  rng = np.random.default_rng(seed)
  kernel = rng.dirichlet(np.ones(3), (3, 2))
  rewards = rng.normal(size=(3, 2))
  start = rng.dirichlet(np.ones(3))
  mdp = mdp_lib.MeanFieldMDP(
    kernel, mdp_lib.CrowdAversion(rewards, 0.4), 0.8, start
  )
  return mdp_game.MDPGame(mdp, horizon), kernel, start


def rows(model, t):
  return [model.observation_strings.index(f"({x}, {t})") for x in range(3)]


def test_one_step_goes_from_each_time_to_the_next():
  game, kernel, start = dense_game()
  model = openspiel_model.OpenSpielModel(game)
  policy = draws.random_policy(model)
  flow = model.initial_mean_field()
  moved = model.propagate(policy, flow, 1)
  np.testing.assert_allclose(moved[rows(model, 0)], start)
  for t in (0, 1):
    chain = np.einsum("sa,sat->st", policy[rows(model, t)], kernel)
    np.testing.assert_allclose(
      moved[rows(model, t + 1)], flow[rows(model, t)] @ chain
    )


@pytest.mark.parametrize("eta", [0.0, 0.3])
def test_values_are_those_of_dynamic_programming(eta):
  game, kernel, _ = dense_game(1)
  model = openspiel_model.OpenSpielModel(game)
  policy = draws.random_policy(model)
  crowd = model.mean_field(draws.random_policy(model, 1))
  own = model.action_values(policy, crowd, eta)
  best = model.optimal_action_values(crowd, eta)
  own_value = best_value = np.zeros(3)
  for t in (2, 1, 0):
    rewards = game.mean_field_mdp().reward(crowd[rows(model, t)])
    weight = eta * 0.8**t
    own_q = 0.8**t * rewards + kernel @ own_value
    best_q = 0.8**t * rewards + kernel @ best_value
    np.testing.assert_allclose(own[rows(model, t)], own_q, atol=1e-12)
    np.testing.assert_allclose(best[rows(model, t)], best_q, atol=1e-12)
    law = policy[rows(model, t)]
    bonus = -(law * np.log(law)).sum(axis=1)
    own_value = (law * own_q).sum(axis=1) + weight * bonus
    best_value = (
      weight * np.log(np.exp(best_q / weight).sum(axis=1))
      if eta
      else best_q.max(axis=1)
    )
  np.testing.assert_array_equal(np.isfinite(own), model.legal_actions_mask)


@pytest.mark.parametrize("eta", [0.05, 0.5])
def test_the_bonus_of_the_exploitability(eta):
  game, _, start = dense_game(2)
  model = openspiel_model.OpenSpielModel(game)
  policy = draws.random_policy(model)
  flow = model.mean_field(policy)
  own = model.action_values(policy, flow, eta)[rows(model, 0)]
  best = model.optimal_action_values(flow, eta)[rows(model, 0)]
  law = policy[rows(model, 0)]
  bonus = -eta * (law * np.log(law)).sum(axis=1)
  gap = eta * np.log(np.exp(best / eta).sum(axis=1)) - (
    (law * own).sum(axis=1) + bonus
  )
  assert model.exploitability(policy, eta) == pytest.approx(start @ gap)


def test_reachable_follows_policy_and_time():
  game, _, _ = dense_game()
  model = openspiel_model.OpenSpielModel(game)
  policy = draws.random_policy(model)
  start = np.zeros(len(policy))
  start[rows(model, 1)[2]] = 1.0
  reached = model.reachable(policy, model.initial_mean_field(), start)
  assert reached[rows(model, 0)].tolist() == [0, 0, 0]
  assert reached[rows(model, 1)].tolist() == [0, 0, 1]
  assert reached[rows(model, 2)].tolist() == [1, 1, 1]


def test_without_a_discount_nothing_is_reached_later():
  """By definition: d = sum_t gamma^t start P^t is `start` for gamma = 0."""
  rng = np.random.default_rng(3)
  mdp = mdp_lib.MeanFieldMDP(
    rng.dirichlet(np.ones(3), (3, 2)),
    mdp_lib.CrowdAversion(rng.normal(size=(3, 2)), 0.4),
    0.0,
    rng.dirichlet(np.ones(3)),
  )
  model = openspiel_model.OpenSpielModel(mdp_game.MDPGame(mdp, 3))
  policy = draws.random_policy(model)
  start = np.zeros(len(policy))
  start[model.observation_strings.index("(1, 1)")] = 1.0
  reached = model.reachable(policy, model.initial_mean_field(), start)
  strings = np.array(model.observation_strings)
  # The nodes after an action, which pay the reward, are of the same time.
  assert strings[reached].tolist() == ["(1, 1)", "(1, 0, 1)", "(1, 1, 1)"]


def test_discounts_count_from_the_start_of_the_game():
  game, _, _ = dense_game()
  root = game.new_initial_state()
  root.apply_action(0)
  root.update_distribution([0.2, 0.3, 0.5])
  root.apply_action(1)
  root.apply_action(root.legal_actions()[0])
  root.apply_action(2)
  assert root.t == 1
  model = openspiel_model.OpenSpielModel(game, root)
  expected = 0.8 ** np.array([1.0, 2.0])
  np.testing.assert_allclose(np.unique(model.discounts), expected[::-1])


def test_states_after_many_transitions_of_small_probability_are_reached():
  """Their probability, 1e-310 times 1e-20 per step, underflows to 0."""
  kernel = np.array([[[1 - 1e-20, 1e-20]], [[0.0, 1.0]]]).repeat(2, axis=1)
  mdp = mdp_lib.MeanFieldMDP(
    kernel,
    mdp_lib.CrowdAversion(np.zeros((2, 2)), 1.0),
    0.9,
    np.array([1.0, 0]),
  )
  model = openspiel_model.OpenSpielModel(mdp_game.MDPGame(mdp, 3))
  rare = np.where(model.legal_actions_mask, 1e-310, 0.0)
  first = model.legal_actions_mask.argmax(axis=1)
  rare[np.arange(len(rare)), first] = 1.0
  start = np.zeros(len(rare))
  start[model.observation_strings.index("(0, 0)")] = 1e-310
  reached = model.reachable(rare, model.initial_mean_field(), start)
  assert reached[rows_of(model, ["(0, 0)", "(1, 1)", "(1, 2)"])].all()


def rows_of(model, strings):
  return [model.observation_strings.index(string) for string in strings]


def test_a_root_state_is_where_the_game_starts():
  game = pyspiel.load_game("mfg_crowd_modelling")
  root = game.new_initial_state()
  root.apply_action(3)
  model = openspiel_model.OpenSpielModel(game, root)
  policy = draws.random_policy(model)
  reference = nash_conv.NashConv(game, model.to_openspiel(policy), root)
  assert model.exploitability(policy) == pytest.approx(
    reference.nash_conv(), rel=1e-12
  )


def test_other_games_are_refused():
  with pytest.raises(ValueError, match="must be a mean-field game, got 'kuhn"):
    openspiel_model.OpenSpielModel(pyspiel.load_game("kuhn_poker"))


@pytest.mark.parametrize(
  "name",
  [
    "mfg_dynamic_routing(network=braess,max_num_time_step=5,"
    "time_step_length=1.0)",
    "python_mfg_dynamic_routing(max_num_time_step=5)",
    # Nodes are the same under all mean fields, their successors are not.
    "mean_field_lin_quad(size=6,horizon=3,mean_revert=0.5)",
  ],
)
def test_games_whose_transitions_depend_on_the_mean_field_are_refused(name):
  with pytest.raises(ValueError, match=r"^game must have transitions that"):
    openspiel_model.OpenSpielModel(pyspiel.load_game(name))


@pytest.mark.parametrize("what", ["told", "chance", "next", "legal"])
def test_a_mean_field_that_changes_transitions_is_refused(what):
  model, plain = (
    openspiel_model.OpenSpielModel(
      pyspiel.load_game(f"python_odd_game(coin=false,jam={jam})")
    )
    for jam in (f"{what}:0.8999:0.9001", "never:1.0:0.0")
  )
  policy = odd_game.crowding(plain)
  mean_field = plain.mean_field(policy)
  for call in (
    lambda: model.mean_field(policy),
    lambda: model.action_values(policy, mean_field),
    lambda: model.optimal_action_values(mean_field),
    lambda: model.propagate(policy, mean_field, 1),
    lambda: model.reachable(policy, mean_field, mean_field),
  ):
    with pytest.raises(
      ValueError, match=r"^game must have transitions that do"
    ):
      call()


def test_bad_policies_are_refused(model):
  policy = draws.random_policy(model)
  policy[3] = np.nan
  with pytest.raises(ValueError, match="state 3"):
    model.exploitability(policy)


@pytest.mark.parametrize("eta", [-0.1, float("nan")])
def test_a_bad_regularization_is_refused(model, eta):
  policy = draws.random_policy(model)
  mean_field = model.initial_mean_field()
  for method in (
    lambda: model.exploitability(policy, eta),
    lambda: model.action_values(policy, mean_field, eta),
    lambda: model.optimal_action_values(mean_field, eta),
  ):
    with pytest.raises(ValueError, match="regularization must"):
      method()


def test_bad_mean_fields_are_refused(model):
  policy = draws.random_policy(model)
  mean_field = model.initial_mean_field()
  for bad in (mean_field[1:], mean_field * np.nan, -mean_field):
    for method in (
      lambda bad=bad: model.action_values(policy, bad),
      lambda bad=bad: model.optimal_action_values(bad),
      lambda bad=bad: model.propagate(policy, bad, 1),
    ):
      with pytest.raises(ValueError, match="mean_field must"):
        method()


def test_mean_field_nodes_may_request_no_masses():
  game = factory.create_game(
    "python_mfg_dynamic_routing", "dynamic_routing_line"
  )
  model = openspiel_model.OpenSpielModel(game)
  policy = draws.random_policy(model)
  reference = nash_conv.NashConv(game, model.to_openspiel(policy))
  assert model.exploitability(policy) == pytest.approx(
    reference.nash_conv(), abs=1e-12
  )
