"""Compares routing games as arrays with OpenSpiel and with `moving_form`."""

import math
import warnings

import draws
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import mirror_descent as their_descent
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.algorithms import policy_value
from open_spiel.python.mfg.games import dynamic_routing
from open_spiel.python.mfg.games import factory
import pyspiel
import pytest
import roads

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.compiler import moving_form
from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_form
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=30,"
  "time_step_length=0.2)"
)
NAMES = [
  BRAESS,
  # No car arrives; waiting times are longer than the game.
  "mfg_dynamic_routing(network=braess,max_num_time_step=3,"
  "time_step_length=0.05)",
  "mfg_dynamic_routing(network=line,max_num_time_step=5,time_step_length=1.0)",
  "mfg_dynamic_routing(network=braess,max_num_time_step=12,"
  "time_step_length=0.45,perform_sanity_checks=false)",
  "python_mfg_dynamic_routing(max_num_time_step=12,time_step_length=0.45)",
  "python_mfg_dynamic_routing(max_num_time_step=1)",
  "detour",
  "detour without checks",
]


def load(name):
  if name.startswith("detour"):
    return roads.detour(perform_sanity_checks=name == "detour")
  return pyspiel.load_game(name)


def model_with(game, **arguments):
  """Returns a compiled game whose states may be aggregated."""
  model = compiled_game.CompiledGame(game)
  network = road_network.read(game)
  model._form = routing_form.RoutingForm(game, network, **arguments)
  model._take_over_states()
  return model


def enumerated(game, monkeypatch):
  """Returns the game as it is compiled without knowledge about it."""
  with monkeypatch.context() as context, warnings.catch_warnings():
    warnings.simplefilter("error")
    context.setattr(road_network, "read", lambda game: None)
    return compiled_game.CompiledGame(game)


@pytest.fixture(name="game", params=NAMES)
def _game(request):
  return load(request.param)


@pytest.fixture(name="model")
def _model(game):
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    model = compiled_game.CompiledGame(game)
  assert isinstance(model.form, routing_form.RoutingForm)
  assert model.form.tells_waits_apart
  return model


def policies_for(game):
  yield policy_lib.UniformRandomPolicy(game)
  for seed in (1, 4, 9):
    yield draws.RandomPolicy(game, seed)


def test_flow_and_nash_conv_are_those_of_openspiel(game, model):
  strings = model.observation_strings
  assert len(set(strings)) == len(strings)
  assert not model.form.mean_field_rows()
  for policy in policies_for(game):
    array = model.from_openspiel(policy)
    mean_field = model.mean_field(array)
    flow = distribution.DistributionPolicy(game, policy)
    np.testing.assert_allclose(
      mean_field,
      [flow.value_str(string, 0.0) for string in strings],
      rtol=1e-11,
      atol=1e-15,
    )
    # No node that plays reach is missing, except the terminal ones.
    known = set(strings)
    for node, mass in flow.distribution.items():
      is_end = f"t={game.max_game_length()}" in node
      assert node in known or mass == 0 or is_end or "initial" in node
    expected = nash_conv.NashConv(game, policy).nash_conv()
    assert model.exploitability(array) == pytest.approx(
      expected, rel=1e-11, abs=1e-12
    )


def test_masses_sum_to_one_in_each_layer(game, model):
  mean_field = model.mean_field(draws.random_policy(model))
  sums = np.bincount(model.layers, mean_field)
  assert len(sums) == 2 * game.max_game_length() - 1
  np.testing.assert_allclose(sums, 1.0, rtol=1e-12)


