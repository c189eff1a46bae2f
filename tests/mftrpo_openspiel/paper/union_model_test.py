import numpy as np
import pytest

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.paper import union_model
from mftrpo_openspiel.utils import tabular_policies

# Five actions and two; each with a weight of its own, large enough that
# rounding does not grow.
SETTINGS = ("four_rooms_poi_5x5", "two_islands", "four_rooms_poi_5x5")
WEIGHTS = (2.0, 0.5, 1.0)


def mdps():
  return [
    game_factory.create_game(setting=setting).mean_field_mdp()
    for setting in SETTINGS
  ]


@pytest.fixture
def models():
  """The union, and a model of each game by itself."""
  union = union_model.UnionModel(mdps(), WEIGHTS)
  return union, [stationary_model.StationaryModel(mdp) for mdp in mdps()]


@pytest.fixture
def played(models):
  """Random policies and mean fields: joined, and those of each game."""
  union, singles = models
  rng = np.random.default_rng(0)
  policies, mean_fields = [], []
  for single in singles:
    num_states, num_actions = single.legal_actions_mask.shape
    policies.append(rng.dirichlet(np.ones(num_actions), num_states))
    mean_fields.append(rng.dirichlet(np.ones(num_states)))
  uniform = tabular_policies.uniform_policy(union.legal_actions_mask)
  state = union.join_states(
    [
      {"policy": policy, "mean_field": mean_field, "count": np.array(3)}
      for policy, mean_field in zip(policies, mean_fields)
    ],
    {
      "policy": uniform,
      "mean_field": np.zeros(len(uniform)),
      "count": np.array(0),
    },
  )
  assert state["count"] == 3
  return state["policy"], state["mean_field"], policies, mean_fields


def assert_legal(union, action_values, expected):
  """Checks values against those of each game."""
  mask = union.legal_actions_mask
  assert (action_values[~mask] == -np.inf).all()
  for values, wanted in zip(union.split(action_values), expected, strict=True):
    np.testing.assert_allclose(
      values[:, : wanted.shape[1]], wanted, rtol=0, atol=1e-12
    )


def test_joined_states_have_the_parts(models, played):
  union, _ = models
  policy, mean_field, policies, mean_fields = played
  np.testing.assert_allclose(policy.sum(axis=1), 1, rtol=1e-15)
  for part, wanted in zip(union.split(policy), policies):
    np.testing.assert_array_equal(part[:, : wanted.shape[1]], wanted)
  for part, wanted in zip(union.split(mean_field), mean_fields):
    np.testing.assert_allclose(3 * part, wanted, rtol=1e-15)
  np.testing.assert_allclose(union.masses(mean_field), 1 / 3, rtol=1e-14)
  states = union.split_state({"policy": policy, "mean_field": mean_field})
  for state, part, law in zip(states, policies, mean_fields, strict=True):
    np.testing.assert_array_equal(state["policy"], part)
    np.testing.assert_allclose(state["mean_field"], law, rtol=1e-15)


@pytest.mark.parametrize("regularization", [0.0, 1.0])
def test_values_are_those_of_each_game(models, played, regularization):
  union, singles = models
  policy, mean_field, policies, mean_fields = played
  assert_legal(
    union,
    union.action_values(policy, mean_field, regularization),
    [
      single.action_values(pi, mu, weight * regularization)
      for single, pi, mu, weight in zip(singles, policies, mean_fields, WEIGHTS)
    ],
  )
  assert_legal(
    union,
    union.optimal_action_values(mean_field, regularization),
    [
      single.optimal_action_values(mu, weight * regularization)
      for single, mu, weight in zip(singles, mean_fields, WEIGHTS)
    ],
  )


def test_values_follow_the_mean_field(models, played):
  union, singles = models
  policy, mean_field, policies, _ = played
  union.action_values(policy, mean_field)
  other = union.initial_mean_field()
  assert_legal(
    union,
    union.action_values(policy, other),
    [
      single.action_values(pi, single.initial_mean_field())
      for single, pi in zip(singles, policies)
    ],
  )


@pytest.mark.parametrize("num_steps", [3, None])
def test_propagation_is_that_of_each_game(models, played, num_steps):
  union, singles = models
  policy, mean_field, policies, mean_fields = played
  moved = union.propagate(policy, mean_field, num_steps)
  for part, single, pi, mu in zip(
    union.split(moved), singles, policies, mean_fields
  ):
    np.testing.assert_allclose(
      3 * part, single.propagate(pi, mu, num_steps), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("regularization", [0.0, 1.0])
def test_exploitabilities_are_those_of_each_game(
  models, played, regularization
):
  union, singles = models
  policy, _, policies, _ = played
  expected = [
    single.exploitability(pi, weight * regularization)
    for single, pi, weight in zip(singles, policies, WEIGHTS)
  ]
  for given in (regularization, regularization * np.array(WEIGHTS)):
    np.testing.assert_allclose(
      union.exploitabilities(policy, given), expected, rtol=1e-12
    )
  np.testing.assert_allclose(
    union.exploitability(policy, regularization), np.mean(expected), rtol=1e-12
  )


@pytest.mark.parametrize(
  "name, options, is_weighed",
  [
    ("mf_trpo", {"num_policy_updates": 3}, True),
    ("mf_trpo", {"warm_start": True}, True),
    ("fictitious_play", {"temperature": 1.0}, False),
    ("fictitious_play", {}, True),
    ("mirror_descent", {"lr": 0.1}, True),
    ("mirror_descent", {"lr": 0.1}, False),
  ],
)
def test_algorithms_do_what_they_do_on_each_game(
  models, name, options, is_weighed
):
  union, singles = models

  def create(model, regularization):
    if is_weighed:
      return algorithm_factory.create_algorithm(
        name, model, regularization=regularization, **options
      )
    return algorithm_factory.create_algorithm(name, model, **options)

  together = create(union, 1.0)
  alone = list(map(create, singles, WEIGHTS))
  for iteration in range(50):
    if iteration == 10:  # As good a place as any to go on from.
      states = [algorithm.state() for algorithm in alone]
      together.restore(union.join_states(states, together.state()))
    for algorithm in (together, *alone):
      algorithm.iteration()
    for policy, mean_field, algorithm in zip(
      union.split(together.policy),
      union.split(3 * together.mean_field),
      alone,
    ):
      num_actions = algorithm.policy.shape[1]
      np.testing.assert_allclose(
        policy[:, :num_actions], algorithm.policy, rtol=0, atol=1e-12
      )
      np.testing.assert_allclose(
        mean_field, algorithm.mean_field, rtol=0, atol=1e-12
      )


def test_refuses_what_it_cannot_join():
  first, second, _ = mdps()
  discounted = mdp_lib.MeanFieldMDP(
    second.kernel, second.reward, 0.5, second.initial_distribution
  )
  with pytest.raises(ValueError, match=r"one discount, got 0\.9 and 0\.5"):
    union_model.union_mdp([first, discounted])
  with pytest.raises(ValueError, match=r"weights must be .* got -1"):
    union_model.UnionModel([first, second], [1, -1])
  with pytest.raises(ValueError, match="mdps must have at least one"):
    union_model.union_mdp([])
  moving = mdp_lib.MeanFieldMDP(
    lambda mean_field: second.kernel,
    second.reward,
    0.9,
    second.initial_distribution,
  )
  with pytest.raises(ValueError, match="kernels that are arrays"):
    union_model.union_mdp([first, moving])
