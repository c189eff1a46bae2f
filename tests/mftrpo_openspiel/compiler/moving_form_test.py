"""Tests of games whose transitions depend on the mean field."""

import draws
import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel
import pytest

from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import moving_form
from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.utils import tabular_policies

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=30,"
  "time_step_length=0.2)"
)
LIN_QUAD = (
  "mean_field_lin_quad(size=6,horizon=3,n_actions_per_side=1,mean_revert=0.5)"
)
PREVIOUS = "python_odd_game(pays=mean_field+first+second+terminal)"
MEMORY = "python_odd_game(pays=first+memory)"


@pytest.fixture(autouse=True)
def _road_networks_are_unknown(monkeypatch):
  monkeypatch.setattr(road_network, "read", lambda game: None)


@pytest.fixture(name="model", params=[BRAESS, LIN_QUAD, PREVIOUS, MEMORY])
def _model(request):
  game = pyspiel.load_game(request.param)
  if request.param == LIN_QUAD:
    with pytest.warns(UserWarning, match="reward at"):
      return compiled_game.CompiledGame(game)
  return compiled_game.CompiledGame(game)


def test_nash_conv_and_flow_are_those_of_openspiel(model):
  num_states = len(model.layers)
  for policy in (
    policy_lib.UniformRandomPolicy(model.game),
    *[draws.RandomPolicy(model.game, seed) for seed in (1, 4, 9)],
  ):
    array = model.from_openspiel(policy)
    assert len(array) == num_states  # All nodes were found.
    assert model.exploitability(array) == pytest.approx(
      nash_conv.NashConv(model.game, policy).nash_conv(), rel=1e-11
    )
    flow = distribution.DistributionPolicy(model.game, policy)
    np.testing.assert_allclose(
      model.mean_field(array),
      [flow.value_str(s, 0.0) for s in model.observation_strings],
      rtol=1e-11,
      atol=1e-15,
    )


def test_action_values_are_those_of_openspiel(model):
  """Under the mean field of another policy than the evaluated one."""
  game = model.game
  crowd, own = (
    draws.RandomPolicy(game, 3),
    draws.RandomPolicy(game, 1),
  )
  flow = distribution.DistributionPolicy(game, crowd)
  value = policy_value.PolicyValue(game, flow, own)
  best = best_response_value.BestResponse(game, flow)
  mean_field = model.mean_field(model.from_openspiel(crowd))
  q = model.action_values(model.from_openspiel(own), mean_field)
  optimal = model.optimal_action_values(mean_field)
  compared = 0
  for row, string in enumerate(model.observation_strings):
    if model.legal_actions_mask[row].sum() > 1 and value._state_value.has(
      string
    ):
      compared += 1
      law = model.from_openspiel(own)[row]
      legal = model.legal_actions_mask[row]
      np.testing.assert_allclose(
        law[legal] @ q[row, legal], value._state_value(string), rtol=1e-10
      )
      np.testing.assert_allclose(
        optimal[row].max(), best._state_value(string), rtol=1e-10
      )
  assert compared
  assert np.isneginf(q[~model.legal_actions_mask]).all()
  assert np.isfinite(q[model.legal_actions_mask]).all()


def test_fictitious_play_stays_within_the_states():
  """Its best responses concentrate on single paths."""
  model = compiled_game.CompiledGame(pyspiel.load_game(BRAESS))
  mean_field = model.initial_mean_field()
  gaps = []
  for k in range(8):
    best = model.optimal_action_values(mean_field)
    response = model.mean_field(tabular_policies.greedy_policy(best))
    mean_field = mean_field + (response - mean_field) / (k + 2)
    assert np.isfinite(best[model.legal_actions_mask]).all()
    gaps.append(np.abs(response - mean_field).sum())
  assert len(set(np.round(gaps, 9))) > 1  # Responses did change the flow.


def test_few_steps_require_all_mass_on_reached_nodes():
  model = compiled_game.CompiledGame(pyspiel.load_game(BRAESS))
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.initial_mean_field()
  np.testing.assert_allclose(
    model.propagate(policy, mean_field, 3), mean_field, rtol=1e-12
  )
  greedy = np.where(model.legal_actions_mask, 0.0, -np.inf)
  other = model.mean_field(tabular_policies.greedy_policy(greedy))
  with pytest.raises(ValueError, match="num_steps must be None or at least"):
    model.propagate(policy, (mean_field + other) / 2, 3)
  model.propagate(policy, (mean_field + other) / 2, None)


def test_nodes_outside_the_model_are_named_and_can_be_added():
  game = pyspiel.load_game(BRAESS)
  roots = game.new_initial_states()
  levels = game_walk.enumerate_levels(roots)
  num_actions = game.num_distinct_actions()
  form = moving_form.MovingForm(roots, levels, num_actions, max_nodes=10)
  strings = form.strings
  everything = moving_form.MovingForm(roots, levels, num_actions)
  assert len(strings) < len(everything.strings)
  greedy = tabular_policies.greedy_policy(
    np.where(form.legal_actions_mask, 0.0, -np.inf)
  )
  with pytest.raises(ValueError, match="outside the model, but"):
    form.flow(greedy)
  policy = draws.RandomPolicy(game, 9)
  array = form.policy_array(policy)
  assert len(array) > len(strings)
  assert form.strings[: len(strings)] == strings
  assert len(form.layers) == len(form.times) == len(array)
  flow = distribution.DistributionPolicy(game, policy)
  np.testing.assert_allclose(
    form.flow(array),
    [flow.value_str(string, 0.0) for string in form.strings],
    rtol=1e-11,
    atol=1e-15,
  )


@pytest.mark.parametrize("name", [BRAESS, MEMORY])
def test_an_incomplete_policy_raises_a_one_line_error(name):
  game = pyspiel.load_game(name)
  model = compiled_game.CompiledGame(game)
  missing = []

  class Table(draws.RandomPolicy):
    """A policy without action probabilities for the first node."""

    def action_probabilities(self, state, player_id=None):
      missing.append(state.observation_string(0))
      if missing[0] == missing[-1]:
        raise KeyError(missing[0])
      return super().action_probabilities(state, player_id)

  with pytest.raises(ValueError) as error:
    model.from_openspiel(Table(game, 4))
  assert str(error.value) == (
    "policy must have action probabilities for each state, it has none for"
    f" {missing[0]!r}."
  )
