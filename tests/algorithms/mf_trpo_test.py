"""Tests of MF-TRPO against the printed formulas and known equilibria."""

import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model


def stationary(setting):
  game = factory.create_game(setting=setting)
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def printed_policy_update(policy, action_values, eta, step):
  """PolicyUpdate of the paper; a constant per row keeps exp in range."""
  exponent = (action_values - eta * np.log(policy)) / (eta * (step + 2))
  exponent -= exponent.max(axis=1, keepdims=True)
  weights = policy * np.exp(exponent)
  return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_iterations_are_those_printed(eta):
  """Algorithms 1 and 2 with L = 4, M = 3 and beta = 0.1."""
  model = stationary("two_islands")
  algorithm = mf_trpo.MFTRPO(
    model,
    regularization=eta,
    num_policy_updates=4,
    num_population_steps=3,
    population_update_rate=0.1,
  )
  mean_field = model.initial_mean_field()
  kernel = model.mdp.kernel.toarray().reshape(14, 2, 14)
  for _ in range(5):
    algorithm.iteration()
    policy = np.full((14, 2), 0.5)
    rewards = model.mdp.reward(mean_field)
    for step in range(4):
      chain = np.einsum("sa,sat->st", policy, kernel)
      bonus = -eta * (policy * np.log(policy)).sum(axis=1)
      values = np.linalg.solve(
        np.eye(14) - 0.9 * chain, (policy * rewards).sum(axis=1) + bonus
      )
      action_values = rewards + 0.9 * kernel @ values
      policy = printed_policy_update(policy, action_values, eta, step)
    chain = np.einsum("sa,sat->st", policy, kernel)
    moved = mean_field @ np.linalg.matrix_power(chain, 3)
    mean_field = mean_field + 0.1 * (moved - mean_field)
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-12)
    np.testing.assert_allclose(algorithm.mean_field, mean_field, atol=1e-12)


def test_trpo_telescopes():
  """pi_L = softmax(sum_{l<L} Q_l / (eta (L + 1)))."""
  model = stationary("two_islands")
  start = model.initial_mean_field()
  action_values = []
  policy = np.full((14, 2), 0.5)
  for updates in range(1, 6):
    action_values.append(model.action_values(policy, start, 0.05))
    algorithm = mf_trpo.MFTRPO(
      model, regularization=0.05, num_policy_updates=updates
    )
    algorithm.iteration()
    policy = algorithm.policy
    logits = np.sum(action_values, axis=0) / (0.05 * (updates + 1))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
      policy, weights / weights.sum(axis=1, keepdims=True), atol=1e-12
    )


def test_the_floor_falls_with_the_number_of_policy_updates_squared():
  """phi_eta is c / (L + 1)^2, up to a relative O(1 / L)."""
  model = stationary("two_islands")
  updates = np.array([10, 20, 40])
  floors = []
  for num_updates in updates:
    algorithm = mf_trpo.MFTRPO(
      model,
      0.3,
      num_policy_updates=int(num_updates),
      population_update_rate=0.1,
    )
    for _ in range(200):
      algorithm.iteration()
    floors.append(model.exploitability(algorithm.policy, 0.3))
  scaled = np.array(floors) * (updates + 1) ** 2
  assert (np.abs(scaled / scaled[-1] - 1) < 1 / updates).all()


@pytest.mark.parametrize(
  "setting", ["four_rooms", "two_islands", "four_rooms_poi"]
)
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_the_warm_start_has_no_floor(setting, eta):
  model = stationary(setting)
  algorithm = mf_trpo.MFTRPO(model, eta, warm_start=True)
  for _ in range(1500):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy, eta) < 1e-8
  # The mean field is consistent with the policy.
  law = model.mean_field(algorithm.policy)
  assert np.abs(algorithm.mean_field - law).sum() < 1e-5


@pytest.mark.parametrize(
  "setting", ["four_rooms", "two_islands", "four_rooms_poi"]
)
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_the_automatic_rate_converges_sooner_than_that_of_the_paper(
  setting, eta
):
  """The ratio depends on rounding, which differs between machines."""
  model = stationary(setting)
  automatic, fixed = (
    mf_trpo.MFTRPO(model, eta, warm_start=True, population_update_rate=rate)
    for rate in ("auto", 0.01)
  )
  for iteration in range(1, 601):
    automatic.iteration()
    fixed.iteration()
    if iteration % 25 == 0:
      exploitability = model.exploitability(automatic.policy, eta)
      if exploitability < 1e-12:
        break
  assert exploitability < 1e-12
  assert exploitability < model.exploitability(fixed.policy, eta)


