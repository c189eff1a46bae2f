"""Tests of the stationary equations, against dense matrices."""

import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel import games  # noqa: F401 (Registers them.)
from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.equilibria import stationary_system
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model

GAMES = (
  "python_mfg_two_islands",
  "python_mfg_four_rooms(room_size=2)",
  "python_mfg_four_rooms_poi(room_size=2,discount=0.99,slip_probability=0.0)",
  "python_mfg_two_islands(discount=0.0)",
)


def _system(name):
  mdp = pyspiel.load_game(name).mean_field_mdp()
  return stationary_system.StationarySystem(
    stationary_model.StationaryModel(mdp)
  )


def _parted_model(reward=None):
  """Two pairs of states that no play connects, and a way into both of them.

  From state 0 play leads to 1 or 3, from these to 2 and 4, and back.
  """
  targets = [[1, 3], [1, 2], [1, 2], [3, 4], [3, 4]]
  kernel = 0.1 * np.eye(5)[np.flip(targets, axis=1)]
  kernel += 0.9 * np.eye(5)[targets]
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      reward or mdp_lib.CrowdAversion(np.zeros((5, 2)), 0.2),
      0.9,
      np.array([0.4, 0.1, 0.2, 0.2, 0.1]),
    )
  )


def _dense_solution(system, weights, slopes, dual, primal):
  """Returns dx, dV of the equations of a step, by a dense matrix.

  Expected values are the model's own, and the flow equations their transpose
  without the discount; the first one of each class is replaced by its mass.
  """
  size, num_pairs = system.num_states, len(system.states)
  gather = np.eye(size)[system.states]
  kernel = system._model.mdp.kernel.toarray()[system._model_pairs][
    :, system._rows
  ]
  flow = gather.T - kernel.T
  right = primal.copy()
  for anchor, members in zip(system.anchors, system.class_sums.toarray()):
    flow[anchor] = members @ gather.T
    right[anchor] = members @ primal
  slope = slopes.own[:, None] * gather
  if slopes.coupling is not None:
    slope = slope + slopes.coupling.toarray()
  values = gather - system.discount * kernel
  matrix = np.block(
    [
      [np.diag(1 / weights) - slope @ gather.T, values],
      [flow, np.zeros((size, size))],
    ]
  )
  solution = np.linalg.solve(matrix, np.concatenate([dual, right]))
  return solution[:num_pairs], solution[num_pairs:]


@pytest.mark.parametrize("game", [*GAMES, "parted"])
@pytest.mark.parametrize("kind", ["state", "pair", "coupled"])
def test_solves_the_linear_equations(game, kind):
  rng = np.random.default_rng(0)
  if game == "parted":
    system = stationary_system.StationarySystem(_parted_model())
  else:
    system = _system(game)
  size, num_pairs = system.num_states, len(system.states)
  weights = np.exp(rng.normal(size=num_pairs))
  own = -rng.exponential(size=size)[system.states]
  if kind != "state":
    own = own + 0.1 * rng.normal(size=num_pairs)
  coupling = None
  if kind == "coupled":
    coupling = sparse.csr_array(0.1 * rng.normal(size=(num_pairs, size)))
  slopes = reward_slopes.Slopes(own, coupling)
  solve = system.linearized(weights, slopes)
  for _ in range(2):  # It keeps nothing of a first right-hand side.
    dual, primal = rng.normal(size=num_pairs), rng.normal(size=size)
    expected = _dense_solution(system, weights, slopes, dual, primal)
    for found, wanted in zip(solve(dual, primal), expected):
      np.testing.assert_allclose(
        found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max()
      )


def test_rare_moves_balance_where_weights_differ_by_many_orders_of_magnitude():
  """Most players stay; those who move are known to many digits, too."""
  rng = np.random.default_rng(0)
  system = _system("python_mfg_four_rooms")
  is_stay = np.arange(len(system.states)) % 5 == 0
  masses = rng.random(system.num_states)[system.states]
  weights = np.where(is_stay, 1e12, 1e-13) * masses
  slopes = reward_slopes.Slopes(-0.2 / masses)
  target = np.where(is_stay, 1e-13 * rng.normal(size=len(weights)), -0.4)
  flow, _ = system.linearized(weights, slopes)(
    target, np.zeros(system.num_states)
  )
  moving = flow[~is_stay]
  assert np.abs(moving).max() < 1e-10
  lost = np.abs(system.falls.T @ flow).max()
  assert lost <= 1e-12 * np.abs(moving).max()


def test_flows_of_policies_meet_the_flow_equations():
  rng = np.random.default_rng(0)
  for system in (
    _system("python_mfg_four_rooms"),
    stationary_system.StationarySystem(_parted_model()),
  ):
    num_actions = len(system.states) // system.num_states
    policy = rng.dirichlet(
      np.ones(num_actions), size=len(system._model.legal_actions_mask)
    )
    # Where play leads to and not back, it is uniform.
    outside = np.ones(len(policy), bool)
    outside[system._rows] = False
    policy[outside] = 1 / num_actions
    flow = system.flow_of(policy)
    np.testing.assert_allclose(system.missing_flow(flow), 0, atol=1e-15)
    np.testing.assert_allclose(system.policy_of(flow), policy, rtol=1e-12)


def test_classes_have_the_masses_that_play_leads_to_them():
  system = stationary_system.StationarySystem(_parted_model())
  assert system.num_states == 4
  np.testing.assert_array_equal(system.classes, [0, 0, 1, 1])
  np.testing.assert_allclose(system.class_masses, [0.5, 0.5], rtol=1e-14)


def test_expected_values():
  system = _system("python_mfg_two_islands")
  values = np.random.default_rng(0).normal(size=system.num_states)
  expected = 0.9 * system._model.mdp.kernel @ values
  np.testing.assert_allclose(system.expected(values), expected, atol=1e-14)


def test_a_kernel_that_depends_on_the_mean_field_is_refused():
  kernel = np.full((4, 2), 0.5)
  mdp = mdp_lib.MeanFieldMDP(
    lambda _: sparse.csr_array(kernel),
    mdp_lib.CrowdAversion(np.zeros((2, 2)), 0.2),
    0.9,
    np.array([0.5, 0.5]),
  )
  model = stationary_model.StationaryModel(mdp)
  with pytest.raises(ValueError, match="kernel must not depend on the"):
    stationary_system.StationarySystem(model)
