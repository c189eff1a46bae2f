"""Mean fields of all models as OpenSpiel's distributions."""

import dataclasses
import warnings

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import distribution as distribution_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import softmax

COMPILED = compiled_game.CompiledGame
OPENSPIEL = openspiel_model.OpenSpielModel
CASES = [
  (COMPILED, "mfg_crowd_modelling(size=6,horizon=4)"),
  (COMPILED, "mfg_garnet(size=5,horizon=4)"),
  (COMPILED, "python_mfg_predator_prey(horizon=2)"),
  (COMPILED, "python_mfg_four_rooms(room_size=2,horizon=3)"),
  # Two mean-field nodes lead to one decision node.
  (COMPILED, "python_odd_game(pays=first+second)"),
  # Transitions depend on the mean field.
  (
    COMPILED,
    "mfg_dynamic_routing(network=braess,max_num_time_step=10,"
    "time_step_length=0.5)",
  ),
  (
    COMPILED,
    "python_mfg_dynamic_routing(max_num_time_step=5,time_step_length=0.5)",
  ),
  (OPENSPIEL, "mfg_crowd_modelling(size=6,horizon=4)"),
  (OPENSPIEL, "python_mfg_predator_prey(horizon=2)"),
  (OPENSPIEL, "python_mfg_two_islands(horizon=3)"),
]


class _Recorded(distribution_lib.Distribution):
  """Records the states whose masses are requested from a distribution."""

  def __init__(self, answers):
    super().__init__(answers.game)
    self.strings = set()
    self._answers = answers

  def value(self, state):
    return self._answers.value(state)

  def value_str(self, state_str, default_value=None):
    self.strings.add(state_str)
    return self._answers.value_str(state_str, default_value)


def values_under(masses, game, policy, root_state=None):
  """Returns OpenSpiel's values of all nodes, and the masses it requested."""
  recorded = _Recorded(masses)
  value = policy_value.PolicyValue(
    game, recorded, policy, root_state=root_state
  )
  return dict(value._state_value._values), recorded.strings


def check(ours, flow, game, policy, root_state=None, rtol=1e-11):
  """Compares the masses that OpenSpiel requests, and the values."""
  expected, strings = values_under(flow, game, policy, root_state)
  masses = [[d.value_str(s, 0.0) for s in strings] for d in (flow, ours)]
  assert sum(masses[0]) > 0.99
  np.testing.assert_allclose(masses[1], masses[0], rtol=rtol, atol=1e-15)
  values, _ = values_under(ours, game, policy, root_state)
  assert values.keys() == expected.keys()
  np.testing.assert_allclose(
    [values[string] for string in expected],
    list(expected.values()),
    rtol=rtol,
    atol=1e-13,
  )


def quietly(kind, *arguments):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return kind(*arguments)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_distribution_of_a_flow_is_openspiels(kind, name):
  game = pyspiel.load_game(name)
  model = quietly(kind, game)
  crowd = draws.RandomPolicy(game, 2)
  flow = distribution.DistributionPolicy(game, crowd)
  ours = model.to_distribution(model.mean_field(model.from_openspiel(crowd)))
  check(ours, flow, game, draws.RandomPolicy(game, 1))
  strings = model.observation_strings
  np.testing.assert_allclose(
    [ours.value_str(string) for string in strings],
    [flow.value_str(string, 0.0) for string in strings],
    rtol=1e-11,
    atol=1e-15,
  )


@pytest.mark.parametrize("kind", [COMPILED, OPENSPIEL])
def test_plays_may_start_elsewhere(kind):
  game = pyspiel.load_game("mfg_crowd_modelling(size=6,horizon=4)")
  root = game.new_initial_state()
  root.apply_action(3)
  model = quietly(kind, game, root)
  crowd = draws.RandomPolicy(game, 2)
  flow = distribution.DistributionPolicy(game, crowd, root)
  ours = model.to_distribution(model.mean_field(model.from_openspiel(crowd)))
  check(ours, flow, game, draws.RandomPolicy(game, 1), root)


def stationary():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=4)")
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def test_a_stationary_law_is_the_flow_of_a_game_that_starts_in_it():
  model = stationary()
  policies = np.random.default_rng(0).dirichlet(np.ones(2), size=(2, 14))
  law = model.mean_field(policies[0])
  assert law.min() > 1e-6
  mdp = dataclasses.replace(model.mdp, initial_distribution=law)
  game = mdp_game.MDPGame(mdp, horizon=4)
  crowd, own = map(model.to_openspiel, policies)
  flow = distribution.DistributionPolicy(game, crowd)
  ours = model.to_distribution(law)
  check(ours, flow, game, own, rtol=1e-9)
  for string, mass in ours.get_params().items():
    assert mass == pytest.approx(flow.value_str(string), rel=1e-9)
  assert len(ours.get_params()) == 4 * 2 * 14
  assert model.observation_strings == [f"({x}, 0)" for x in range(14)]


@pytest.mark.parametrize("kind", [COMPILED, OPENSPIEL, None])
@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda m: m[1:], "must have shape"),
    (lambda m: m * np.nan, "must be finite"),
    (lambda m: -m, r"not negative|non-negative"),
  ],
)
def test_bad_mean_fields_are_refused(kind, change, message):
  model = stationary()
  if kind:
    model = kind(pyspiel.load_game("python_mfg_two_islands(horizon=2)"))
  mean_field = model.initial_mean_field()
  with pytest.raises(ValueError, match=f"mean_field.*{message}"):
    model.to_distribution(change(mean_field))


def test_a_stationary_law_has_mass_one():
  model = stationary()
  with pytest.raises(ValueError, match="mean_field must sum to 1"):
    model.to_distribution(2 * model.initial_mean_field())


def _bonus_models():
  islands = pyspiel.load_game("python_mfg_two_islands(horizon=4)")
  yield stationary_model.StationaryModel(islands.mean_field_mdp())
  yield COMPILED(islands)
  for name in (
    "mfg_garnet(size=5,horizon=4)",
    "python_mfg_predator_prey(horizon=2)",
    "mfg_dynamic_routing(network=braess,max_num_time_step=10,"
    "time_step_length=0.5)",
  ):
    yield COMPILED(pyspiel.load_game(name))
  yield OPENSPIEL(islands)
  yield OPENSPIEL(pyspiel.load_game("python_mfg_predator_prey(horizon=2)"))


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
def test_the_entropy_as_a_bonus_is_the_regularization():
  for model in _bonus_models():
    policy = draws.random_policy(model)
    mean_field = model.mean_field(policy)
    bonus = 0.7 * model.discounts * softmax.entropy(policy)
    for eta in (0.0, 0.3):
      values = model.action_values(policy, mean_field, eta, bonus=bonus)
      expected = model.action_values(policy, mean_field, eta + 0.7)
      np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-12)
      plain = model.action_values(policy, mean_field, eta)
      assert not np.allclose(values, plain)


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bonus_must_be_finite_and_of_all_states(bad):
  for model in _bonus_models():
    policy = draws.random_policy(model)
    arguments = policy, model.mean_field(policy), 0.0
    bonus = np.zeros(len(policy))
    bonus[3] = bad
    with pytest.raises(ValueError, match=r"^bonus must be finite, entry 3 is"):
      model.action_values(*arguments, bonus=bonus)
    with pytest.raises(ValueError, match=r"^bonus must have shape"):
      model.action_values(*arguments, bonus=bonus[:3])
