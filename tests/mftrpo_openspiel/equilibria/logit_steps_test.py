"""Tests of the accuracy of rare actions in regularized equilibria."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel import games  # noqa: F401 (Registers them.)
from mftrpo_openspiel.algorithms import equilibrium
from mftrpo_openspiel.algorithms import interior_point
from mftrpo_openspiel.algorithms import newton_krylov
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import softmax


def _rooms(aversion):
  game = pyspiel.load_game(
    "python_mfg_four_rooms_poi", {"crowd_aversion": aversion}
  )
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


@pytest.mark.parametrize("aversion", [0.2, 0.4])
@pytest.mark.parametrize("eta", [0.05, 0.01])
def test_the_mean_field_is_that_of_another_method(eta, aversion):
  """With eta = 0.01 moves have probability e^-40, and determine the law."""
  model = _rooms(aversion)
  found = equilibrium.solve(model, eta)
  other = newton_krylov.find_equilibrium(model, eta, tolerance=1e-9)
  distance = np.abs(found.mean_field - other.mean_field).sum()
  assert distance <= 1e-9


def test_rare_moves_have_the_probabilities_of_their_values():
  """log pi = (Q - V) / eta, also where it is -200."""
  model, eta = _rooms(0.4), 0.002
  found = equilibrium.solve(model, eta)
  values = model.action_values(found.policy, found.mean_field, eta)
  logits = (values - softmax.soft_maximum(values, eta)[:, None]) / eta
  assert logits.min() < -190
  # An error of 1e-15 in Q causes an error of 1e-15 / eta here.
  np.testing.assert_allclose(np.log(found.policy), logits, rtol=0, atol=1e-9)


def test_two_cells_with_a_cost_of_moving():
  """Flows between the cells balance: mu_0 / mu_1 = pi(1, move) / pi(0, move).

  If staying is free and moving costs c, then V(s) = r(s) + gamma V(s) up to
  e^(-c / eta), and moves have probability e^((gamma (V(s') - V(s)) - c) / eta).
  So log mu_0 / mu_1 = 2 gamma (V_0 - V_1) / eta. With V_0 - V_1 =
  (b - K log mu_0 / mu_1) / (1 - gamma), it is equal to
  b / (K + eta (1 - gamma) / 2 gamma).
  """
  price, aversion, discount, eta, bonus = 1.0, 0.3, 0.9, 0.01, 0.2
  kernel = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], float)
  base = np.array([[bonus, bonus - price], [0.0, -price]])
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      mdp_lib.CrowdAversion(base, aversion),
      discount,
      np.array([1.0, 0.0]),
    )
  )
  crowd = equilibrium.solve(model, eta).mean_field
  ratio = np.log(crowd[0] / crowd[1])
  expected = bonus / (aversion + eta * (1 - discount) / (2 * discount))
  assert ratio == pytest.approx(expected, rel=1e-10)


def test_over_a_finite_horizon():
  model = compiled_game.CompiledGame(
    pyspiel.load_game("python_mfg_two_islands(horizon=6)")
  )
  solver = interior_point.InteriorPoint(model, 0.05)
  for _ in range(12):
    solver.iteration()
  policy = solver.refined_policy()
  values = model.optimal_action_values(model.mean_field(policy), 0.05)
  expected = softmax.softmax(values, 0.05 * model.discounts)
  reached = model.mean_field(policy) > 0
  np.testing.assert_allclose(
    policy[reached], expected[reached], rtol=1e-10, atol=0
  )


def test_there_is_no_result_if_probabilities_underflow():
  solver = interior_point.InteriorPoint(_rooms(0.4), 1e-5)
  for _ in range(12):
    solver.iteration()
  assert solver.refined_policy() is None
