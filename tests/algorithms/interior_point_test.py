"""Tests of the interior-point method in games whose equilibrium is known."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import factory as openspiel_factory
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import equilibrium
from mftrpo_openspiel.algorithms import interior_point
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game

pytestmark = pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
BASE = np.array([0.3, 0.0, -0.2, 0.1])


def choice(reward, discount=0.9):
  """Everybody starts in the first of S states, and then chooses one.

  At time 1 the reward depends on the state; at time 0 it is the same for all.
  """
  size = len(BASE)
  mdp = mdp_lib.MeanFieldMDP(
    np.tile(np.eye(size), (size, 1)), reward, discount, np.eye(size)[0]
  )
  return compiled_game.CompiledGame(mdp_game.MDPGame(mdp, 2))


def shares(found):
  return found.mean_field[len(BASE) :]


def relative(model, policy, eta=0.0):
  """The exploitability relative to that of the uniform policy."""
  mask = model.legal_actions_mask
  uniform = mask / mask.sum(axis=1, keepdims=True)
  return model.exploitability(policy, eta) / model.exploitability(uniform, eta)


@pytest.mark.parametrize("crowd_aversion", [0.05, 0.4, 3.0])
def test_shares_under_crowd_aversion(crowd_aversion):
  """All choices have the same value: b(s) - K log mu(s) = const."""
  base = np.repeat(BASE[:, None], len(BASE), axis=1)
  model = choice(mdp_lib.CrowdAversion(base, crowd_aversion))
  weights = np.exp(BASE / crowd_aversion)
  np.testing.assert_allclose(
    shares(equilibrium.solve(model)), weights / weights.sum(), atol=1e-12
  )


@pytest.mark.parametrize("eta", [0.05, 1.0])
def test_shares_under_crowd_aversion_and_regularization(eta):
  """mu(s) ~ exp(gamma (b(s) - K log mu(s)) / eta)."""
  base = np.repeat(BASE[:, None], len(BASE), axis=1)
  model = choice(mdp_lib.CrowdAversion(base, 0.2))
  weights = np.exp(0.9 * BASE / (eta + 0.9 * 0.2))
  np.testing.assert_allclose(
    shares(equilibrium.solve(model, eta)), weights / weights.sum(), atol=1e-12
  )


@pytest.mark.parametrize("congestion", [0.05, 0.3, 3.0])
def test_shares_under_linear_congestion(congestion):
  """Water filling: b(s) - c mu(s) is equal in used states, else less."""
  reward = declared_rewards.LinearReward(
    np.repeat(BASE[:, None], len(BASE), axis=1),
    -congestion * np.repeat(np.eye(len(BASE)), len(BASE), axis=0),
  )
  found = equilibrium.solve(choice(reward))
  for count in range(1, len(BASE) + 1):
    level = (np.sort(BASE)[-count:].sum() - congestion) / count
    expected = np.maximum(BASE - level, 0) / congestion
    if (expected > 0).sum() == count:
      break
  np.testing.assert_allclose(shares(found), expected, atol=1e-12)
  np.testing.assert_array_equal(found.never_played[0], expected == 0)
  assert found.gap < 1e-12


def test_a_choice_that_is_as_good_but_not_used():
  """Its mass falls only like the square root of the gap."""
  reward = declared_rewards.LinearReward(
    np.repeat(BASE[:, None], len(BASE), axis=1),
    -0.4 * np.repeat(np.eye(len(BASE)), len(BASE), axis=0),
  )
  found = equilibrium.solve(choice(reward))
  np.testing.assert_allclose(
    shares(found), [0.75, 0.0, 0.0, 0.25], rtol=0, atol=1e-8
  )
  np.testing.assert_array_equal(
    found.never_played[0], [False, False, True, False]
  )


def test_rock_paper_scissors():
  """Where all states are used, b + M mu is constant: a linear equation."""
  interaction = np.zeros((4, 4))
  interaction[:3, :3] = [[-0.1, -1, 1], [1, -0.1, -1], [-1, 1, -0.1]]
  base = np.array([0.02, 0.0, -0.01, -9.0])
  model = choice(
    declared_rewards.LinearReward(
      np.repeat(base[:, None], 4, axis=1), np.repeat(interaction, 4, axis=0)
    )
  )
  system = np.block(
    [
      [interaction[:3, :3], -np.ones((3, 1))],
      [np.ones((1, 3)), np.zeros((1, 1))],
    ]
  )
  expected = np.linalg.solve(system, [*-base[:3], 1.0])[:3]
  np.testing.assert_allclose(
    shares(equilibrium.solve(model)), [*expected, 0.0], atol=1e-12
  )


@pytest.mark.parametrize(
  "name",
  ["mfg_crowd_modelling(size=5,horizon=4)", "mfg_garnet(size=6,horizon=4)"],
)
def test_openspiel_finds_nothing_to_gain(name):
  game = pyspiel.load_game(name)
  solver = interior_point.InteriorPoint(game)
  first = nash_conv.NashConv(game, solver.get_policy()).nash_conv()
  for _ in range(15):
    solver.iteration()
  last = nash_conv.NashConv(game, solver.get_policy()).nash_conv()
  assert abs(last) < 1e-13 * first
  assert solver.exploitability == solver.model.exploitability(solver.policy)


def random_reward(rng, kind, base):
  """Reward of a monotone game, which falls with the mass of the crowd."""
  size, num_actions = base.shape
  if kind == "crowd aversion":
    return mdp_lib.CrowdAversion(base, 10 ** rng.uniform(-3, 1))
  if kind == "local":
    weights, powers = 10 ** rng.uniform(-2, 1, size), rng.uniform(0.3, 3, size)
    return declared_rewards.LocalReward(
      lambda masses: base - (weights * masses**powers)[:, None]
    )
  potential, rotation = rng.normal(size=(2, size, size))
  matrix = (rotation - rotation.T) * rng.random()
  matrix -= potential @ potential.T / size * rng.random()
  if kind == "linear":
    return declared_rewards.LinearReward(
      base, np.repeat(matrix, num_actions, axis=0)
    )
  return lambda law: base + (matrix @ law)[:, None]


def random_game(kind, seed):
  rng = np.random.default_rng(seed)
  size, num_actions = int(rng.integers(2, 12)), int(rng.integers(2, 5))
  shape = size, num_actions
  kernel = rng.dirichlet(np.full(size, 10 ** rng.uniform(-1.5, 0.5)), shape)
  if rng.random() < 0.4:
    kernel = np.eye(size)[rng.integers(size, size=shape)]
  base = rng.normal(size=shape) * 10 ** rng.uniform(-2, 2)
  start = np.eye(size)[0]
  if rng.random() < 0.5:
    start = rng.dirichlet(np.full(size, 0.5))
  mdp = mdp_lib.MeanFieldMDP(
    kernel,
    random_reward(rng, kind, base),
    rng.choice([0.5, 0.9, 0.99]),
    start,
  )
  horizon = int(rng.integers(1, 12))
  return compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon))


KINDS = ("crowd aversion", "local", "linear", "undeclared")


@pytest.mark.parametrize("eta", [0.0, 0.1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_few_random_monotone_games(kind, eta):
  for seed in range(4):
    model = random_game(kind, seed)
    found = equilibrium.solve(model, eta, 1e-12, max_iterations=30)
    assert relative(model, found.policy, eta) <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_random_monotone_games(kind, is_nightly):
  for seed in range(100 if is_nightly else 20):
    model = random_game(kind, seed)
    found = equilibrium.solve(model, 0.0, 1e-10, max_iterations=30)
    assert relative(model, found.policy) <= 1e-10


def test_exact_where_the_slacks_of_all_that_is_played_vanish():
  """Here the weights of Newton's equations are too large for a plain LU."""
  solver = interior_point.InteriorPoint(random_game("crowd aversion", 7))
  for _ in range(30):
    solver.iteration()
  assert relative(solver.model, solver.policy) <= 1e-12


