"""Tests of the reference equilibria against closed forms and MF-TRPO."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import newton_krylov
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import stationary_model

# Setting, crowd aversion.
PAPER_GAMES = [
  ("four_rooms", 0.2),
  ("four_rooms", 0.4),
  ("four_rooms_poi", 0.2),
  ("four_rooms_poi", 0.4),
  ("two_islands", 0.2),
  ("two_islands", 0.4),
]


def paper_game(setting, crowd_aversion):
  game = pyspiel.load_game(
    f"python_mfg_{setting}", {"crowd_aversion": crowd_aversion}
  )
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def travel_game(base, crowd_aversion, num_destinations=None):
  """Players choose their next state, and the reward depends on it."""
  num_states = len(base)
  if num_destinations is None:
    num_destinations = num_states
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel=np.tile(np.eye(num_destinations, num_states), (num_states, 1)),
      reward=mdp_lib.CrowdAversion(
        np.repeat(np.array(base)[:, None], num_destinations, axis=1),
        crowd_aversion,
      ),
      discount=0.9,
      initial_distribution=np.eye(num_states)[0],
    )
  )


def assert_is_certified(found, tolerance=1e-12):
  assert found.rationality <= tolerance
  assert found.consistency <= tolerance


@pytest.mark.parametrize("eta", [0.05, 0.3])
@pytest.mark.parametrize("crowd_aversion", [0.0, 0.4])
@pytest.mark.parametrize("base", [[0.3, 0.0], [0.1, -0.2, 0.0, 0.5, 0.3]])
def test_closed_form(base, crowd_aversion, eta):
  """V(s) = b(s) - K log mu(s) + const, and mu(s) ~ exp(gamma V(s) / eta).

  So log mu(s) = gamma b(s) / (eta + gamma K) + const.
  """
  model = travel_game(base, crowd_aversion)
  found = newton_krylov.find_equilibrium(model, eta)
  law = np.exp(0.9 * np.array(base) / (eta + 0.9 * crowd_aversion))
  law /= law.sum()
  np.testing.assert_allclose(found.mean_field, law, rtol=0, atol=1e-12)
  np.testing.assert_allclose(
    found.policy, np.tile(law, (len(base), 1)), rtol=0, atol=1e-12
  )
  assert_is_certified(found)


def test_states_that_no_play_reaches():
  """Nobody travels to the last state; the policy there is rational as well."""
  found = newton_krylov.find_equilibrium(
    travel_game([0.3, 0.0, 7.0], 0.4, 2), 0.1
  )
  law = np.exp(0.9 * np.array([0.3, 0.0]) / (0.1 + 0.9 * 0.4))
  law /= law.sum()
  np.testing.assert_allclose(found.mean_field, [*law, 0.0], rtol=0, atol=1e-12)
  np.testing.assert_allclose(
    found.policy, np.tile(law, (3, 1)), rtol=0, atol=1e-12
  )


def test_a_game_without_choices():
  model = travel_game([1.0, 2.0], 0.4, 1)
  found = newton_krylov.find_equilibrium(model, 0.3)
  np.testing.assert_array_equal(found.policy, [[1.0], [1.0]])
  np.testing.assert_array_equal(found.mean_field, [1.0, 0.0])


@pytest.mark.parametrize("crowd_aversion", [0.2, 0.4])
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_in_four_rooms_the_crowd_is_uniform(crowd_aversion, eta):
  """The same policy in all cells, equal in all directions, keeps it uniform.

  Values are then the same everywhere too, and the policy is softmax(r / eta).
  """
  found = newton_krylov.find_equilibrium(
    paper_game("four_rooms", crowd_aversion), eta
  )
  np.testing.assert_allclose(
    found.mean_field, np.full(104, 1 / 104), rtol=0, atol=1e-12
  )
  weights = np.exp(np.array([0.2, -0.2, -0.2, -0.2, -0.2]) / eta)
  np.testing.assert_allclose(
    found.policy,
    np.tile(weights / weights.sum(), (104, 1)),
    rtol=0,
    atol=1e-12,
  )
  assert_is_certified(found)


@pytest.mark.parametrize(("setting", "crowd_aversion"), PAPER_GAMES)
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_warm_mf_trpo_converges_to_it(setting, crowd_aversion, eta):
  model = paper_game(setting, crowd_aversion)
  found = newton_krylov.find_equilibrium(model, eta)
  assert_is_certified(found)
  # The larger K / eta, the smaller the rate has to be in the rooms.
  is_slow = eta == 0.05 and setting != "two_islands"
  algorithm = mf_trpo.MFTRPO(
    model,
    eta,
    population_update_rate=0.02 if is_slow else 0.1,
    warm_start=True,
    max_step_count=3,
  )
  for _ in range(450 if is_slow else 250):
    algorithm.iteration()
  assert np.abs(algorithm.policy - found.policy).max() < 1e-8
  assert np.abs(algorithm.mean_field - found.mean_field).sum() < 1e-8


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_the_residuals_are_correct(eta):
  """Rationality and consistency on the islands, with dense matrices."""
  model = paper_game("two_islands", 0.2)
  found = newton_krylov.find_equilibrium(model, eta)
  policy, law = found.policy, found.mean_field
  kernel = model.mdp.kernel.toarray().reshape(14, 2, 14)
  np.testing.assert_allclose(
    law, np.einsum("s,sa,sat->t", law, policy, kernel), rtol=0, atol=1e-12
  )
  rewards = -0.2 * np.log(law)[:, None]
  values = np.zeros(14)
  for _ in range(500):  # Value iteration; 0.9^500 is 1e-23.
    action_values = rewards + 0.9 * kernel @ values
    values = eta * np.log(np.exp(action_values / eta).sum(axis=1))
  np.testing.assert_allclose(
    policy, np.exp((action_values - values[:, None]) / eta), rtol=0, atol=1e-12
  )


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
@pytest.mark.parametrize(
  "game_name",
  [
    "python_mfg_two_islands(horizon=6)",
    "mfg_crowd_modelling(size=6,horizon=6)",
    # Several populations.
    "python_mfg_predator_prey(horizon=2)",
    # Players whose moves depend on the crowd.
    "python_mfg_dynamic_routing",
  ],
)
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_finite_horizon(game_name, eta):
  model = compiled_game.CompiledGame(pyspiel.load_game(game_name))
  found = newton_krylov.find_equilibrium(model, eta)
  assert_is_certified(found)
  mask = model.legal_actions_mask
  uniform = model.exploitability(mask / mask.sum(axis=1, keepdims=True), eta)
  assert 0 <= found.exploitability < 1e-12 * uniform
  assert found.exploitability == model.exploitability(found.policy, eta)


def test_openspiel_utilities_find_nothing_to_gain():
  game = factory.create_game("python_mfg_two_islands(horizon=4)")
  model = from_game.create_model("compiled", game)
  frozen = model.to_openspiel(newton_krylov.find_equilibrium(model, 0.3).policy)
  other = from_game.create_model("openspiel", game)
  policy = other.from_openspiel(frozen)
  mask = other.legal_actions_mask
  uniform = other.exploitability(mask / mask.sum(axis=1, keepdims=True), 0.3)
  assert abs(other.exploitability(policy, 0.3)) < 1e-12 * uniform


def test_continuation():
  """With few steps per start it uses equilibria with more regularization."""
  model = paper_game("four_rooms_poi", 0.4)
  direct = newton_krylov.find_equilibrium(model, 0.1)
  assert direct.method == "Newton-Krylov"
  continued = newton_krylov.find_equilibrium(model, 0.1, max_newton_steps=6)
  assert continued.method.startswith("Newton-Krylov continued from")
  assert_is_certified(continued)
  np.testing.assert_allclose(
    continued.mean_field, direct.mean_field, rtol=0, atol=1e-11
  )


@pytest.mark.parametrize(
  "options", [{"max_evaluations": 1}, {"max_evaluations": 30}]
)
def test_what_is_not_certified_is_not_returned(options):
  with pytest.raises(
    ArithmeticError, match=r"1e-12: \d.* was reached for reg.* 0.05 in"
  ) as error:
    newton_krylov.find_equilibrium(
      paper_game("two_islands", 0.2), 0.05, **options
    )
  assert "\n" not in str(error.value)
  assert f"in {options['max_evaluations']} evaluations" in str(error.value)


def test_a_tolerance_below_rounding():
  with pytest.raises(ArithmeticError, match=r"tolerance 1e-30: \d.\de-1\d was"):
    newton_krylov.find_equilibrium(
      paper_game("two_islands", 0.2), 0.3, tolerance=1e-30
    )


def test_values_out_of_range():
  with pytest.raises(ArithmeticError, match="are too large"):
    newton_krylov.find_equilibrium(paper_game("two_islands", 0.2), 1e-320)


def test_a_loose_tolerance_costs_less():
  model = paper_game("two_islands", 0.2)
  loose = newton_krylov.find_equilibrium(model, 0.3, tolerance=1e-2)
  tight = newton_krylov.find_equilibrium(model, 0.3)
  assert loose.num_evaluations < tight.num_evaluations
  assert 1e-12 < loose.consistency <= 1e-2
  distance = np.abs(loose.mean_field - tight.mean_field).sum()
  assert 1e-12 < distance < 1e-1


@pytest.mark.parametrize(
  ("regularization", "options", "message"),
  [
    (0.0, {}, "regularization must be a number in"),
    (-0.1, {}, "regularization must"),
    (float("nan"), {}, "regularization must"),
    (float("inf"), {}, "regularization must"),
    (0.3, {"tolerance": 0.0}, "tolerance must be a number in"),
    (0.3, {"tolerance": float("nan")}, "tolerance must"),
    (0.3, {"max_evaluations": 0}, "max_evaluations must be a whole number"),
    (0.3, {"max_evaluations": 2.5}, "max_evaluations must"),
    (0.3, {"max_newton_steps": 0}, "max_newton_steps must"),
  ],
)
def test_bad_parameters_are_refused(regularization, options, message):
  with pytest.raises(ValueError, match=message) as error:
    newton_krylov.find_equilibrium(
      paper_game("two_islands", 0.2), regularization, **options
    )
  assert "\n" not in str(error.value)


def test_objects_other_than_models_are_refused():
  with pytest.raises(ValueError, match="model must be a MeanFieldModel, got"):
    newton_krylov.find_equilibrium("python_mfg_two_islands", 0.3)


def test_times_with_discount_zero_are_refused():
  game = pyspiel.load_game("python_mfg_two_islands(discount=0.0,horizon=3)")
  with pytest.raises(ValueError, match="model must have positive discounts"):
    newton_krylov.find_equilibrium(compiled_game.CompiledGame(game), 0.3)
