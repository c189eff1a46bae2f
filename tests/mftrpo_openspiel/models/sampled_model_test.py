"""Algorithms on samples, against the exact model of the same game."""

import copy
import pickle
import time

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pytest
import sampled_games
from scipy import stats

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator

KINDS = ("stationary", "compiled")
ALGORITHMS = {
  "mf_trpo": lambda model: mf_trpo.MFTRPO(model, num_policy_updates=2),
  "annealed": annealed_mf_trpo.AnnealedMFTRPO,
  "mirror_descent": mirror_descent.MirrorDescent,
  "fictitious_play": fictitious_play.FictitiousPlay,
}


@pytest.fixture(scope="module", name="game")
def game_fixture():
  return factory.create_game(setting="four_rooms_poi_5x5")


@pytest.fixture(scope="module", name="mdp")
def mdp_fixture(game):
  return game.mean_field_mdp()


def _model(kind, **options):
  return sampled_model.SampledModel(sampled_games.exact_model(kind), **options)


def _policy(model, seed=0):
  return sampled_games.random_policy(model.legal_actions_mask, seed)


def test_it_is_public():
  assert mftrpo_openspiel.SampledModel is sampled_model.SampledModel


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["baseline", "pair_averages"])
def test_mf_trpo_gets_near_the_equilibrium_of_the_grid(mdp, estimator):
  model = sampled_model.SampledModel(mdp, 2000, 2000, estimator, seed=3)
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.3, population_update_rate=0.1, warm_start=True
  )
  first = model.exploitability(algorithm.policy, 0.3)
  for _ in range(100):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy, 0.3) < first / 4


