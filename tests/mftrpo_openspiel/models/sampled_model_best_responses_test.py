"""Best responses of sampled models, and algorithms that use them."""

import numpy as np
import pyspiel
import pytest
import small_mdps

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model

ISLANDS = "python_mfg_two_islands(horizon=5)"


def finite(**options):
  return sampled_model.SampledModel(pyspiel.load_game(ISLANDS), **options)


def endless(**options):
  mdp = factory.create_game(None, "four_rooms_poi_5x5").mean_field_mdp()
  return sampled_model.SampledModel(mdp, **options)


def exploitabilities(model, num_iterations=30):
  """Returns the exact exploitabilities of Fictitious Play on a model."""
  algorithm, values = fictitious_play.FictitiousPlay(model), []
  for _ in range(num_iterations):
    algorithm.iteration()
    values.append(model.exploitability(algorithm.policy))
  return np.array(values)


@pytest.mark.slow
@pytest.mark.parametrize(
  "create, options",
  [
    (endless, {"num_best_response_steps": 20_000}),
    (finite, {"num_best_response_steps": 20_000}),
    (finite, {"num_trajectories": 1000, "simulator": "openspiel"}),
    (finite, {"num_trajectories": 4000, "best_response": "q_learning"}),
  ],
)
def test_fictitious_play_gets_as_close_as_on_the_exact_model(create, options):
  model = create(**options)
  sampled, exact = exploitabilities(model), exploitabilities(model.exact)
  assert sampled[-5:].mean() < 0.2 * sampled[:5].max()
  assert sampled[-5:].mean() < 1.5 * exact[-5:].mean()


@pytest.mark.parametrize("best_response", ["sampled_kernel", "q_learning"])
@pytest.mark.parametrize("create", [endless, finite])
def test_optimal_action_values_are_counted_and_repeated(create, best_response):
  options = {"best_response": best_response, "num_best_response_steps": 1000}
  model = create(**options)
  mean_field = model.exact.initial_mean_field()
  first = model.optimal_action_values(mean_field)
  assert model.num_environment_steps == 1000
  state = model.state()
  second = model.optimal_action_values(mean_field, 0.1)
  assert model.num_environment_steps == 2000
  assert (first != second).any()
  model.restore(state)
  other = create(**options)
  other.restore(state)
  for again in (model, other):
    np.testing.assert_array_equal(
      again.optimal_action_values(mean_field, 0.1), second
    )


def test_learning_through_openspiel_does_not_depend_on_earlier_mean_fields():
  """All nodes that were expanded under another mean field are discarded."""
  options = {"simulator": "openspiel", "num_trajectories": 200}
  model = finite(**options)
  algorithm = mf_trpo.MFTRPO(model, num_policy_updates=2)
  algorithm.iteration()
  state = algorithm.state()
  algorithm.iteration()
  resumed = mf_trpo.MFTRPO(finite(**options), num_policy_updates=2)
  resumed.restore(state)
  resumed.iteration()
  np.testing.assert_array_equal(resumed.policy, algorithm.policy)
  np.testing.assert_array_equal(resumed.mean_field, algorithm.mean_field)


@pytest.mark.slow
def test_mf_trpo_gets_close_through_openspiels_states():
  model = finite(simulator="openspiel", num_trajectories=5000)
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.1, population_update_rate=0.2
  )
  exact = mf_trpo.MFTRPO(
    model.exact, regularization=0.1, population_update_rate=0.2
  )
  for _ in range(15):
    algorithm.iteration()
    exact.iteration()
  start = model.exact.exploitability(np.full((70, 2), 0.5), 0.1)
  reached = model.exact.exploitability(algorithm.policy, 0.1)
  assert reached < 0.2 * start
  gap = abs(reached - model.exact.exploitability(exact.policy, 0.1))
  assert gap < 0.05 * start


@pytest.mark.parametrize(
  "create, options, message",
  [
    (finite, {"best_response": "dqn"}, "best_response must be one of q_le"),
    (finite, {"simulator": "real"}, "simulator must be one of arrays, opensp"),
    (
      finite,
      {"num_best_response_steps": 4},
      "num_best_response_steps must be a whole number of at least 5, got 4",
    ),
    (endless, {"num_best_response_steps": 99}, "of at least 100, got 99"),
    (
      endless,
      {"simulator": "openspiel"},
      "simulator must be 'arrays' for an infinite horizon",
    ),
  ],
)
def test_bad_options(create, options, message):
  with pytest.raises(ValueError, match=message):
    create(**options)


def test_the_default_best_response_steps_suit_any_number_of_trajectories():
  mdp = small_mdps.random_mdp()
  model = sampled_model.SampledModel(mdp, num_trajectories=1)
  assert model.num_best_response_steps == 100
  model.optimal_action_values(model.exact.initial_mean_field())
  assert isinstance(model.exact, stationary_model.StationaryModel)
