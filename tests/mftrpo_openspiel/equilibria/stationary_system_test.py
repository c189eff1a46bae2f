"""Tests of the stationary equations and of the equilibria that solve them."""

import time

import numpy as np
import pyspiel
import pytest
from scipy import optimize
from scipy import sparse
from scipy import special

from mftrpo_openspiel import games  # noqa: F401 (Registers them.)
from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import interior_point
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.equilibria import stationary_system
from mftrpo_openspiel.games import game_settings
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies

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


def _parted_model(discount=0.9):
  """Two pairs of states that no play connects, and a state that leads to both.

  From state 0 play leads to 1 or 3, from these to 2 and 4, and back to 1 and 3.
  """
  targets = [[1, 3], [1, 2], [1, 2], [3, 4], [3, 4]]
  kernel = 0.1 * np.eye(5)[np.flip(targets, axis=1)]
  kernel += 0.9 * np.eye(5)[targets]
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      mdp_lib.CrowdAversion(np.zeros((5, 2)), 0.2),
      discount,
      np.array([0.4, 0.1, 0.2, 0.2, 0.1]),
    )
  )


def _dense_solution(system, weights, slopes, dual, primal):
  """Returns dx, dV of the equations of a step, by a dense matrix.

  Expected values are computed by the model, and the flow equations are their
  transpose without the discount. The first one of each class is replaced by the
  equation of its total mass.
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
  for _ in range(2):  # The second solution must not depend on the first.
    dual, primal = rng.normal(size=num_pairs), rng.normal(size=size)
    expected = _dense_solution(system, weights, slopes, dual, primal)
    for found, wanted in zip(solve(dual, primal), expected):
      np.testing.assert_allclose(
        found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max()
      )


def test_rare_moves_balance_where_weights_differ_by_many_orders_of_magnitude():
  """Most players stay; the flows of those who move are accurate, too."""
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


def test_flows_of_policies_satisfy_the_flow_equations():
  rng = np.random.default_rng(0)
  for system in (
    _system("python_mfg_four_rooms"),
    stationary_system.StationarySystem(_parted_model()),
  ):
    num_actions = len(system.states) // system.num_states
    policy = rng.dirichlet(
      np.ones(num_actions), size=len(system._model.legal_actions_mask)
    )
    # The policy is uniform in transient states.
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


def test_rare_moves_are_accurate_to_all_digits():
  rates = np.array([1e-12, 3e-9, 0.2, 1 / 3])
  kernel = np.zeros((2, 2, 2))
  kernel[[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]] = rates
  kernel[[0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]] = 1 - rates
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      mdp_lib.CrowdAversion(np.zeros((2, 2)), 0.2),
      0.9,
      np.array([0.5, 0.5]),
    )
  )
  system = stationary_system.StationarySystem(model)
  signs = np.array([[1, -1], [1, -1], [-1, 1], [-1, 1]])
  np.testing.assert_array_equal(system.falls.toarray(), signs * rates[:, None])


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


def _solved(model, regularization=0.0, target=1e-10, max_iterations=40):
  """Returns the method after its gain fell to `target` times the first."""
  solver = interior_point.InteriorPoint(model, regularization)
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  first = model.exploitability(uniform, regularization)
  while model.exploitability(solver.policy, regularization) > target * first:
    assert solver.num_iterations < max_iterations
    solver.iteration()
  return solver


def _random_model(seed, kind):
  """A random game with 3 to 30 states, monotone unless `kind` is "seeking"."""
  rng = np.random.default_rng(seed)
  size, discount = int(rng.integers(3, 31)), rng.choice([0.5, 0.9, 0.99])
  kernel = rng.dirichlet(np.full(size, 0.3), size=(size, 3))
  base = rng.normal(size=(size, 3)) * 10 ** rng.uniform(-2, 0)
  if kind in ("shunning", "seeking"):
    aversion = 10 ** rng.uniform(-2, 1) * (1 if kind == "shunning" else -1)
    reward = mdp_lib.CrowdAversion(base, aversion)
  else:
    matrix = monotone_games.interaction_matrix(kind, size, rng)
    reward = declared_rewards.LinearReward(
      base, np.repeat(matrix[:, None], 3, axis=1)
    )
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(kernel, reward, discount, np.full(size, 1 / size))
  )


def _dense_gain(mdp, policy, regularization=0.0):
  """Returns the exploitability of a policy, by dense matrices."""
  size, num_actions = policy.shape
  kernel = mdp.kernel.toarray().reshape(size, num_actions, size)
  chain = np.einsum("sa,sat->st", policy, kernel)
  moved = (np.eye(size) + chain) / 2
  for _ in range(60):
    moved = moved @ moved
    moved /= moved.sum(axis=1, keepdims=True)
  law = mdp.initial_distribution @ moved
  rewards = mdp.reward(law)
  entropy = -np.where(policy > 0, policy * np.log(policy + 1e-300), 0).sum(1)
  values = np.linalg.solve(
    np.eye(size) - mdp.discount * chain,
    (policy * rewards).sum(axis=1) + regularization * entropy,
  )
  best, previous = values, np.full(size, -np.inf)
  while (best - previous).max() > 1e-14 * np.abs(best).max():
    previous = best
    action_values = rewards + mdp.discount * kernel @ best
    if regularization:
      top = action_values.max(axis=1, keepdims=True)
      better = np.exp((action_values - top) / regularization)
      better /= better.sum(axis=1, keepdims=True)
    else:
      better = np.eye(num_actions)[action_values.argmax(axis=1)]
    bonus = -np.where(better > 0, better * np.log(better + 1e-300), 0).sum(1)
    best = np.linalg.solve(
      np.eye(size) - mdp.discount * np.einsum("sa,sat->st", better, kernel),
      (better * rewards).sum(axis=1) + regularization * bonus,
    )
  return float(law @ (best - values))


def _travel_model(base, aversion, discount):
  """Players choose their next state, which determines their reward."""
  size = len(base)
  return stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      np.tile(np.eye(size), (size, 1)),
      mdp_lib.CrowdAversion(
        np.repeat(np.array(base)[:, None], size, axis=1), aversion
      ),
      discount,
      np.eye(size)[0],
    )
  )


@pytest.mark.parametrize("discount", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("aversion", [0.05, 0.4, 30.0])
def test_with_free_travel_the_mean_field_is_a_softmax(discount, aversion):
  """At equilibrium b - K log mu is the same in all states."""
  base = np.array([0.3, -0.2, 0.0, 0.1])
  solver = _solved(_travel_model(base, aversion, discount))
  crowd = np.exp(base / aversion)
  np.testing.assert_allclose(
    solver.mean_field, crowd / crowd.sum(), rtol=0, atol=1e-9
  )


@pytest.mark.parametrize("discount", [0.5, 0.9, 0.99])
def test_spots_that_are_left_at_random(discount):
  """From home players go to a spot i, which they leave with probability q_i.

  All spots have the same value V, and home has V_0 = r_0 + gamma V, so that

      b_i - K log mu_i = (1 - gamma + gamma q_i) V - gamma q_i V_0,

  with mu_0 = sum of q_i mu_i, as all leave home at once, and sum of mu = 1.
  """
  base, leave, aversion = np.array([0.5, 0.0, 0.2]), [0.2, 0.5, 0.9], 0.3
  kernel = np.zeros((4, 3, 4))
  kernel[0, np.arange(3), np.arange(1, 4)] = 1
  for spot, rate in enumerate(leave, 1):
    kernel[spot, :, [0, spot]] = np.array([[rate], [1 - rate]])
  reward = mdp_lib.CrowdAversion(
    np.repeat(np.append(0.1, base)[:, None], 3, axis=1), aversion
  )
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(kernel, reward, discount, np.eye(4)[0])
  )
  rates = np.array(leave)

  def crowd_of(unknowns):
    value, home = unknowns
    pay = (1 - discount + discount * rates) * value - discount * rates * home
    spots = np.exp((base - pay) / aversion)
    return np.append(rates @ spots, spots)

  def misses(unknowns):
    crowd = crowd_of(unknowns)
    home = 0.1 - aversion * np.log(crowd[0]) + discount * unknowns[0]
    return [np.log(crowd.sum()), home - unknowns[1]]

  start = np.full(2, 0.5 / (1 - discount))
  found = optimize.root(misses, start, options={"xtol": 1e-14})
  assert np.abs(misses(found.x)).max() < 1e-11
  solver = _solved(model)
  np.testing.assert_allclose(
    solver.mean_field, crowd_of(found.x), rtol=0, atol=1e-9
  )


def test_with_discount_0_players_maximize_the_reward():
  rng = np.random.default_rng(0)
  kernel, base = rng.dirichlet(np.ones(6), (6, 3)), rng.normal(size=(6, 3))
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel, mdp_lib.CrowdAversion(base, 2.0), 0.0, np.full(6, 1 / 6)
    )
  )
  best = base.argmax(axis=1)
  chain = kernel[np.arange(6), best]
  law = np.linalg.matrix_power(chain, 500)[0]
  solver = _solved(model)
  np.testing.assert_allclose(solver.mean_field, law, rtol=0, atol=1e-9)
  np.testing.assert_array_equal(solver.policy.argmax(axis=1), best)


@pytest.mark.parametrize("setting", [name for name in game_settings.SETTINGS])
def test_our_games_to_ten_digits(setting):
  name, parameters = game_settings.SETTINGS[setting]
  game = pyspiel.load_game(name, parameters)
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  start = time.process_time()
  solver = _solved(model, max_iterations=15)
  assert time.process_time() - start < 2
  assert solver.exploitability == model.exploitability(solver.policy)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0.0, 1e-4, 0.1])
@pytest.mark.parametrize("kind", ["shunning", *monotone_games.KINDS])
def test_random_monotone_games(kind, eta, is_nightly):
  num_games = 100 if eta == 0 else 10
  for seed in range(num_games if is_nightly else num_games // 5):
    model = _random_model(seed, kind)
    policy = _solved(model, eta).policy
    uniform = np.full(policy.shape, 1 / 3)
    gains = (_dense_gain(model.mdp, x, eta) for x in (policy, uniform))
    assert next(gains) <= 1.1e-10 * next(gains) + 1e-12


def test_steps_that_need_iterative_refinement():
  """All masses are small, and the slopes of rewards are singular."""
  _solved(monotone_games.random_game("potential", 78), target=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", monotone_games.KINDS)
def test_random_games_of_free_travel(kind, is_nightly):
  for seed in range(0, 100, 5 if is_nightly else 20):
    _solved(monotone_games.random_game(kind, seed))


@pytest.mark.parametrize("seed", range(8))
def test_reported_gains_are_correct_if_players_seek_crowds(seed):
  model = _random_model(seed, "seeking")
  solver = interior_point.InteriorPoint(model)
  for _ in range(20):
    solver.iteration()
  gain = _dense_gain(model.mdp, solver.policy)
  assert solver.exploitability == pytest.approx(gain, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("discount", [0.5, 0.99])
def test_in_parts_that_no_play_connects(discount):
  """Each pair of states has half of the mass, which it shares equally."""
  model = _parted_model(discount=discount)
  solver = _solved(model)
  np.testing.assert_allclose(
    solver.mean_field, [0, 0.25, 0.25, 0.25, 0.25], rtol=0, atol=1e-9
  )
  np.testing.assert_array_equal(solver.policy[0], [0.5, 0.5])


def test_agrees_with_annealed_mf_trpo():
  game = pyspiel.load_game("python_mfg_two_islands(reward_imbalance=0.2)")
  model = stationary_model.StationaryModel(game.mean_field_mdp())
  annealed = annealed_mf_trpo.AnnealedMFTRPO(model)
  for _ in range(400):
    annealed.iteration()
  gain = model.exploitability(annealed.policy)
  assert gain < 1e-6
  distance = np.abs(annealed.mean_field - _solved(model).mean_field).sum()
  assert distance <= 5 * np.sqrt(gain)


@pytest.mark.parametrize("eta", [0.3, 0.01, 1e-5])
def test_regularized_equilibria_are_fixed_points(eta):
  """The policy is softmax(Q / eta) under its own law, by dense matrices."""
  model = stationary_model.StationaryModel(
    pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  )
  solver = interior_point.InteriorPoint(model, eta)
  for _ in range(16):
    solver.iteration()
  policy, law = solver.policy, solver.mean_field
  kernel = model.mdp.kernel.toarray().reshape(14, 2, 14)
  np.testing.assert_allclose(
    law, np.einsum("s,sa,sat->t", law, policy, kernel), rtol=0, atol=1e-12
  )
  rewards = -0.2 * np.log(law)[:, None]
  values = np.zeros(14)
  for _ in range(500):  # Value iteration; 0.9^500 is 1e-23.
    action_values = rewards + 0.9 * kernel @ values
    values = eta * special.logsumexp(action_values / eta, axis=1)
  expected = np.exp((action_values - values[:, None]) / eta)
  # An error of 1e-15 in Q causes an error of 1e-15 / eta here.
  np.testing.assert_allclose(policy, expected, rtol=0, atol=1e-13 / eta + 1e-9)


@pytest.mark.parametrize("aversion", [0.2, 0.4])
@pytest.mark.parametrize("eta", [0.3, 0.05, 0.01, 1e-3, 1e-4])
def test_regularized_equilibria_where_moves_get_rare(aversion, eta):
  """Moves have probabilities down to e^-40, or even underflow."""
  game = pyspiel.load_game(
    "python_mfg_four_rooms_poi", {"crowd_aversion": aversion}
  )
  _solved(
    stationary_model.StationaryModel(game.mean_field_mdp(), game),
    eta,
    max_iterations=15,
  )


@pytest.mark.slow
def test_a_grid_of_ten_thousand_cells():
  game = pyspiel.load_game("python_mfg_four_rooms_poi(room_size=50)")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  start = time.process_time()
  _solved(model, max_iterations=15)
  assert time.process_time() - start < 60
