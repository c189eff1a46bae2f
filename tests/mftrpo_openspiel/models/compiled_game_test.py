"""Compiled games against OpenSpiel's utilities on the same games."""

import warnings

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import factory
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies

# The full games of the factory take minutes with OpenSpiel's utilities.
GAMES = [
  "mfg_crowd_modelling",
  "mfg_crowd_modelling_2d(size=5,horizon=5)",
  "mfg_crowd_modelling_2d(size=4,horizon=4,with_congestion=true)",
  "mfg_garnet",
  "mfg_garnet(size=20,horizon=8,num_action=4,num_chance_action=4)",
  "python_mfg_crowd_modelling(size=5,horizon=4)",
  "python_mfg_crowd_avoidance(horizon=3,coef_congestion=0.5)",
  "python_mfg_predator_prey(horizon=3)",
  "python_mfg_periodic_aversion(size=5,horizon=3,n_actions_per_side=1)",
  "mean_field_lin_quad(size=5,horizon=3,n_actions_per_side=1)",
  "mfg_dynamic_routing(network=line,max_num_time_step=5,time_step_length=1.0)",
  "mean_field_nfg(num_actions=3,reward_function=dom)",
  "python_odd_game(pays=first+second+terminal)",
  "python_odd_game(pays=second,coin=false)",
  "python_mfg_four_rooms(room_size=2,horizon=6)",
  "python_mfg_two_islands(horizon=5)",
]
SETTINGS = [
  ("mfg_crowd_modelling_2d", "crowd_modelling_2d_four_rooms"),
  ("python_mfg_dynamic_routing", "dynamic_routing_line"),
]


def quietly(game, root_state=None):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(game, root_state)


def check_nash_conv(game, policy, model, rel=1e-11, root_state=None):
  expected = nash_conv.NashConv(game, policy, root_state).nash_conv()
  array = model.from_openspiel(policy)
  assert model.exploitability(array) == pytest.approx(
    expected, rel=rel, abs=1e-12
  )
  frozen = model.to_openspiel(array)
  again = nash_conv.NashConv(game, frozen, root_state).nash_conv()
  assert again == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", GAMES)
def test_nash_conv_is_that_of_openspiel(name):
  game = pyspiel.load_game(name)
  model = quietly(game)
  check_nash_conv(game, policy_lib.UniformRandomPolicy(game), model)
  for seed in (1, 2, 5):
    check_nash_conv(game, draws.RandomPolicy(game, seed), model)


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_nash_conv_of_a_setting_is_that_of_openspiel(name, setting):
  game = factory.create_game_with_setting(name, setting)
  check_nash_conv(game, draws.RandomPolicy(game, 2), quietly(game))


class _Pair:
  """A game as arrays, compiled and through OpenSpiel."""

  def __init__(self, name):
    game = pyspiel.load_game(name)
    self.compiled = quietly(game)
    self.reference = openspiel_model.OpenSpielModel(game)
    row = {s: i for i, s in enumerate(self.reference.observation_strings)}
    strings = self.compiled.observation_strings
    # Only our own games have states that no play reaches.
    self.ours = np.array([i for i, s in enumerate(strings) if s in row])
    self.theirs = np.array([row[strings[i]] for i in self.ours])
    self.crowd, self.policy = (
      [m.from_openspiel(draws.RandomPolicy(game, s)) for s in (1, 3)]
      for m in (self.compiled, self.reference)
    )

  def check(self, call, rtol=1e-10):
    """Compares what `call(model, crowd, policy)` gives for both models."""
    ours = call(self.compiled, *self.crowd)[self.ours]
    theirs = call(self.reference, *self.policy)[self.theirs]
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


@pytest.fixture(
  name="pair",
  params=[
    "mfg_crowd_modelling_2d(size=3,horizon=3,forbidden_states=[0|0],"
    "initial_distribution=[1|1],initial_distribution_value=[1.0])",
    "python_mfg_predator_prey(horizon=2)",
    "python_odd_game(pays=first+second,coin=false)",
    "python_mfg_four_rooms(room_size=2,horizon=4)",
  ],
)
def _pair(request):
  return _Pair(request.param)


@pytest.mark.parametrize("regularization", [0.0, 0.2])
def test_action_values_are_those_of_openspiel(pair, regularization):
  pair.check(
    lambda m, crowd, policy: m.action_values(
      policy, m.mean_field(crowd), regularization
    )
  )
  pair.check(
    lambda m, crowd, policy: m.optimal_action_values(
      m.mean_field(crowd), regularization
    )
  )
  pair.check(
    lambda m, crowd, policy: np.full(
      len(policy), m.exploitability(policy, regularization)
    )
  )