def test_mf_trpo_gets_near_the_equilibrium_of_the_finite_game(game):
  model = sampled_model.SampledModel(game, 4000, 4000, seed=3)
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.3, population_update_rate=0.2, warm_start=True
  )
  first = model.exploitability(algorithm.policy, 0.3)
  for _ in range(60):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy, 0.3) < first / 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_trpo_converges_to_the_exact_one_at_the_square_root_rate(kind):
  exact = sampled_games.exact_model(kind)
  # Three steps of TRPO under the same mean field.
  options = {"regularization": 0.5, "num_policy_updates": 3}
  sizes = 2.0 ** np.arange(10, 17)
  num_seeds = 40
  mean_field = exact.initial_mean_field()

  class SameMeanField(sampled_model.SampledModel):
    def initial_mean_field(self):
      return mean_field

    def propagate(self, policy, mean_field, num_steps):
      return mean_field

  right = mf_trpo.MFTRPO(exact, **options)
  right.iteration()
  log_errors, deviations = [], []
  for size in sizes:
    errors = []
    for seed in range(num_seeds):
      model = SameMeanField(
        exact, int(size), 1, seed=seed, max_rollout_steps=15
      )
      algorithm = mf_trpo.MFTRPO(model, **options)
      algorithm.iteration()
      errors.append(np.square(algorithm.policy - right.policy).sum())
    log_errors.append(np.log(np.mean(errors)) / 2)
    deviations.append(stats.variation(errors) / np.sqrt(num_seeds) / 2)
  slopes, covariance = np.polyfit(
    np.log(sizes),
    log_errors,
    1,
    w=1 / np.array(deviations),
    cov="unscaled",
  )
  deviation = np.sqrt(covariance[0, 0])
  print(f"slope {slopes[0]:.3f} +- {deviation:.3f}")
  assert deviation < 0.02
  assert abs(slopes[0] + 0.5) < 4 * deviation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_no_algorithm_receives_exact_values(kind, name, monkeypatch):
  def policy_after_learning(model):
    algorithm = ALGORITHMS[name](model)
    for _ in range(3):
      algorithm.iteration()
    return algorithm.policy

  expected = policy_after_learning(_model(kind, num_trajectories=300))
  model = _model(kind, num_trajectories=300)
  shape = model.legal_actions_mask.shape
  results = {
    "action_values": np.full(shape, np.nan),
    "optimal_action_values": np.full(shape, np.nan),
    "mean_field": np.full(shape[0], np.nan),
    "propagate": np.full(shape[0], np.nan),
    "reachable": np.zeros(shape[0], bool),
    "exploitability": np.nan,
  }
  for method, result in results.items():
    monkeypatch.setattr(
      model.exact, method, lambda *_, result=result, **__: result
    )
  np.testing.assert_array_equal(policy_after_learning(model), expected)
  assert np.isnan(model.exploitability(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_later_draws_depend_on_the_state_alone(kind):
  model = _model(kind, num_trajectories=100, num_particles=100, seed=5)
  policy, other_policy = _policy(model), _policy(model, 1)
  mean_field = model.mean_field(policy)
  model.action_values(policy, mean_field)
  state = model.state()

  def later(model):
    return [
      model.action_values(other_policy, mean_field, 0.3),
      model.propagate(policy, mean_field, 1),
      model.propagate(policy, mean_field, None),
      model.mean_field(policy),
      model.initial_mean_field(),
      np.asarray(model.num_environment_steps),
    ]

  expected = later(model)
  restored = _model(kind, num_trajectories=100, num_particles=100, seed=5)
  restored.restore(state)
  copies = [
    restored,
    copy.deepcopy(restored),
    pickle.loads(pickle.dumps(restored)),
  ]
  for same in copies:
    for first, second in zip(expected, later(same)):
      np.testing.assert_array_equal(first, second)
  for first, second in zip(expected[:-1], later(model)):
    assert (first != second).any()
  other = _model(kind, num_trajectories=100, num_particles=100, seed=6)
  other.restore(state)
  assert (later(other)[0] != expected[0]).any()


def test_order_in_memory_does_not_change_samples():
  model = _model("stationary", num_trajectories=100)
  policy = _policy(model)
  mean_field = np.ones(4) / 4
  state = model.state()
  values = model.action_values(np.ascontiguousarray(policy), mean_field)
  model.restore(state)
  np.testing.assert_array_equal(
    model.action_values(np.asfortranarray(policy), mean_field), values
  )


def test_environment_steps_are_all_decisions(monkeypatch):
  played = []

  class Counted(array_simulator.FrozenArrays):
    def step(self, places, actions, rng):
      played.append(places.size)
      return super().step(places, actions, rng)

  monkeypatch.setattr(array_simulator, "FrozenArrays", Counted)
  for kind in KINDS:
    model = _model(kind, num_trajectories=900, num_particles=70)
    policy = _policy(model)
    mean_field = model.mean_field(policy)
    model.action_values(policy, mean_field)
    model.propagate(policy, mean_field, None)
    model.propagate(policy, mean_field, 1)
    assert model.num_environment_steps == sum(played)
    played.clear()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_five_million_steps_a_second_on_the_5x5_grid(game, mdp, kind):
  model = sampled_model.SampledModel(mdp if kind == "stationary" else game)
  policy = np.full(model.legal_actions_mask.shape, 0.2)
  mean_field = model.exact.mean_field(policy)
  rates = []
  for _ in range(20):
    before, start = model.num_environment_steps, time.process_time()
    model.action_values(policy, mean_field, 0.3)
    seconds = time.process_time() - start
    rates.append((model.num_environment_steps - before) / seconds)
  assert max(rates) > 5e6


def test_states_that_were_not_visited_have_no_values_and_are_not_reached(game):
  model = sampled_model.SampledModel(game, 30, estimator="published")
  policy = np.full((400, 5), 0.2)
  mean_field = model.mean_field(policy)
  values = model.action_values(policy, mean_field)
  visited = model.reachable(policy, mean_field, mean_field)
  assert 0 < visited.sum() <= 30
  assert not values[~visited].any()
  assert values[visited].any(axis=1).all()
  algorithm = mf_trpo.MFTRPO(model, num_policy_updates=1)
  algorithm.iteration()
  moved = (algorithm.policy != 0.2).any(axis=1)
  np.testing.assert_array_equal(
    moved, model.reachable(policy, mean_field, mean_field)
  )


def test_reachable_needs_an_earlier_call_of_action_values():
  model = _model("stationary")
  with pytest.raises(RuntimeError, match="action_values must be called"):
    model.reachable(_policy(model), np.ones(4) / 4, np.ones(4) / 4)


def test_players_start_from_the_restart_distribution(mdp):
  start = np.eye(20)[7]
  model = sampled_model.SampledModel(mdp, 200, max_rollout_steps=1)
  stay = np.zeros((20, 5))
  stay[:, mdp.action_names.index("stay")] = 1.0
  algorithm = mf_trpo.MFTRPO(
    model, num_policy_updates=1, restart_distribution=start
  )
  algorithm.iteration()
  assert (algorithm.policy[7] != 0.2).any()
  model.action_values(stay, start, start=start)
  np.testing.assert_array_equal(
    np.flatnonzero(model.reachable(stay, start, start)), [7]
  )


def test_what_is_not_sampled_is_that_of_the_exact_model(game, mdp):
  for exact in (
    stationary_model.StationaryModel(mdp, game),
    compiled_game.CompiledGame(game),
  ):
    model = sampled_model.SampledModel(exact)
    policy = _policy(model)
    mean_field = exact.mean_field(policy)
    assert model.exploitability(policy, 0.3) == exact.exploitability(
      policy, 0.3
    )
    assert model.game is exact.game
    assert model.observation_strings == exact.observation_strings
    assert exact.accuracy() in model.accuracy()
    np.testing.assert_allclose(
      model.from_openspiel(model.to_openspiel(policy)), policy
    )
    string = exact.observation_strings[3]
    assert (
      model.to_distribution(mean_field).value_str(string)
      == exact.to_distribution(mean_field).value_str(string)
      == mean_field[3]
    )


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (
      {"num_trajectories": 0},
      "num_trajectories must be a whole number of at least 1, got 0.",
    ),
    (
      {"num_particles": 0},
      "num_particles must be a whole number of at least 1, got 0.",
    ),
    (
      {"num_trajectories": 1e4},
      "num_trajectories must be a whole number of at least 1, got 10000.0.",
    ),
    (
      {"estimator": "baselines"},
      "estimator must be one of baseline, pair_averages, published, got"
      " 'baselines' (did you mean baseline?).",
    ),
    (
      {"seed": 0.5},
      "seed must be a whole number of at least 0, got 0.5.",
    ),
    ({"seed": -1}, "seed must be a whole number of at least 0, got -1."),
    ({"seed": None}, "seed must be a whole number of at least 0, got None."),
    (
      {"max_rollout_steps": 0},
      "max_rollout_steps must be a whole number of at least 1, got 0.",
    ),
    (
      {"num_particle_steps": 0},
      "num_particle_steps must be a whole number of at least 1, got 0.",
    ),
  ],
)
def test_options_out_of_range(options, message):
  with pytest.raises(ValueError) as error:
    _model("stationary", **options)
  assert str(error.value) == message