def iterate(solver, max_iterations, target):
  """Iterates until exploitability is `target` times the first one."""
  first = solver.exploitability
  while solver.num_iterations < max_iterations:
    solver.iteration()
    if solver.exploitability <= target * first:
      break


SMALL = (
  "python_mfg_two_islands",
  "python_mfg_four_rooms(horizon=15)",
  "mfg_crowd_modelling",
  "mfg_garnet",
)
LARGE = (
  "python_mfg_four_rooms",
  "python_mfg_four_rooms_poi",
  "python_mfg_crowd_modelling",
  "python_mfg_predator_prey",
  "python_mfg_crowd_avoidance(coef_congestion=0.5)",
  "python_mfg_periodic_aversion",
  "mean_field_lin_quad",
)


@pytest.mark.parametrize(
  "name", [*SMALL, *(pytest.param(x, marks=pytest.mark.slow) for x in LARGE)]
)
def test_exploitability_vanishes(name):
  solver = interior_point.InteriorPoint(pyspiel.load_game(name))
  iterate(solver, 26, 1e-13)
  assert relative(solver.model, solver.policy) <= 1e-12
  np.testing.assert_array_equal(
    solver.mean_field, solver.model.mean_field(solver.policy)
  )


@pytest.mark.slow
@pytest.mark.parametrize(
  "maze", ["four_rooms", pytest.param("maze", marks=pytest.mark.nightly)]
)
def test_large_grids_of_openspiel(maze):
  game = openspiel_factory.create_game_with_setting(
    "mfg_crowd_modelling_2d", f"crowd_modelling_2d_{maze}"
  )
  solver = interior_point.InteriorPoint(game)
  iterate(solver, 26, 1e-12)
  assert relative(solver.model, solver.policy) <= 1e-11