def test_values_agree_with_openspiel(game, model):
  """Under the mean field of another policy than the evaluated one."""
  crowd, own = draws.RandomPolicy(game, 3), draws.RandomPolicy(game, 1)
  flow = distribution.DistributionPolicy(game, crowd)
  value = policy_value.PolicyValue(game, flow, own)._state_value
  best = best_response_value.BestResponse(game, flow)._state_value
  mean_field = model.mean_field(model.from_openspiel(crowd))
  array = model.from_openspiel(own)
  q = model.action_values(array, mean_field)
  optimal = model.optimal_action_values(mean_field)
  mask = model.legal_actions_mask
  compared = 0
  for row, string in enumerate(model.observation_strings):
    legal = mask[row]
    if value.has(string):
      compared += 1
      assert array[row, legal] @ q[row, legal] == pytest.approx(
        value(string), rel=1e-11
      )
      assert optimal[row].max() == pytest.approx(best(string), rel=1e-11)
    elif legal.sum() > 1:
      assert (q[row, legal] == 0).all()
  assert compared
  assert np.isneginf(q[~mask]).all()
  assert np.isfinite(q[mask]).all()


def test_values_under_a_distribution_and_a_mean_field_agree(game, model):
  """The mean field is an average of two flows, not the flow of a policy."""
  one, other = (
    model.mean_field(model.from_openspiel(draws.RandomPolicy(game, seed)))
    for seed in (2, 9)
  )
  mean_field = 0.7 * one + 0.3 * other
  own = draws.RandomPolicy(game, 1)
  told = model.to_distribution(mean_field)
  value = policy_value.PolicyValue(game, told, own)._state_value
  array = model.from_openspiel(own)
  q = model.action_values(array, mean_field)
  compared = 0
  for row, string in enumerate(model.observation_strings):
    if value.has(string):
      compared += 1
      legal = model.legal_actions_mask[row]
      assert array[row, legal] @ q[row, legal] == pytest.approx(
        value(string), rel=1e-11
      )
  assert compared


def test_states_have_their_strings(model):
  states = list(model.form.states())
  for row, (state, string) in enumerate(zip(states, model.observation_strings)):
    assert state.observation_string(0) == string
    if not state.is_mean_field_node():
      legal = np.flatnonzero(model.legal_actions_mask[row]).tolist()
      assert state.legal_actions() == legal
  assert len(states) == len(model.observation_strings)


def wait_after(share, step_length):
  """Returns the waiting time on A->B, in Python's arithmetic."""
  time = 1.0 * (1.0 + 1.0 * (5.0 * share / 5.0) ** 1.0)
  return max(0, int(time / step_length) - 1)


@pytest.mark.parametrize("step_length", [0.2, 0.05, 0.3])
def test_mean_fields_on_both_sides_of_a_jump(step_length):
  """The fraction of cars on A->B is at a jump of the waiting time."""
  game = dynamic_routing.MeanFieldRoutingGame(
    {"max_num_time_step": 14, "time_step_length": step_length}
  )
  model = compiled_game.CompiledGame(game)
  row = next(i for i, s in enumerate(model.observation_strings) if "O->A" in s)
  first, second = np.flatnonzero(model.legal_actions_mask[row])
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  jumps = 0
  for steps in range(1, 40):
    least = steps * step_length - 1
    if not 0 < least < 1:
      continue
    # The smallest double with the longer waiting time, subject to rounding.
    low, high = least - 1e-9, least + 1e-9
    assert wait_after(low, step_length) + 1 == wait_after(high, step_length)
    while math.nextafter(low, 1.0) < high:
      middle = (low + high) / 2
      if wait_after(middle, step_length) == wait_after(low, step_length):
        low = middle
      else:
        high = middle
    jumps += 1
    shares = [least - 1e-9, low, high, least + 1e-9]
    waits = [wait_after(share, step_length) for share in shares]
    for share, wait in zip(shares, waits):
      policy = uniform.copy()
      policy[row, [first, second]] = share, 1 - share
      mean_field = model.mean_field(policy)
      theirs = model.to_openspiel(policy)
      flow = distribution.DistributionPolicy(game, theirs)
      string = f"Location=A->B, waiting_time={wait}, t=1, destination='D->E'"
      assert flow.value_str(string, 0.0) == share
      assert mean_field[model.observation_strings.index(string)] == share
      for node, mass in zip(model.observation_strings, mean_field):
        assert mass == flow.value_str(node, 0.0)
      assert model.exploitability(policy) == pytest.approx(
        nash_conv.NashConv(game, theirs).nash_conv(), rel=1e-11, abs=1e-13
      )
  assert jumps


