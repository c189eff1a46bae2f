"""Compares plays through OpenSpiel's states with exact models."""

import warnings

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
from scipy import stats

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import openspiel_simulator
from mftrpo_openspiel.simulators import simulator as simulator_lib

# The probability that a correct test fails by chance.
LEVEL = 1e-4
GAMES = {
  "rooms": (
    "mfg_crowd_modelling_2d(size=4,horizon=5,only_distribution_reward=true)"
  ),
  "populations": "python_mfg_predator_prey(horizon=3)",
  "islands": "python_mfg_two_islands(horizon=5)",
  "odd": "python_odd_game(pays=mean_field+first+second+terminal)",
  "no coin": "python_odd_game(pays=first+second+terminal,coin=false)",
  "moving": "python_odd_game(pays=first+second,jam=chance:0.3:0.8)",
  "routing": (
    "mfg_dynamic_routing(network=braess,max_num_time_step=6,"
    "time_step_length=0.5)"
  ),
}
PAY_BY_PATH = [
  "python_mfg_crowd_modelling(size=4,horizon=4)",
  "mfg_crowd_modelling_2d(size=3,horizon=4,with_congestion=true)",
]


def compiled(name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(pyspiel.load_game(name))


def simulator_of(model):
  return openspiel_simulator.OpenSpielSimulator(model.game, model.form)


def draw(policy, rows, rng):
  below = policy[rows].cumsum(axis=1)
  draws_ = rng.random(len(rows))[:, None] * below[:, -1:]
  return (draws_ >= below).sum(axis=1)


def play(frozen, policy, size, rng):
  """Returns (T, size) rows, actions and rewards; rows are -1 after the end."""
  places, steps = frozen.initial(size, rng), []
  players = np.arange(size)
  while players.size:
    step = np.full((3, size), -1.0)
    rows = frozen.rows(places)
    actions = draw(policy, rows, rng)
    rewards, places = frozen.step(places, actions, rng)
    step[:, players] = rows, actions, rewards
    steps.append(step)
    going = places != simulator_lib.ENDED
    players, places = players[going], places[going]
  rows, actions, rewards = np.swapaxes(steps, 0, 1)
  return rows.astype(int), actions.astype(int), np.where(rows >= 0, rewards, 0)


def naive_plays(model, policy, mean_field, size, rng):
  """Returns (size,) returns of whole plays, each with its own state object."""
  distribution = model.to_distribution(mean_field)
  rows = {string: i for i, string in enumerate(model.observation_strings)}
  roots, result = model.game.new_initial_states(), []
  for player in range(size):
    state = roots[player % len(roots)].clone()
    population = state.mean_field_population()
    total, began = 0.0, False
    while True:
      kind = state.get_type()
      string = state.observation_string(0)
      began |= string in rows
      if kind != pyspiel.StateType.CHANCE and began:
        total += state.rewards()[population]
      if kind == pyspiel.StateType.TERMINAL:
        break
      if kind == pyspiel.StateType.CHANCE:
        actions, law = zip(*state.chance_outcomes())
        state.apply_action(int(rng.choice(actions, p=law)))
      elif kind == pyspiel.StateType.MEAN_FIELD:
        support = state.distribution_support()
        told = [distribution.value_str(key, 0.0) for key in support]
        state.update_distribution(told)
      elif string in rows:
        law = policy[rows[string]]
        state.apply_action(int(rng.choice(len(law), p=law)))
      else:
        state.apply_action(state.legal_actions()[0])
    result.append(total)
  return np.array(result)


def setting_of(name):
  """Returns a model, a policy and the mean field of another policy."""
  model = compiled(name)
  mean_field = model.mean_field(draws.random_policy(model, 1))
  return model, draws.random_policy(model, 2), mean_field


def mean_return_test(model, policy, mean_field, told, size=40_000):
  """Returns the p value of "mean returns are Q", by a chi-square of z values.

  Each play counts at one random time; `told` is the simulated mean field.
  """
  rng = np.random.default_rng(5)
  frozen = simulator_of(model).under(told)
  rows, actions, rewards = play(frozen, policy, size, rng)
  earned = rewards[::-1].cumsum(axis=0)[::-1]
  times = rng.integers(len(rows), size=size), np.arange(size)
  rows, actions, earned = rows[times], actions[times], earned[times]
  exact = model.action_values(policy, mean_field)
  squares = []
  for row, action in np.argwhere(model.legal_actions_mask):
    own = earned[(rows == row) & (actions == action)]
    error = own.mean() - exact[row, action] if own.size else 0.0
    if 0 < own.size < 50:
      continue
    if own.size and np.ptp(own) > 1e-9:
      squares.append(error**2 / (own.var(ddof=1) / own.size))
    elif own.size and abs(error) > 1e-9:  # The play is deterministic.
      return 0.0
  return stats.chi2.sf(sum(squares), len(squares))


@pytest.mark.parametrize("name", GAMES.values(), ids=GAMES)
def test_mean_returns_are_action_values(name):
  model, policy, mean_field = setting_of(name)
  assert mean_return_test(model, policy, mean_field, mean_field) > LEVEL


def test_returns_under_another_mean_field_have_different_means():
  model, policy, mean_field = setting_of(GAMES["rooms"])
  told = model.mean_field(policy)
  assert mean_return_test(model, policy, mean_field, told) < LEVEL


def same_law(first, second):
  """Returns whether two samples pass a Kolmogorov-Smirnov test."""
  # Equal returns may differ by rounding.
  return stats.ks_2samp(first.round(9), second.round(9)).pvalue > LEVEL


@pytest.mark.parametrize("name", [*GAMES.values(), *PAY_BY_PATH])
def test_returns_are_distributed_like_those_of_single_plays(name):
  model, policy, mean_field = setting_of(name)
  rng = np.random.default_rng(3)
  expected = naive_plays(model, policy, mean_field, 600, rng)
  rewards = play(simulator_of(model).under(mean_field), policy, 6000, rng)[2]
  assert same_law(expected, rewards.sum(axis=0))


def mean_return(state, rows, policy, distribution, began=False):
  """Returns the expected return from a state: a sum over all histories."""
  kind, string = state.get_type(), state.observation_string(0)
  began |= string in rows
  earned = 0.0
  if kind != pyspiel.StateType.CHANCE and began:
    earned = state.rewards()[state.mean_field_population()]
  if kind == pyspiel.StateType.TERMINAL:
    return earned
  if kind == pyspiel.StateType.MEAN_FIELD:
    support = state.distribution_support()
    told = [distribution.value_str(key, 0.0) for key in support]
    below = state.clone()
    below.update_distribution(told)
    return earned + mean_return(below, rows, policy, distribution, began)
  moves = [(action, 1.0) for action in state.legal_actions()]
  if kind == pyspiel.StateType.CHANCE:
    moves = state.chance_outcomes()
  elif string in rows:
    moves = enumerate(policy[rows[string]])
  return earned + sum(
    p * mean_return(state.child(a), rows, policy, distribution, began)
    for a, p in moves
  )


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling(size=3,horizon=3)",
    "mfg_garnet(size=3,horizon=3,num_action=2,num_chance_action=2)",
    "mfg_crowd_modelling_2d(size=2,horizon=2,with_congestion=true)",
  ],
)
def test_path_dependent_rewards_have_the_mean_over_all_histories(name):
  model, policy, mean_field = setting_of(name)
  rows = {string: i for i, string in enumerate(model.observation_strings)}
  root = model.game.new_initial_state()
  distribution = model.to_distribution(mean_field)
  expected = mean_return(root, rows, policy, distribution)
  rng = np.random.default_rng(1)
  frozen = simulator_of(model).under(mean_field)
  returns = play(frozen, policy, 400_000, rng)[2].sum(axis=0)
  error = returns.std() / np.sqrt(returns.size)
  assert abs(returns.mean() - expected) < 4 * error
  # The values of the first paths are different.
  here = model.layers == 0
  values = policy * model.action_values(policy, mean_field)
  by_string = mean_field[here] @ values[here].sum(axis=1)
  assert abs(by_string - expected) > 8 * error