@pytest.mark.parametrize("setting", ["two_islands", "four_rooms_poi"])
def test_the_annealed_method_is_as_near_as_its_exploitability_says(setting):
  """K sum over t of gamma^t |mu_t - mu*_t|_1^2 <= NashConv.

  The gain from mu to mu* is at least the sum of gamma^t (r(mu) - r(mu*)) (mu* -
  mu), in which -K log mu gives K times both divergences of mu_t and mu*_t.
  """
  game = factory.create_game(f"python_mfg_{setting}(horizon=15)")
  model = from_game.create_model("compiled", game)
  found = equilibrium.solve(model)
  solver = annealed_mf_trpo.AnnealedMFTRPO(model)
  weight = game.mean_field_mdp().reward.crowd_aversion
  for num_iterations in (10, 100):
    while solver.num_iterations < num_iterations:
      solver.iteration()
    law = model.mean_field(solver.policy)
    change = np.abs(law - found.mean_field).reshape(15, -1).sum(axis=1)
    discounts = model.discounts.reshape(15, -1)[:, 0]
    gain = model.exploitability(solver.policy)
    assert 0 < weight * discounts @ change**2 <= gain


def test_games_in_which_players_seek_crowds():
  """It may fail with an error; whatever is returned is an equilibrium."""
  num_found = 0
  for seed in range(12):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(4, 3))
    kernel = rng.dirichlet(np.full(4, 0.3), size=(4, 3))
    mdp = mdp_lib.MeanFieldMDP(
      kernel, mdp_lib.CrowdAversion(base, -2.0), 0.9, np.full(4, 0.25)
    )
    model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, 5))
    try:
      found = equilibrium.solve(model, max_iterations=60)
    except ArithmeticError as error:
      assert "was reached" in str(error)
      continue
    num_found += 1
    assert relative(model, found.policy) <= 1e-10
  assert num_found >= 6


def stuck_solver():
  """In this game Newton's method does not converge from the first flow."""
  rng = np.random.default_rng(41)
  kernel = rng.dirichlet(np.full(4, 0.3), size=(4, 3))
  reward = declared_rewards.LinearReward(
    np.zeros((4, 3)), rng.normal(size=(12, 4))
  )
  mdp = mdp_lib.MeanFieldMDP(kernel, reward, 0.9, np.eye(4)[0])
  return interior_point.InteriorPoint(mdp_game.MDPGame(mdp, 6))


def test_it_restarts_where_it_gets_stuck():
  solver, resumed = stuck_solver(), stuck_solver()
  least = solver.exploitability
  for _ in range(60):
    solver.iteration()
    # A restart keeps the best policy.
    assert solver.exploitability <= max(least, 1e-15)
    least = solver.exploitability
    if solver.num_iterations == 10:
      resumed.restore(solver.state())
  assert solver.state()["num_starts"] > 1
  assert relative(solver.model, solver.policy) <= 1e-10
  for _ in range(50):
    resumed.iteration()
  np.testing.assert_array_equal(resumed.policy, solver.policy)


def test_rest():
  """At the equilibrium more iterations do no harm."""
  solver = interior_point.InteriorPoint(
    pyspiel.load_game("python_mfg_two_islands(horizon=6)")
  )
  for _ in range(20):
    solver.iteration()
  policy = solver.policy
  for _ in range(60):
    solver.iteration()
  assert solver.num_iterations == 80
  assert relative(solver.model, solver.policy) < 1e-13
  np.testing.assert_allclose(solver.policy, policy, atol=1e-10)


def test_a_game_in_which_exploitability_is_always_zero():
  base = np.zeros((4, 4))
  solver = interior_point.InteriorPoint(
    choice(mdp_lib.CrowdAversion(base, 0.0))
  )
  for _ in range(3):
    solver.iteration()
  assert solver.exploitability == 0
  assert equilibrium.solve(solver.model).exploitability == 0


def test_bad_input_is_refused():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  for eta in (-0.1, float("nan"), float("inf")):
    with pytest.raises(ValueError, match="regularization must be a number"):
      interior_point.InteriorPoint(game, eta)
  with pytest.raises(
    ValueError, match="game must have transitions that do not"
  ):
    interior_point.InteriorPoint(
      pyspiel.load_game("python_mfg_dynamic_routing")
    )
  with pytest.raises(ValueError, match="game must be a game, a CompiledGame"):
    interior_point.InteriorPoint(from_game.create_model("openspiel", game))