def test_best_response_has_no_exploitability_if_rewards_ignore_the_crowd():
  """In a game whose rewards do not depend on the crowd."""
  game = pyspiel.load_game(
    "mfg_crowd_modelling_2d(size=4,horizon=4,crowd_aversion_coef=0.0)"
  )
  model = quietly(game)
  mean_field = model.initial_mean_field()
  best = tabular_policies.greedy_policy(model.optimal_action_values(mean_field))
  assert model.exploitability(best) == 0.0
  soft = softmax.softmax(model.optimal_action_values(mean_field, 0.3) / 0.3)
  assert 0.0 <= model.exploitability(soft, 0.3) < 1e-14
  assert model.exploitability(soft) > 0.01
  assert model.exploitability(best, 0.3) > 0.01


def test_flows_are_those_of_openspiel(pair):
  pair.check(lambda m, crowd, policy: m.mean_field(policy))
  pair.check(lambda m, crowd, policy: m.initial_mean_field())
  pair.check(lambda m, crowd, policy: m.discounts)
  pair.check(lambda m, crowd, policy: m.legal_actions_mask)


def test_propagation_is_that_of_openspiel(pair):
  several = [0, 1, 2, 3, 100, None]
  if "odd" in str(pair.compiled.game):
    # In OpenSpielModel, the masses of the second decision nodes of a time are
    # one step behind those of the first.
    several = [0, 100, None]
  for num_steps in several:
    pair.check(
      lambda m, crowd, policy, num_steps=num_steps: m.propagate(
        policy, m.mean_field(crowd), num_steps
      )
    )


def test_reachable_states_are_those_of_openspiel(pair):
  def reached(model, crowd, policy):
    greedy = tabular_policies.greedy_policy(policy)
    mean_field = model.mean_field(greedy)
    strings = np.array(model.observation_strings)
    kept = set(strings[mean_field > 0].tolist()[::3])
    start = np.array([float(string in kept) for string in strings])
    return model.reachable(greedy, mean_field, start)

  ours = reached(pair.compiled, *pair.crowd)
  assert 0 < ours.sum() < len(ours)
  if "odd" not in str(pair.compiled.game):  # Other states come in between.
    pair.check(reached)


def test_one_populations_masses_sum_to_one_in_each_layer():
  game = pyspiel.load_game("python_mfg_predator_prey(horizon=3)")
  model = quietly(game)
  mean_field = model.initial_mean_field()
  for layer in range(3):
    here = model.layers == layer
    population = [
      int(model.observation_strings[row].split("pop=")[1][0])
      for row in np.flatnonzero(here)
    ]
    np.testing.assert_allclose(
      np.bincount(population, mean_field[here]), 1.0, rtol=1e-12
    )


def test_policies_can_be_played_from_any_initial_state():
  for name in (
    "python_mfg_predator_prey(horizon=2)",
    "python_odd_game",
    "python_mfg_two_islands(horizon=3)",
    "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
    "time_step_length=0.25)",
  ):
    game = pyspiel.load_game(name)
    model = quietly(game)
    policy = model.to_openspiel(
      tabular_policies.uniform_policy(model.legal_actions_mask)
    )
    flow = distribution.DistributionPolicy(game, policy)
    rng = np.random.default_rng(0)
    for root in game.new_initial_states() * 10:
      state = root
      while not state.is_terminal():
        if state.is_mean_field_node():
          support = state.distribution_support()
          masses = [flow.value_str(string, 0.0) for string in support]
          state.update_distribution(masses)
          continue
        law = (
          dict(state.chance_outcomes())
          if state.is_chance_node()
          else policy.action_probabilities(state)
        )
        assert sum(law.values()) == pytest.approx(1.0, abs=1e-9)
        if not state.is_chance_node():
          assert list(law) == state.legal_actions()
        actions = list(law)
        weights = np.array([law[action] for action in actions])
        action = rng.choice(actions, p=weights / weights.sum())
        state.apply_action(int(action))


def test_our_policies_are_defined_in_states_that_mu_0_does_not_reach():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  other = pyspiel.load_game(
    "python_mfg_two_islands(horizon=3,initial_distribution=[9])"
  )
  model = compiled_game.CompiledGame(game)
  array = np.random.default_rng(0).dirichlet(np.ones(2), size=3 * 14)
  policy = model.to_openspiel(array)
  assert nash_conv.NashConv(other, policy).nash_conv() == pytest.approx(
    compiled_game.CompiledGame(other).exploitability(array), rel=1e-11
  )


