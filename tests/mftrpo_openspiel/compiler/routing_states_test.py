"""Compares nodes of a routing game with those reached in random plays."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import roads

from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_states

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=12,"
  "time_step_length=0.4)"
)


def states_of(game, **arguments):
  return routing_states.RoutingStates(road_network.read(game), **arguments)


def test_states_of_the_line_in_full():
  game = pyspiel.load_game(
    "mfg_dynamic_routing(network=line,max_num_time_step=4,time_step_length=1.0)"
  )
  states = states_of(game)
  to = "destination=D->aft_D"
  # Travel times are 1, so no car ever waits.
  assert [states.string(row) for row in range(len(states))] == [
    f"Location=bef_O->O, waiting time=0, t=0, {to}",
    f"Location=O->A, waiting time=-1, t=1_mean_field, {to}",
    f"Location=O->A, waiting time=0, t=1, {to}",
    f"Location=A->D, waiting time=-1, t=2_mean_field, {to}",
    f"Location=A->D, waiting time=0, t=2, {to}",
    "Arrived at D->aft_D, with arrival time 2.00, t=3_mean_field",
    "Arrived at D->aft_D, with arrival time 2.00, t=3",
  ]


@pytest.mark.parametrize("name", [BRAESS, "detour"])
def test_random_plays_reach_only_states(name):
  game = roads.detour() if name == "detour" else pyspiel.load_game(name)
  states = states_of(game)
  missing = {states.string(row) for row in range(len(states))}
  known = missing.copy()
  assert len(known) == len(states)
  rng = np.random.default_rng(0)
  for _ in range(1500):
    state = game.new_initial_state()
    state.apply_action(int(rng.integers(len(state.chance_outcomes()))))
    while not state.is_terminal():
      string = state.observation_string(0)
      assert string in known
      missing.discard(string)
      if state.is_mean_field_node():
        law = np.zeros(len(state.distribution_support()))
        if law.size:
          law[rng.integers(law.size)] = rng.random() ** rng.choice([0.3, 1, 4])
        state.update_distribution(law.tolist())
      else:
        state.apply_action(int(rng.choice(state.legal_actions())))
  # Others are rare; `routing_form_test` checks that plays reach all of them.
  assert len(missing) < 0.5 * len(known)


def test_aggregation_leaves_few_states():
  states = states_of(roads.detour(), max_states=0)
  assert not states.tells_waits_apart
  apart = states_of(roads.detour())
  assert apart.tells_waits_apart
  assert len(states) < 0.4 * len(apart)
  choices = [
    {
      each.string(row)
      for row in each.choice_rows[each.choice_rows >= 0].tolist()
    }
    for each in (states, apart)
  ]
  assert choices[0] == choices[1]


def test_states_are_aggregated_above_the_given_number():
  apart = states_of(pyspiel.load_game(BRAESS))
  number = len(apart)
  enough = states_of(pyspiel.load_game(BRAESS), max_states=2 * number)
  assert enough.tells_waits_apart
  few = states_of(pyspiel.load_game(BRAESS), max_states=number - 1)
  assert not few.tells_waits_apart
