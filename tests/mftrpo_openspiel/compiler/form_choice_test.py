"""Compares how games are compiled with OpenSpiel's utilities.

Oracles: DistributionPolicy, PolicyValue, BestResponse and NashConv.
"""

import draws
import numpy as np
import odd_game
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.compiler import fixed_moves_form
from mftrpo_openspiel.compiler import form_choice
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=3,"
  "time_step_length=1.0)",
  "mfg_dynamic_routing(network=braess,max_num_time_step=5,"
  "time_step_length=1.0)",
  "mfg_dynamic_routing(network=braess,max_num_time_step=7,"
  "time_step_length=0.5)",
  "python_mfg_dynamic_routing(max_num_time_step=3,time_step_length=1.0)",
  "python_mfg_dynamic_routing(max_num_time_step=5,time_step_length=1.0)",
)


def random_policies(model, number=6):
  """Returns uniform, deterministic and uneven policies, (N, A)."""
  mask = model.legal_actions_mask
  rng = np.random.default_rng(0)
  drawn = [np.where(mask, rng.random(mask.shape), -np.inf) for _ in range(8)]
  return [
    tabular_policies.uniform_policy(mask),
    *[tabular_policies.greedy_policy(values) for values in drawn[:number]],
    *[softmax.softmax(9 * values) for values in drawn[number:]],
  ]


def check(model, policy):
  """Compares flow and exploitability to OpenSpiel's."""
  played = model.to_openspiel(policy)
  flow = distribution.DistributionPolicy(model.game, played)
  np.testing.assert_allclose(
    model.mean_field(policy),
    [flow.value_str(string, 0.0) for string in model.observation_strings],
    rtol=1e-11,
    atol=1e-14,
  )
  assert model.exploitability(policy) == pytest.approx(
    nash_conv.NashConv(model.game, played).nash_conv(), rel=1e-10, abs=1e-12
  )


@pytest.mark.parametrize(
  "name",
  [
    *BRAESS,
    "python_odd_game(pays=first,jam=told:1.0:1.0)",
    "python_odd_game(pays=second,jam=chance:1.0:1.0)",
    "python_odd_game(pays=terminal,coin=false,jam=next:1.0:1.0)",
    "python_odd_game(pays=first,coin=false,jam=told:0.88:2.0)",
    "python_odd_game(pays=second+memory,jam=chance:0.88:2.0)",
    "python_odd_game(pays=terminal,jam=next:0.88:2.0)",
    "python_odd_game(pays=first,jam=chance:0.0:0.0)",
  ],
)
def test_transitions_that_change_only_for_concentrated_masses_are_found(name):
  model = compiled_game.CompiledGame(pyspiel.load_game(name))
  for policy in random_policies(model):
    check(model, policy)


@pytest.mark.parametrize("what", ["told", "chance", "next", "legal"])
def test_a_change_of_transitions_found_later_is_an_error(what):
  game = pyspiel.load_game(
    f"python_odd_game(pays=second,coin=false,jam={what}:0.8999:0.9001)"
  )
  model = compiled_game.CompiledGame(game)
  for policy in random_policies(model):
    check(model, policy)
  policy = odd_game.crowding(model)
  plain = compiled_game.CompiledGame(
    pyspiel.load_game("python_odd_game(pays=second,coin=false)")
  )
  mean_field = plain.mean_field(policy)
  assert np.isclose(mean_field[model.layers == 2], 0.9).any()
  for call in (
    lambda: model.mean_field(policy),
    lambda: model.exploitability(policy),
    lambda: model.action_values(policy, mean_field),
    lambda: model.optimal_action_values(mean_field),
    lambda: model.propagate(policy, mean_field, 1),
    lambda: model.reachable(policy, mean_field, mean_field),
  ):
    with pytest.raises(
      ValueError, match=r"^game must have transitions.*differ[^\n]*$"
    ):
      call()


def test_legal_actions_that_change_are_an_error():
  game = pyspiel.load_game("python_odd_game(jam=legal:0.88:2.0,coin=false)")
  model = compiled_game.CompiledGame(game)
  check(model, tabular_policies.uniform_policy(model.legal_actions_mask))
  policy = np.zeros(model.legal_actions_mask.shape)
  plain = compiled_game.CompiledGame(
    pyspiel.load_game("python_odd_game(coin=false)")
  )
  rows = {string: row for row, string in enumerate(plain.observation_strings)}
  chosen = odd_game.crowding(plain)
  for row, string in enumerate(model.observation_strings):
    own = chosen[rows[string]] if string in rows else np.eye(3)[0]
    policy[row] = own
  with pytest.raises(ValueError, match=r"legal actions that do not .* at '\(0"):
    model.mean_field(policy)


def test_rewards_that_appear_under_one_mean_field_only_are_included():
  game = pyspiel.load_game(
    "python_odd_game(pays=nothing,coin=false,jam=pay:0.8999:0.9001)"
  )
  model = compiled_game.CompiledGame(game)
  check(model, tabular_policies.uniform_policy(model.legal_actions_mask))
  policy = odd_game.crowding(model)
  check(model, policy)
  assert model.exploitability(policy) > 0.1


@pytest.mark.parametrize("coin", ["true", "false"])
@pytest.mark.parametrize(
  ("pays", "is_read_from_states"),
  [
    ("mean_field", True),
    ("mean_field+first+second+terminal", True),
    ("mean_field+terminal", True),
    ("first+second", True),
    ("first+memory", False),
    ("mean_field+second+memory", False),
  ],
)
def test_games_declared_to_have_fixed_transitions(
  pays, is_read_from_states, coin
):
  """Their rewards are read from the states after mean-field nodes."""
  game = pyspiel.load_game(f"python_odd_game(pays={pays},coin={coin})")
  form, _ = form_choice.compile_game(game, None, moves_are_fixed=True)
  assert isinstance(form, fixed_moves_form.FixedMovesForm)
  assert form.checks_moves != is_read_from_states
  model = compiled_game.CompiledGame(game, moves_are_fixed=True)
  for policy in random_policies(model):
    check(model, policy)


def test_a_wrong_declaration_of_fixed_transitions_is_rejected():
  game = pyspiel.load_game("python_odd_game(jam=chance:0.1:0.9)")
  with pytest.raises(ValueError, match="moves_are_fixed must only be set"):
    compiled_game.CompiledGame(game, moves_are_fixed=True)
  with pytest.raises(ValueError, match="moves_are_fixed must be a bool, got 1"):
    compiled_game.CompiledGame(game, moves_are_fixed=1)


@pytest.mark.parametrize("scale", [1e-12, 1.0])
def test_rewards_of_an_earlier_mean_field_are_found_on_any_scale(scale):
  game = pyspiel.load_game(
    "python_odd_game", {"pays": "first+memory", "scale": scale}
  )
  model = compiled_game.CompiledGame(game, moves_are_fixed=True)
  policy = draws.RandomPolicy(game, 3)
  assert model.exploitability(model.from_openspiel(policy)) == pytest.approx(
    nash_conv.NashConv(game, policy).nash_conv(), rel=1e-9, abs=0
  )