@pytest.mark.parametrize("kind", ["rooms", "populations", "islands"])
def test_returns_are_distributed_like_those_on_arrays(kind):
  # In the odd game only the means are equal: on arrays, rewards between a
  # chance node and the next decision are replaced by their mean.
  model, policy, mean_field = setting_of(GAMES[kind])
  rng = np.random.default_rng(6)
  arrays = array_simulator.LayeredSimulator(
    model.form, model.game.num_players()
  )

  def returns(simulator, told):
    rewards = play(simulator.under(told), policy, 30_000, rng)[2]
    return rewards.sum(axis=0)

  by_states = returns(simulator_of(model), mean_field)
  assert same_law(by_states, returns(arrays, mean_field))
  # This number of plays can distinguish two mean fields.
  assert not same_law(by_states, returns(arrays, model.mean_field(policy)))


@pytest.mark.parametrize("name", GAMES.values(), ids=GAMES)
def test_players_are_distributed_like_the_mean_field(name):
  model, policy, _ = setting_of(name)
  mean_field = model.mean_field(policy)
  frozen = simulator_of(model).under(mean_field)
  size = 30_000
  rows = play(frozen, policy, size, np.random.default_rng(4))[0]
  size_of_population = size / model.game.num_players()
  counts = np.bincount(rows[rows >= 0], minlength=len(mean_field))
  assert not counts[mean_field == 0].any()
  for layer in np.unique(model.layers):
    here = (model.layers == layer) & (mean_field > 0)
    expected = size_of_population * mean_field[here]
    seen = counts[here]
    if size - expected.sum() > 1:  # Plays that have ended.
      expected = np.append(expected, size - expected.sum())
      seen = np.append(seen, size - seen.sum())
    test = stats.chisquare(seen, expected)
    assert len(seen) == 1 or test.pvalue > LEVEL