def test_jumps_in_single_precision():
  """The C++ game rounds the number of cars to 32 bits."""
  game = pyspiel.load_game(
    "mfg_dynamic_routing(network=braess,max_num_time_step=14,"
    "time_step_length=0.3)"
  )
  model = compiled_game.CompiledGame(game)
  row = next(i for i, s in enumerate(model.observation_strings) if "O->A" in s)
  actions = np.flatnonzero(model.legal_actions_mask[row])
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  spread = [*np.linspace(-2e-7, 2e-7, 41), *np.linspace(-2e-6, 2e-6, 5)]
  found = set()
  for share in (0.5 + np.array(spread)).tolist():
    policy = uniform.copy()
    policy[row, actions] = share, 1 - share
    mean_field = model.mean_field(policy)
    flow = distribution.DistributionPolicy(game, model.to_openspiel(policy))
    for node, mass in zip(model.observation_strings, mean_field):
      assert mass == flow.value_str(node, 0.0)
      if mass and "A->B" in node and "t=1," in node:
        found.add(node)
  assert len(found) == 2


@pytest.mark.parametrize("name", [BRAESS, "detour"])
def test_results_agree_with_the_enumerated_game(name, monkeypatch):
  """Mirror Descent with entropy, population steps, and reached states."""
  game = load(name)
  ours = compiled_game.CompiledGame(game)
  theirs = enumerated(game, monkeypatch)
  assert isinstance(theirs.form, moving_form.MovingForm)
  rows = {s: i for i, s in enumerate(theirs.observation_strings)}
  strings = ours.observation_strings
  common = [i for i, s in enumerate(strings) if s in rows]
  matching = [rows[strings[i]] for i in common]
  # The node search finds all nodes of the Braess network.
  assert len(common) == len(strings)
  assert len(rows) == len(strings) or name != BRAESS
  mask = ours.legal_actions_mask.sum(axis=1) > 1
  logits = [
    np.where(m.legal_actions_mask, 0.0, -np.inf) for m in (ours, theirs)
  ]
  for _ in range(6):
    policies = [softmax.softmax(y) for y in logits]
    fields = [m.mean_field(p) for m, p in zip((ours, theirs), policies)]
    np.testing.assert_allclose(
      fields[0][common], fields[1][matching], rtol=1e-11, atol=1e-15
    )
    q = [
      m.action_values(p, f, 0.1)
      for m, p, f in zip((ours, theirs), policies, fields)
    ]
    choosing = ours.legal_actions_mask[common].sum(axis=1) > 1
    np.testing.assert_allclose(
      q[0][common][choosing], q[1][matching][choosing], rtol=1e-11
    )
    rng = np.random.default_rng(1)
    for bonus in (rng.random(len(strings)), rng.random(len(strings)) * mask):
      own = np.zeros(len(rows))
      own[matching] = bonus[common]
      paid = [
        m.action_values(p, f, 0.1, bonus=b)
        for m, p, f, b in zip((ours, theirs), policies, fields, (bonus, own))
      ]
      np.testing.assert_allclose(
        paid[0][common][choosing], paid[1][matching][choosing], rtol=1e-11
      )
      rewards = rng.random(ours.legal_actions_mask.shape)
      own = np.zeros(theirs.legal_actions_mask.shape)
      own[matching] = rewards[common]
      gains = [
        m.best_deviation(p, r).gain
        for m, p, r in zip((ours, theirs), policies, (rewards, own))
      ]
      assert gains[0] == pytest.approx(gains[1], rel=1e-11)
    for eta in (0.0, 0.1):
      assert ours.exploitability(policies[0], eta) == pytest.approx(
        theirs.exploitability(policies[1], eta), rel=1e-10, abs=1e-12
      )
    for num_steps in (0, 1, 2, 5, None):
      moved = [
        m.propagate(softmax.softmax(2 * y), f, num_steps)
        for m, y, f in zip((ours, theirs), logits, fields)
      ]
      np.testing.assert_allclose(
        moved[0][common],
        moved[1][matching],
        rtol=1e-10,
        atol=1e-15,
      )
    greedy = [
      tabular_policies.greedy_policy(
        np.where(m.legal_actions_mask, np.arange(len(y[0])), -np.inf)
      )
      for m, y in zip((ours, theirs), logits)
    ]
    start = [np.zeros(len(f)) for f in fields]
    for row in np.flatnonzero(fields[0][common])[::5]:
      start[0][common[row]] = start[1][matching[row]] = 1.0
    reached = [
      m.reachable(p, f, s)
      for m, p, f, s in zip((ours, theirs), greedy, fields, start)
    ]
    np.testing.assert_array_equal(reached[0][common], reached[1][matching])
    assert reached[0].sum() > start[0].sum()
    logits = [y + 0.3 * each for y, each in zip(logits, q)]
    logits = [
      np.where(m.legal_actions_mask, y, -np.inf)
      for m, y in zip((ours, theirs), logits)
    ]


