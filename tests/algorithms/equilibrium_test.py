"""Tests of the function that computes equilibria by the method that applies."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import equilibrium
from mftrpo_openspiel.algorithms import newton_krylov
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import stationary_model

ISLANDS = "python_mfg_two_islands(horizon=6)"


def compiled(game_name):
  return compiled_game.CompiledGame(pyspiel.load_game(game_name))


@pytest.mark.parametrize("eta", [0.01, 0.05, 0.3, 1.0])
@pytest.mark.parametrize(
  "game_name", [ISLANDS, "mfg_crowd_modelling(size=6,horizon=6)"]
)
def test_both_methods_find_the_same_equilibrium(game_name, eta):
  """They have only the model in common."""
  model = compiled(game_name)
  found = equilibrium.solve(model, eta)
  other = newton_krylov.find_equilibrium(model, eta, tolerance=1e-11)
  assert found.method == "interior point"
  assert other.method.startswith("Newton-Krylov")
  np.testing.assert_allclose(
    found.mean_field, other.mean_field, rtol=0, atol=1e-10
  )
  np.testing.assert_allclose(found.policy, other.policy, rtol=0, atol=1e-9)
  assert found.rationality < 1e-11


@pytest.mark.parametrize("eta", [0.0, 0.05, 0.3])
def test_a_stationary_closed_form(eta):
  """V(s) = b(s) - K log mu(s) + const, and mu(s) ~ exp(gamma V(s) / eta).

  So log mu(s) = gamma b(s) / (eta + gamma K) + const. The last state is never
  visited again.
  """
  base = np.array([0.1, -0.2, 0.0, 0.5])
  mdp = mdp_lib.MeanFieldMDP(
    np.tile(np.eye(3, 4), (4, 1)),
    mdp_lib.CrowdAversion(np.repeat(base[:, None], 3, axis=1), 0.4),
    0.9,
    np.eye(4)[3],
  )
  found = equilibrium.solve(stationary_model.StationaryModel(mdp), eta)
  law = np.exp(0.9 * base[:3] / (eta + 0.9 * 0.4))
  np.testing.assert_allclose(
    found.mean_field, [*law / law.sum(), 0.0], rtol=0, atol=1e-12
  )
  assert found.consistency < 1e-12


def test_newton_krylov_is_used_where_moves_depend_on_the_mean_field():
  model = compiled("python_mfg_dynamic_routing")
  found = equilibrium.solve(model, 0.3)
  assert found.method.startswith("Newton-Krylov")
  assert found.rationality <= 1e-10
  with pytest.raises(ValueError, match="annealed_mf_trpo"):
    equilibrium.solve(model)


def test_openspiel_utilities_find_nothing_to_gain():
  game = factory.create_game("python_mfg_two_islands(horizon=4)")
  model = from_game.create_model("compiled", game)
  frozen = model.to_openspiel(equilibrium.solve(model).policy)
  other = from_game.create_model("openspiel", game)
  policy = other.from_openspiel(frozen)
  mask = other.legal_actions_mask
  uniform = other.exploitability(mask / mask.sum(axis=1, keepdims=True))
  assert abs(other.exploitability(policy)) < 1e-12 * uniform


def test_actions_that_are_never_played():
  """They have no mass and a loss; if two actions are played, both are best."""
  model = compiled(ISLANDS)
  found = equilibrium.solve(model)
  best = model.optimal_action_values(found.mean_field)
  losses = best.max(axis=1, keepdims=True) - best
  np.testing.assert_array_equal(losses, found.losses)
  flow = found.mean_field[:, None] * found.policy
  assert flow[found.never_played].max() < 1e-12
  assert losses[found.never_played].min() > 1e-8
  is_played = flow > 1e-6
  assert is_played.sum(axis=1).max() > 1  # Some choices are mixed.
  assert losses[is_played].max() < 1e-8
  assert not (found.never_played & is_played).any()
  assert found.never_played.any()


def test_policies_are_rational_in_states_without_mass():
  model = compiled("python_mfg_two_islands(horizon=3)")
  found = equilibrium.solve(model)
  empty = found.mean_field == 0
  assert empty.any()
  lost = np.where(found.policy > 0, found.losses, 0.0)
  assert not (found.policy * lost)[empty].any()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"regularization": -0.1}, "regularization must be a number in"),
    ({"regularization": float("nan")}, "regularization must"),
    ({"tolerance": 0.0}, "tolerance must be a number in"),
    ({"max_iterations": 0}, "max_iterations must be a whole number"),
  ],
)
def test_bad_parameters_are_refused(options, message):
  with pytest.raises(ValueError, match=message) as error:
    equilibrium.solve(compiled(ISLANDS), **options)
  assert "\n" not in str(error.value)


def test_objects_other_than_models_are_refused():
  with pytest.raises(ValueError, match="model must be a MeanFieldModel, got"):
    equilibrium.solve(ISLANDS)


def test_what_is_not_certified_is_not_returned():
  with pytest.raises(ArithmeticError, match="in 2 iterations") as error:
    equilibrium.solve(compiled(ISLANDS), max_iterations=2)
  assert "\n" not in str(error.value)