def test_the_automatic_rate_is_the_rule_that_is_described():
  model = stationary("two_islands")
  algorithm = mf_trpo.MFTRPO(
    model, warm_start=True, population_update_rate="auto"
  )
  mean_field = model.initial_mean_field()
  rate, last_move, num_overshoots = 0.01, np.zeros(14), 0
  for _ in range(60):
    algorithm.iteration()
    move = model.propagate(algorithm.policy, mean_field, None) - mean_field
    if np.abs(move).sum() > 1e-12:
      if move @ last_move < 0:
        rate, num_overshoots = rate / 2, num_overshoots + 1
      else:
        growth = max(0.2 / (num_overshoots + 1) ** 2, 0.0005)
        rate = min(1, rate * (1 + growth))
    mean_field, last_move = mean_field + rate * move, move
    np.testing.assert_allclose(algorithm.mean_field, mean_field, atol=1e-14)
  assert num_overshoots > 0


@pytest.mark.parametrize(
  ("kind", "name"),
  [("stationary", "python_mfg_two_islands"), ("compiled", "mfg_garnet")],
)
@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_one_warm_step_with_rate_1_is_mirror_descent(kind, name, eta):
  """If both start from the same mean field, here that of the uniform policy."""
  model = from_game.create_model(kind, pyspiel.load_game(name))
  one = mf_trpo.MFTRPO(
    model,
    eta,
    num_policy_updates=1,
    population_update_rate=1.0,
    warm_start=True,
    max_step_count=0,
  )
  other = mirror_descent.MirrorDescent(
    model, lr=1 / (2 * eta), regularization=eta
  )
  uniform = other.policy
  one.restore({**one.state(), "mean_field": other.mean_field})
  for _ in range(20):
    one.iteration()
    other.iteration()
    # States that no play reaches keep their policy in MF-TRPO.
    reached = model.reachable(other.policy, other.mean_field, other.mean_field)
    np.testing.assert_allclose(
      one.policy[reached], other.policy[reached], rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
      one.mean_field, other.mean_field, rtol=0, atol=1e-12
    )
  assert np.abs(other.policy - uniform).max() > 0.01


def test_the_rate_may_be_a_schedule():
  model = stationary("two_islands")
  seen = []

  def schedule(iteration):
    seen.append(iteration)
    return 1 / (iteration + 1)

  algorithm = mf_trpo.MFTRPO(model, population_update_rate=schedule)
  algorithm.iteration()
  halfway = algorithm.mean_field
  start = model.initial_mean_field()
  moved = model.propagate(algorithm.policy, start, None)
  np.testing.assert_allclose(halfway, (start + moved) / 2)
  algorithm.iteration()
  assert seen == [1, 2]


def test_states_out_of_reach_keep_their_policy():
  """Two absorbing states; nu has its mass in the first."""
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel=np.repeat(np.eye(2), 2, axis=0),
      reward=lambda mean_field: np.array([[0.0, 1.0], [0.0, 1.0]]),
      discount=0.5,
      initial_distribution=[0.5, 0.5],
    )
  )
  algorithm = mf_trpo.MFTRPO(model, restart_distribution=np.array([1.0, 0.0]))
  algorithm.iteration()
  assert algorithm.policy[0, 1] > 0.99
  np.testing.assert_array_equal(algorithm.policy[1], [0.5, 0.5])


def test_on_an_openspiel_game():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=6)")
  algorithm = mf_trpo.MFTRPO(
    game, 0.3, warm_start=True, population_update_rate=0.3
  )
  uniform = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
  frozen = algorithm.get_policy()
  for _ in range(40):
    algorithm.iteration()
  assert algorithm.model.exploitability(algorithm.policy, 0.3) < 1e-5
  reached = nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()
  assert reached == pytest.approx(
    algorithm.model.exploitability(algorithm.policy)
  )
  assert reached < uniform
  # A policy that was returned earlier does not change.
  again = nash_conv.NashConv(game, frozen).nash_conv()
  assert again == uniform
  law = algorithm.distribution
  assert sum(
    law.value_str(f"({x}, 3)", 0.0) for x in range(14)
  ) == pytest.approx(1)


def test_models_agree_where_time_does_not_matter():
  """With discount 0 and an invariant start, each layer is a stationary game."""
  params = {"discount": 0.0, "horizon": 1}
  game = pyspiel.load_game("python_mfg_two_islands", params)
  stationary_one = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  finite = openspiel_model.OpenSpielModel(game)
  mean_field = stationary_one.initial_mean_field()
  one = mf_trpo.MFTRPO(stationary_one, num_population_steps=1)
  other = mf_trpo.MFTRPO(finite)
  one.iteration()
  other.iteration()
  x = int(mean_field.argmax())
  row = finite.observation_strings.index(f"({x}, 0)")
  np.testing.assert_allclose(other.policy[row], one.policy[x], atol=1e-14)