def test_unknown_simulators():
  with pytest.raises(ValueError, match="simulator must be one of arrays"):
    _model("stationary", simulator="array")


def test_arguments_that_are_no_games():
  with pytest.raises(ValueError) as error:
    sampled_model.SampledModel("four_rooms")
  assert str(error.value) == (
    "game must be a MeanFieldMDP or Game or StationaryModel or CompiledGame,"
    " got 'four_rooms'."
  )


def test_arguments_out_of_range():
  model = _model("stationary", num_trajectories=10)
  policy, mean_field = _policy(model), np.ones(4) / 4
  cases = [
    (lambda: model.action_values(policy * 2, mean_field), "policy must be"),
    (lambda: model.action_values(policy, 2 * mean_field), "mean_field must"),
    (lambda: model.action_values(policy, mean_field, -1), "regularization"),
    (
      lambda: model.action_values(policy, mean_field, start=0 * mean_field),
      "start must be positive in at least one state, it is 0 in all.",
    ),
    (lambda: model.propagate(policy, mean_field, -1), "num_steps must be"),
    (lambda: model.mean_field(policy[:2]), "policy must have shape"),
    (lambda: model.restore({"num_calls": np.asarray(1)}), "state must have"),
    (
      lambda: model.restore(
        {"num_calls": np.asarray(-1), "num_environment_steps": np.asarray(0)}
      ),
      "num_calls must be a whole number of at least 0, got -1.",
    ),
  ]
  for call, message in cases:
    before = model.state()
    with pytest.raises(ValueError, match=message):
      call()
    assert model.state() == before


def test_mf_trpo_needs_regularization_on_samples_too():
  with pytest.raises(ValueError) as error:
    mf_trpo.MFTRPO(_model("stationary"), regularization=0)
  assert str(error.value) == (
    "regularization must be a number in (0, inf), got 0."
  )


def test_actions_of_probability_zero_have_no_bonus():
  model = _model("stationary", num_trajectories=200)
  policy = np.eye(3)[[0, 1, 2, 0]]
  values = model.action_values(policy, np.ones(4) / 4, 0.5)
  assert np.isfinite(values).all()


@pytest.mark.parametrize("is_walked", [True, False])
def test_games_whose_transitions_depend_on_the_mean_field(is_walked):
  exact = sampled_games.moving_model()
  if not is_walked:
    exact = compiled_game.CompiledGame(exact.game)
  model = sampled_model.SampledModel(exact, 3000, 3000)
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.1, population_update_rate=0.3, warm_start=True
  )
  first = model.exploitability(algorithm.policy, 0.1)
  for _ in range(20):
    algorithm.iteration()
  assert model.exploitability(algorithm.policy, 0.1) < first / 2


@pytest.mark.parametrize("is_endless", [True, False])
def test_a_bonus_is_paid_in_later_states(is_endless):
  """On a ring, where plays are deterministic after the first action."""
  ring = np.eye(3)
  mdp = mdp_lib.MeanFieldMDP(
    np.stack([np.roll(ring, 1, axis=1), ring], axis=1),
    lambda mu: np.zeros((3, 2)),
    0.5,
    np.ones(3) / 3,
  )
  game = mdp if is_endless else mdp_game.MDPGame(mdp, horizon=4)
  model = sampled_model.SampledModel(
    game, 2000, estimator="pair_averages", max_rollout_steps=60
  )
  size = len(model.discounts)
  goes_on, bonus = np.tile([1.0, 0.0], (size, 1)), np.arange(1.0, size + 1) ** 2
  mean_field = model.exact.mean_field(goes_on)
  found = model.action_values(goes_on, mean_field, bonus=bonus)
  expected = model.exact.action_values(goes_on, mean_field, bonus=bonus)
  np.testing.assert_allclose(
    found[:, 0] - found[:, 1], expected[:, 0] - expected[:, 1], rtol=1e-9
  )