@pytest.mark.parametrize(
  ("name", "num_moves"),
  [
    ("mfg_crowd_modelling(size=5,horizon=4)", 0),
    ("mfg_crowd_modelling(size=5,horizon=4)", 1),
    ("mfg_crowd_modelling(size=5,horizon=4)", 5),
    ("mfg_garnet(size=4,horizon=4)", 6),
    ("python_mfg_two_islands(horizon=4)", 0),
    ("python_mfg_two_islands(horizon=4)", 1),
    ("python_mfg_two_islands(horizon=4)", 5),
    ("python_odd_game(pays=first+memory)", 3),
  ],
)
def test_play_may_start_at_any_state(name, num_moves):
  game = pyspiel.load_game(name)
  rng = np.random.default_rng(0)
  state = game.new_initial_state()
  for _ in range(num_moves):
    if state.is_mean_field_node():
      size = len(state.distribution_support())
      state.update_distribution(rng.dirichlet(np.ones(size)).tolist())
    elif state.is_chance_node():
      state.apply_action(state.chance_outcomes()[-1][0])
    else:
      state.apply_action(state.legal_actions()[0])
  model = quietly(game, root_state=state)
  for seed in (1, 3):
    check_nash_conv(
      game,
      draws.RandomPolicy(game, seed),
      model,
      root_state=state,
      rel=1e-10,
    )


def test_discounts_count_from_the_start_of_the_game():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  state = game.new_initial_state()
  state.apply_action(2)
  state.update_distribution([1 / 14] * 14)
  for action in (0, 0):
    state.apply_action(action)
  state.apply_action(state.chance_outcomes()[0][0])
  model = compiled_game.CompiledGame(game, root_state=state)
  expected = 0.9 ** np.array([1.0, 2.0])
  np.testing.assert_allclose(np.unique(model.discounts), expected[::-1])


def test_a_root_state_of_several_populations_is_refused():
  game = pyspiel.load_game("python_mfg_predator_prey(horizon=2)")
  with pytest.raises(ValueError, match="root_state must be None"):
    compiled_game.CompiledGame(game, game.new_initial_states()[0])


def test_another_game_is_refused():
  with pytest.raises(ValueError, match="mean-field game, got 'kuhn_poker'"):
    compiled_game.CompiledGame(pyspiel.load_game("kuhn_poker"))


def test_one_warning_names_the_node_with_the_largest_path_dependence():
  game = pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=3)")
  with pytest.warns(
    UserWarning, match=r"mfg_crowd_modelling.*reward at '.*differs by 0\.25"
  ) as record:
    model = compiled_game.CompiledGame(game)
    model.initial_mean_field()
  assert len(record) == 1


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling_2d(size=3,horizon=3,only_distribution_reward=true)",
    "python_mfg_two_islands(horizon=3)",
    "python_odd_game",
  ],
)
def test_games_without_path_dependence_are_compiled_without_warnings(name):
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    compiled_game.CompiledGame(pyspiel.load_game(name))


def test_rewards_that_differ_from_the_game_are_refused(monkeypatch):
  name = "mfg_crowd_modelling"
  monkeypatch.setitem(
    known_games.FORMULAS,
    name,
    lambda _: known_games.DensityFormula(-1.01, 1e-25),
  )
  game = pyspiel.load_game(name)
  with pytest.warns(UserWarning) as record:
    model = compiled_game.CompiledGame(game)
  assert "rewards differ from the known formula" in str(record[-1].message)
  check_nash_conv(game, policy_lib.UniformRandomPolicy(game), model)


def test_policies_are_frozen():
  game = pyspiel.load_game("mfg_crowd_modelling(size=3,horizon=2)")
  model = quietly(game)
  array = tabular_policies.uniform_policy(model.legal_actions_mask)
  policy = model.to_openspiel(array)
  before = nash_conv.NashConv(game, policy).nash_conv()
  array[:] = 0.0
  assert nash_conv.NashConv(game, policy).nash_conv() == before
  assert isinstance(policy, policies.FrozenPolicy)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda p, m: (p[1:], m, 0.1), "policy must have shape"),
    (lambda p, m: (p * 2, m, 0.1), "policy must be a probability dist"),
    (lambda p, m: (p, m[1:], 0.1), "mean_field must have shape"),
    (lambda p, m: (p, -m, 0.1), "mean_field must be finite and not negative"),
    (lambda p, m: (p, m * np.nan, 0.1), "mean_field must be finite"),
    (lambda p, m: (p, m, -0.1), "regularization must be a number"),
  ],
)
def test_bad_input_is_refused(change, message):
  model = quietly(pyspiel.load_game("mfg_crowd_modelling(size=3,horizon=2)"))
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  arguments = change(policy, model.initial_mean_field())
  with pytest.raises(ValueError, match=message):
    model.action_values(*arguments)