@pytest.mark.parametrize("name", [BRAESS, "detour"])
def test_mirror_descent_agrees_with_openspiel(name):
  """Choices share no children if waiting times are distinguished."""
  game = load(name)
  ours = mirror_descent.MirrorDescent(compiled_game.CompiledGame(game), lr=0.2)
  theirs = their_descent.MirrorDescent(game, lr=0.2)
  for _ in range(5):
    ours.iteration()
    policy = ours.get_policy()
    assert ours.model.exploitability(ours.policy) == pytest.approx(
      nash_conv.NashConv(game, policy).nash_conv(), rel=1e-11
    )
    if name == BRAESS:
      theirs.iteration()
      assert nash_conv.NashConv(
        game, theirs.get_policy()
      ).nash_conv() == pytest.approx(
        nash_conv.NashConv(game, policy).nash_conv(), rel=1e-10
      )


@pytest.mark.parametrize("name", [n for n in NAMES if "line" not in n])
def test_states_can_be_aggregated(name):
  game = load(name)
  apart, together = (
    model_with(game, max_states=number) for number in (10**6, 0)
  )
  assert not together.form.tells_waits_apart
  rows = {s: i for i, s in enumerate(apart.observation_strings)}
  strings = together.observation_strings
  assert len(set(strings)) == len(strings)
  choosing = np.flatnonzero(together.legal_actions_mask.sum(axis=1) > 1)
  matching = [rows[strings[i]] for i in choosing]
  for seed in (1, 4, 9):
    policy = draws.RandomPolicy(game, seed)
    arrays = [m.from_openspiel(policy) for m in (apart, together)]
    fields = [m.mean_field(p) for m, p in zip((apart, together), arrays)]
    np.testing.assert_allclose(
      fields[1][choosing], fields[0][matching], rtol=1e-12, atol=1e-16
    )
    for eta in (0.0, 0.2):
      assert together.exploitability(arrays[1], eta) == pytest.approx(
        apart.exploitability(arrays[0], eta), rel=1e-11, abs=1e-12
      )
      values = [
        m.action_values(p, f, eta)
        for m, p, f in zip((apart, together), arrays, fields)
      ]
      np.testing.assert_allclose(
        values[1][choosing], values[0][matching], rtol=1e-11
      )
    sums = np.bincount(together.layers, fields[1])
    decisions = [row for row, s in enumerate(strings) if "_mean" not in s]
    np.testing.assert_allclose(
      sums[np.unique(together.layers[decisions])], 1.0, rtol=1e-12
    )
    flow = distribution.DistributionPolicy(game, policy)
    told = together.to_distribution(fields[1])
    own = draws.RandomPolicy(game, 1)
    values = [
      policy_value.PolicyValue(game, each, own)._state_value._values
      for each in (flow, told)
    ]
    assert values[0].keys() == values[1].keys()
    np.testing.assert_allclose(
      list(values[1].values()), list(values[0].values()), rtol=1e-11
    )
    reached = together.reachable(arrays[1], fields[1], fields[1])
    np.testing.assert_array_equal(reached[choosing], fields[1][choosing] > 0)
  mixed = [
    (m.initial_mean_field() + f) / 2 for m, f in zip((apart, together), fields)
  ]
  q = [m.optimal_action_values(f) for m, f in zip((apart, together), mixed)]
  np.testing.assert_allclose(q[1][choosing], q[0][matching], rtol=1e-11)
  for state, string in zip(together.form.states(), strings):
    assert state.observation_string(0) == string
  if game.max_game_length() > 1:
    with pytest.raises(ValueError, match="num_steps must be None or at least"):
      together.propagate(arrays[1], fields[1], 1)