def test_populations_have_equally_many_players():
  model, _, mean_field = setting_of(GAMES["populations"])
  frozen = simulator_of(model).under(mean_field)
  rows = frozen.rows(frozen.initial(3000, np.random.default_rng(0)))
  populations = model.form.populations[rows]
  np.testing.assert_array_equal(np.bincount(populations), [1000, 1000, 1000])


def test_draws_do_not_depend_on_earlier_plays():
  model, policy, mean_field = setting_of(PAY_BY_PATH[0])

  def result(simulator):
    frozen = simulator.under(mean_field)
    return play(frozen, policy, 100, np.random.default_rng(7))

  fresh, used = simulator_of(model), simulator_of(model)
  play(used.under(mean_field), policy, 500, np.random.default_rng(8))
  for ours, theirs in zip(result(fresh), result(used)):
    np.testing.assert_array_equal(ours, theirs)
  # The game under the last mean field is cached.
  assert used.under(mean_field.copy()) is used.under(mean_field)


def test_root_state():
  game = pyspiel.load_game(GAMES["islands"])
  root = game.new_initial_state()
  root.apply_action(root.chance_outcomes()[0][0])
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = compiled_game.CompiledGame(game, root)
  policy = draws.random_policy(model, 2)
  mean_field = model.mean_field(policy)
  simulator = openspiel_simulator.OpenSpielSimulator(game, model.form, root)
  before = str(root)
  rewards = play(
    simulator.under(mean_field), policy, 20_000, np.random.default_rng(1)
  )[2]
  assert str(root) == before
  returns = rewards.sum(axis=0)
  exact = model.action_values(policy, mean_field)
  expected = (mean_field[:, None] * policy * exact)[model.layers == 0].sum()
  error = returns.mean() - expected
  assert abs(error) < 4 * returns.std() / np.sqrt(returns.size)


def test_properties():
  model, _, _ = setting_of(GAMES["islands"])
  simulator = simulator_of(model)
  assert simulator.horizon == 5
  assert simulator.discount == 1.0
  assert simulator.num_populations == 1
  assert not simulator.begins_anywhere
  np.testing.assert_array_equal(simulator.layers, model.layers)


def test_rejects_illegal_actions():
  model, _, mean_field = setting_of(GAMES["odd"])
  frozen = simulator_of(model).under(mean_field)
  rng = np.random.default_rng(0)
  places = frozen.initial(3, rng)
  assert not model.legal_actions_mask[frozen.rows(places), 2].any()
  with pytest.raises(ValueError, match="must be legal, but 2 is not at"):
    frozen.step(places, np.full(3, 2), rng)


def test_plays_cannot_start_in_given_states():
  model, _, mean_field = setting_of(GAMES["islands"])
  frozen = simulator_of(model).under(mean_field)
  with pytest.raises(ValueError, match="start must be None for simulator"):
    frozen.at(np.arange(4))


@pytest.mark.parametrize(
  "jam, message",
  [
    ("told:0.0:1.0", "do not depend on the mean field|outside the model"),
    ("legal:0.0:1.0", "legal actions that do not depend on the mean field"),
  ],
)
def test_mean_fields_that_lead_to_nodes_outside_the_model(jam, message):
  # The model has the transitions of another game, without `jam`.
  model = compiled("python_odd_game(pays=first)")
  game = pyspiel.load_game(f"python_odd_game(pays=first,jam={jam})")
  simulator = openspiel_simulator.OpenSpielSimulator(game, model.form)
  policy = draws.random_policy(model)
  frozen = simulator.under(model.mean_field(policy))
  with pytest.raises(ValueError, match=message):
    play(frozen, policy, 1000, np.random.default_rng(0))