def test_a_start_of_another_shape_is_refused():
  model = quietly(pyspiel.load_game("mfg_crowd_modelling(size=3,horizon=2)"))
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.initial_mean_field()
  with pytest.raises(ValueError, match="start must have shape"):
    model.reachable(policy, mean_field, mean_field[1:])


@pytest.mark.parametrize("num_steps", [-1, 0.5])
def test_a_bad_number_of_steps_is_refused(num_steps):
  model = quietly(pyspiel.load_game("mfg_crowd_modelling(size=3,horizon=2)"))
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  with pytest.raises(ValueError, match="num_steps must be a whole number"):
    model.propagate(policy, model.initial_mean_field(), num_steps)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("from_root", [False, True])
def test_without_a_discount_nothing_is_reached_later(moving, from_root):
  """By definition: d = sum_t gamma^t start P^t is `start` for gamma = 0."""
  rng = np.random.default_rng(0)
  kernel = rng.dirichlet(np.ones(3), (3, 2))

  def moved(mean_field):
    return 0.5 * kernel + 0.5 * mean_field

  for discount in (0.0, 0.5):
    mdp = mdp_lib.MeanFieldMDP(
      moved if moving else kernel,
      mdp_lib.CrowdAversion(rng.normal(size=(3, 2)), 0.4),
      discount,
      rng.dirichlet(np.ones(3)),
    )
    game = mdp_game.MDPGame(mdp, 3)
    root = None
    if from_root:
      root = game.new_initial_state()
      root.apply_action(1)
      root.update_distribution([0.2, 0.3, 0.5])
    model = compiled_game.CompiledGame(game, root)
    policy = tabular_policies.uniform_policy(model.legal_actions_mask)
    strings = np.array(model.observation_strings)
    start = (strings == "(1, 0)").astype(float)
    reached = strings[
      model.reachable(policy, model.initial_mean_field(), start)
    ]
    assert "(1, 0)" in reached
    # Nodes of time 0, in some forms also those that pay a reward.
    assert all(s.endswith("0)") for s in reached) == (discount == 0)


def test_a_tabular_policy_needs_no_entries_for_unreachable_states():
  """OpenSpiel's tables have none for them; our games have such states."""
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  model = compiled_game.CompiledGame(game)
  table = policy_lib.TabularPolicy(game)
  rng = np.random.default_rng(5)
  laws = rng.dirichlet(np.ones(2), len(table.action_probability_array))
  forced = table.legal_actions_mask.sum(axis=1) == 1
  table.action_probability_array = np.where(
    forced[:, None], table.legal_actions_mask, laws
  )
  array = model.from_openspiel(table)
  known = np.isin(model.observation_strings, list(table.state_lookup))
  assert 0 < known.sum() < len(known)
  np.testing.assert_array_equal(array[~known], 0.5)
  for string, law in zip(model.observation_strings, array):
    if string in table.state_lookup:
      np.testing.assert_array_equal(law, table.policy_for_key(string))
  check_nash_conv(game, table, model)
  del table.state_lookup["(2, 0)"]
  with pytest.raises(ValueError) as error:
    model.from_openspiel(table)
  assert str(error.value) == (
    "policy must have action probabilities for each state, it has none for"
    " '(2, 0)'."
  )


@pytest.mark.parametrize(
  "name", ["python_mfg_four_rooms(room_size=2,horizon=4)", "mfg_garnet"]
)
def test_the_best_deviation_under_the_rewards_of_the_mean_field(name):
  model = quietly(pyspiel.load_game(name))
  policy = draws.random_policy(model)
  mean_field = model.mean_field(policy)
  mdp, _ = model.form.dynamics(mean_field)
  rewards = mdp.action_rewards(*model.form.rewards(mean_field))
  best = model.best_deviation(policy, rewards)
  assert best.gain == pytest.approx(model.exploitability(policy), rel=1e-12)
  value = model.deviation_value(policy, policy, rewards)
  assert value == pytest.approx(best.value, rel=1e-12)
  value = model.deviation_value(policy, best.policy, rewards)
  assert value == pytest.approx(best.value + best.gain, rel=1e-12)
  expected = nash_conv.NashConv(model.game, model.to_openspiel(policy))
  assert best.gain == pytest.approx(expected.nash_conv(), rel=1e-11)
