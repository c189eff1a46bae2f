"""The equations over a finite horizon, compared with dense matrices."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401 (Registers them.)
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.equilibria import layered_system
from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.models import compiled_game

GAMES = (
  "mfg_crowd_modelling(size=5,horizon=4)",
  "mfg_garnet(size=6,horizon=4)",
  "python_mfg_four_rooms(horizon=5)",
  "python_mfg_predator_prey(horizon=3)",
)


def _dense_solution(system, weights, slopes, dual, primal):
  """Returns dx, dV of the equations in the docstring of `complementarity`."""
  size, num_pairs = system.num_states, len(system.states)
  gather = np.eye(size)[system.states]
  expected = np.stack([system.expected(unit) for unit in np.eye(size)], axis=1)
  flow = gather.T - expected.T
  slope = slopes.own[:, None] * gather
  if slopes.coupling is not None:
    slope = slope + slopes.coupling.toarray()
  matrix = np.block(
    [
      [np.diag(1 / weights) - slope @ gather.T, gather - expected],
      [flow, np.zeros((size, size))],
    ]
  )
  solution = np.linalg.solve(matrix, np.concatenate([dual, primal]))
  return solution[:num_pairs], solution[num_pairs:]


def _layer_coupling(system, rng):
  """Returns random (E, N) slopes within layers, a third of them 0."""
  layer_of = np.repeat(
    np.arange(len(system.layers)), [x.stop - x.start for x in system.layers]
  )
  same = layer_of[system.states][:, None] == layer_of
  dense = rng.normal(size=same.shape) * (rng.random(same.shape) < 2 / 3)
  return sparse.csr_array(np.where(same, dense, 0.0))


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("kind", ["state", "pair", "layer"])
def test_solves_the_linear_equations(game, kind):
  rng = np.random.default_rng(0)
  model = compiled_game.CompiledGame(pyspiel.load_game(game))
  system = layered_system.LayeredSystem(model)
  size, num_pairs = system.num_states, len(system.states)
  weights = np.exp(rng.normal(size=num_pairs))
  own = -rng.exponential(size=size)[system.states]
  if kind != "state":
    own = own + 0.1 * rng.normal(size=num_pairs)
  coupling = _layer_coupling(system, rng) * 0.1 if kind == "layer" else None
  slopes = reward_slopes.Slopes(own, coupling)
  solve = system.linearized(weights, slopes)
  for _ in range(2):  # The second solution must not depend on the first.
    dual, primal = rng.normal(size=num_pairs), rng.normal(size=size)
    expected = _dense_solution(system, weights, slopes, dual, primal)
    for found, wanted in zip(solve(dual, primal), expected):
      np.testing.assert_allclose(
        found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max()
      )


def test_conserves_flow_where_weights_differ_by_many_orders_of_magnitude():
  rng = np.random.default_rng(0)
  model = compiled_game.CompiledGame(pyspiel.load_game("python_mfg_four_rooms"))
  system = layered_system.LayeredSystem(model)
  weights = 10.0 ** rng.uniform(-14, 12, size=len(system.states))
  slopes = reward_slopes.Slopes(
    -1 / rng.random(system.num_states)[system.states]
  )
  target = rng.normal(size=len(weights)) / np.sqrt(weights)
  flow, _ = system.linearized(weights, slopes)(
    target, np.zeros(system.num_states)
  )
  start = system.missing_flow(np.zeros(len(weights)))
  lost = system.missing_flow(flow) - start
  assert np.abs(lost).max() <= 1e-14 * np.abs(flow).max()


def test_flows_of_policies_satisfy_the_flow_equations():
  rng = np.random.default_rng(0)
  model = compiled_game.CompiledGame(pyspiel.load_game("mfg_garnet"))
  system = layered_system.LayeredSystem(model)
  policy = rng.dirichlet(np.ones(3), size=len(model.layers))
  flow = system.flow_of(policy)
  np.testing.assert_allclose(system.missing_flow(flow), 0, atol=1e-15)
  np.testing.assert_allclose(system.policy_of(flow), policy, rtol=1e-14)