def test_without_a_future_only_the_present_counts():
  """With discount 0, in a game of several steps."""
  game = pyspiel.load_game(
    "python_mfg_two_islands", {"discount": 0.0, "horizon": 3}
  )
  algorithm = mf_trpo.MFTRPO(game, 0.3, warm_start=True)
  for _ in range(20):
    algorithm.iteration()
  assert np.isfinite(algorithm.policy).all()
  assert 0 <= algorithm.model.exploitability(algorithm.policy, 0.3) < 1e-10


def test_without_a_future_only_the_restart_states_are_updated():
  """Algorithm 1 updates the support of d = nu, if the discount is 0."""
  rng = np.random.default_rng(0)
  mdp = mdp_lib.MeanFieldMDP(
    kernel=rng.dirichlet(np.ones(3), (3, 2)),
    reward=mdp_lib.CrowdAversion(rng.normal(size=(3, 2)), 0.4),
    discount=0.0,
    initial_distribution=np.full(3, 1 / 3),
  )
  algorithm = mf_trpo.MFTRPO(
    stationary_model.StationaryModel(mdp),
    restart_distribution=np.array([0.0, 1.0, 0.0]),
  )
  algorithm.iteration()
  np.testing.assert_array_equal(algorithm.policy[[0, 2]], 0.5)
  assert algorithm.policy[1].max() > 0.6


@pytest.mark.parametrize(
  ("discount", "horizon", "name"),
  [
    (0.0, 3, "openspiel"),
    (0.0, 3, "compiled"),
    (0.1, 330, "openspiel"),
    (0.1, 330, "compiled"),
  ],
)
def test_steps_are_numbers_where_the_weight_of_later_times_underflows(
  discount, horizon, name
):
  """Against the closed form of the step at the first state."""
  rng = np.random.default_rng(0)
  kernel = rng.dirichlet(np.ones(2), (2, 2))
  rewards = rng.normal(size=(2, 2))
  mdp = mdp_lib.MeanFieldMDP(
    kernel=lambda law: 0.7 * kernel + 0.3 * law / law.sum(),
    reward=lambda mean_field: rewards,
    discount=discount,
    initial_distribution=[0.5, 0.5],
  )
  game = mdp_game.MDPGame(mdp, horizon)
  root = game.new_initial_state()
  root.apply_action(1)
  root.update_distribution([0.5, 0.5])
  algorithm = mf_trpo.MFTRPO(
    from_game.create_model(name, game, root),
    0.3,
    num_policy_updates=1,
    warm_start=True,
  )
  assert not algorithm.model.legal_actions_mask.all()
  algorithm.iteration()
  assert np.isfinite(algorithm.policy).all()
  assert np.isfinite(algorithm.model.exploitability(algorithm.policy, 0.3))
  if not discount:
    row = algorithm.model.observation_strings.index("(1, 0)")
    weights = np.exp((rewards[1] - 0.3 * np.log(0.5)) / (0.3 * 2))
    np.testing.assert_allclose(
      algorithm.policy[row], weights / weights.sum(), rtol=1e-12
    )


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"regularization": 0.0}, "regularization must be a number in"),
    ({"regularization": float("nan")}, "regularization must"),
    ({"num_policy_updates": 0}, "num_policy_updates must be a whole number"),
    ({"num_policy_updates": 1.5}, "num_policy_updates must"),
    ({"num_population_steps": 0}, "num_population_steps must"),
    ({"population_update_rate": 0.0}, "population_update_rate must"),
    ({"population_update_rate": 1.1}, "population_update_rate must"),
    ({"max_step_count": -1, "warm_start": True}, "max_step_count must be"),
    ({"max_step_count": 5}, "max_step_count must not be given without warm_st"),
    ({"max_step_count": 0}, "max_step_count must not be given without warm_st"),
    ({"warm_start": "no"}, "warm_start must be a bool, got 'no'"),
    ({"restart_distribution": np.ones(3)}, "restart_distribution must"),
    ({"restart_distribution": np.ones(14)}, "restart_distribution must sum"),
  ],
)
def test_bad_parameters_are_refused(options, message):
  with pytest.raises(ValueError, match=message) as error:
    mf_trpo.MFTRPO(stationary("two_islands"), **options)
  assert "\n" not in str(error.value)


def test_a_schedule_out_of_range_is_refused():
  algorithm = mf_trpo.MFTRPO(
    stationary("two_islands"), population_update_rate=lambda k: 2.0
  )
  with pytest.raises(ValueError, match="population_update_rate must"):
    algorithm.iteration()


def test_objects_other_than_models_are_refused():
  with pytest.raises(ValueError, match="game must be"):
    mf_trpo.MFTRPO("python_mfg_two_islands")
