"""Tests whether a routing game agrees with its network."""

import dataclasses

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import roads

from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_plays
from mftrpo_openspiel.compiler import routing_states

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=12,"
  "time_step_length=0.4)"
)


def agrees(game, **changes):
  network = dataclasses.replace(road_network.read(game), **changes)
  states = routing_states.RoutingStates(network)
  return routing_plays.agree(game, states)


@pytest.mark.parametrize("name", [BRAESS, "detour"])
def test_other_networks_do_not_agree_with_the_game(name):
  game = roads.detour() if name == "detour" else pyspiel.load_game(name)
  network = road_network.read(game)
  assert agrees(game)
  trips = list(network.trips)
  later = dataclasses.replace(trips[0], waiting_time=trips[0].waiting_time + 1)
  assert not agrees(game, trips=[later, *trips[1:]])
  assert not agrees(game, step_length=2 * network.step_length)
  assert not agrees(game, horizon=network.horizon + 1)
  assert not agrees(game, is_cpp=not network.is_cpp)
  assert not agrees(game, names=[f"{name}_" for name in network.names])
  if len(network.destinations) > 1:
    assert not agrees(game, destinations=network.destinations[::-1])
  fewer = [ends[:1] for ends in network.successors]
  assert not agrees(game, successors=fewer)


@pytest.mark.parametrize("shift", [1e-9, -1e-9])
def test_a_jump_with_a_small_error_is_detected(shift):
  game = pyspiel.load_game(BRAESS)
  network = road_network.read(game)

  def waiting_time(link, share):
    return network.waiting_time(link, share + shift * (0.01 < share < 0.99))

  assert not agrees(game, waiting_time=waiting_time)


def test_states_of_some_rows_only():
  game = roads.detour()
  states = routing_states.RoutingStates(road_network.read(game))
  rows = np.arange(5, len(states), 37)
  found = list(routing_plays.states_of(game, states, rows))
  assert [state.observation_string(0) for state in found] == [
    states.string(row) for row in rows.tolist()
  ]
  assert not list(routing_plays.states_of(game, states, rows[:0]))