def test_a_mass_above_one_on_a_link_raises_a_one_line_error():
  model = compiled_game.CompiledGame(pyspiel.load_game(BRAESS))
  mean_field = model.initial_mean_field()
  with pytest.raises(ValueError) as error:
    model.optimal_action_values(3 * mean_field)
  assert str(error.value) == (
    "mean_field must have a mass of at most 1 on each link, but it is 2.25 on"
    " 'C->D' at time 11."
  )


class _SlowState(dynamic_routing.MeanFieldRoutingGameState):
  """A state that waits a step longer on full links."""

  def update_distribution(self, distribution):
    is_new = self._waiting_time == -1
    super().update_distribution(distribution)
    if is_new and sum(distribution) > 0.97:
      self._waiting_time += 1


class _SlowGame(dynamic_routing.MeanFieldRoutingGame):
  def new_initial_state(self):
    return _SlowState(self, self.time_step_length)


def test_a_game_that_differs_from_its_network_is_enumerated():
  game = roads.detour(horizon=6, game_class=_SlowGame)
  with pytest.warns(UserWarning, match="plays do not agree with its network"):
    model = compiled_game.CompiledGame(game)
  assert isinstance(model.form, moving_form.MovingForm)
  policy = draws.RandomPolicy(game, 1)
  assert model.exploitability(model.from_openspiel(policy)) == pytest.approx(
    nash_conv.NashConv(game, policy).nash_conv(), rel=1e-11
  )


def test_a_game_from_a_later_state_is_enumerated():
  game = pyspiel.load_game(BRAESS)
  state = game.new_initial_state().child(0)
  model = compiled_game.CompiledGame(game, state)
  assert isinstance(model.form, moving_form.MovingForm)


@pytest.mark.slow
def test_sioux_falls():
  """With two destinations, on all of its 124 links; few cars arrive."""
  network, demand = factory.DYNAMIC_ROUTING_NETWORK["sioux_falls_dummy_demand"]
  parameters = {"max_num_time_step": 30, "time_step_length": 0.8}
  game = dynamic_routing.MeanFieldRoutingGame(parameters, network, demand)
  model = compiled_game.CompiledGame(game)
  assert not model.form.tells_waits_apart
  array = draws.random_policy(model)
  policy = model.to_openspiel(array)
  np.testing.assert_allclose(model.from_openspiel(policy), array, rtol=1e-15)
  choosing = model.legal_actions_mask.sum(axis=1) > 1
  with recursion.deep(game):
    flow = distribution.DistributionPolicy(game, policy)
    expected = nash_conv.NashConv(game, policy).nash_conv()
  masses = [flow.value_str(s, 0.0) for s in model.observation_strings]
  np.testing.assert_allclose(
    model.mean_field(array)[choosing],
    np.array(masses)[choosing],
    rtol=1e-11,
    atol=1e-17,
  )
  assert expected > 1
  assert model.exploitability(array) == pytest.approx(expected, rel=1e-10)
