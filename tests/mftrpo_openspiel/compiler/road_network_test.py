"""Compares waiting times with those in OpenSpiel's states."""

import re

import numpy as np
from open_spiel.python.games import dynamic_routing_data
from open_spiel.python.games import dynamic_routing_utils
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.games import dynamic_routing
import pyspiel
import pytest
import roads

from mftrpo_openspiel.compiler import road_network

NETWORKS = [
  "mfg_dynamic_routing(network=braess,max_num_time_step=8,"
  "time_step_length=0.05)",
  "mfg_dynamic_routing(network=braess,max_num_time_step=8,"
  "time_step_length=0.07)",
  "mfg_dynamic_routing(network=line,max_num_time_step=5,time_step_length=0.3)",
  "python_mfg_dynamic_routing(max_num_time_step=8,time_step_length=0.05)",
  "detour",
]


def load(name):
  return roads.detour() if name == "detour" else pyspiel.load_game(name)


def states_on_links(game, network):
  """Returns a mean-field state for each link, by name, that it has entered."""
  found = {}
  pending = [game.new_initial_state()]
  while pending:
    state = pending.pop(0)
    if state.is_chance_node() or not (
      state.is_terminal() or state.is_mean_field_node()
    ):
      actions = [a for a, _ in roads.moves(state)]
      pending += [state.child(action) for action in actions]
    elif state.is_mean_field_node():
      support = state.distribution_support()
      match = re.match("Location=(.*), waiting.time=-1", str(state))
      if match and support:
        found.setdefault(match[1], state)
      if len(found) < len(network.names):
        after = state.clone()
        after.update_distribution([0.0] * len(support))
        pending.append(after)
  return found


def wait_after(state, share):
  after = state.clone()
  size = len(state.distribution_support())
  after.update_distribution([0.0, share, *[0.0] * (size - 2)])
  return int(re.search(r"waiting.time=(-?\d+)", str(after))[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_waiting_times_agree_with_the_game_on_both_sides_of_jumps(name):
  game = load(name)
  network = road_network.read(game)
  waits = road_network.WaitingTimes(network, cap=10**6)
  compared = 0
  for link, state in states_on_links(game, network).items():
    row = list(network.names).index(link)
    jumps = waits.jumps[row][np.isfinite(waits.jumps[row])]
    jumps = jumps[jumps <= 1.0]
    rng = np.random.default_rng(0)
    for share in [
      *jumps,
      *np.nextafter(jumps, 0.0),
      *np.nextafter(jumps, 1.0),
      *rng.random(5),
      0.0,
      1.0,
    ]:
      shares = np.zeros(len(network.names))
      shares[row] = share
      assert waits(shares)[row] == wait_after(state, float(share))
      compared += 1
    for below, at in zip(np.nextafter(jumps, 0.0), jumps):
      assert wait_after(state, below) < wait_after(state, at)
  assert compared >= 14


def test_jumps_on_braess_are_in_closed_form():
  """The waiting time on A->B is floor((1 + rho) / dt) - 1 steps."""
  game = pyspiel.load_game(
    "python_mfg_dynamic_routing(max_num_time_step=5,time_step_length=0.3)"
  )
  network = road_network.read(game)
  waits = road_network.WaitingTimes(network, cap=100)
  row = list(network.names).index("A->B")
  # (1 + rho) / 0.3 is 4, 5, 6.
  np.testing.assert_allclose(waits.jumps[row][:3], [0.2, 0.5, 0.8], atol=1e-12)
  assert waits.least[row] == 2
  assert waits.largest[row] == 5
  assert waits.feasible()[row].tolist() == [False, False, *[True] * 4]
  assert waits.share(row, 4) == waits.jumps[row][1]
  assert waits.share(row, 2) == 0.0


def test_waiting_times_are_capped():
  network = road_network.read(roads.detour())
  free = road_network.WaitingTimes(network, cap=10**6)
  capped = road_network.WaitingTimes(network, cap=3)
  shares = np.random.default_rng(0).random((50, len(network.names)))
  assert free(shares).max() > 5
  np.testing.assert_array_equal(capped(shares), np.minimum(free(shares), 3))


def test_several_jumps_at_one_share_skip_waiting_times():
  """A waiting time that jumps from 0 to 2 is never 1."""
  network = road_network.read(roads.detour())
  steep = road_network.RoadNetwork(
    **{
      **vars(network),
      "waiting_time": lambda link, share: 2 * (share >= 0.25),
    }
  )
  waits = road_network.WaitingTimes(steep, cap=10)
  assert waits.feasible()[0].tolist() == [True, False, True]
  assert waits(np.full(len(network.names), 0.25)).tolist() == [2] * len(
    network.names
  )
  below = np.nextafter(0.25, 0.0)
  assert not waits(np.full(len(network.names), below)).any()
  assert waits.share(0, 2) == 0.25


def test_other_games_have_no_road_network():
  for name in ("mfg_garnet", "python_mfg_predator_prey"):
    assert road_network.read(pyspiel.load_game(name)) is None


def test_demands_that_strings_do_not_distinguish_are_rejected():
  """A car that arrives in step 0 before other links looks underway."""
  trip = dynamic_routing_utils.OriginDestinationDemand
  network = dynamic_routing_data.BRAESS_NETWORK

  def read(*demand):
    return road_network.read(
      dynamic_routing.MeanFieldRoutingGame(
        {"max_num_time_step": 5, "time_step_length": 0.5},
        network,
        list(demand),
      )
    )

  assert read(trip("O->A", "A->B", 0, 5)) is None
  assert read(trip("O->A", "A->B", 2.0, 5)) is not None
  assert read(trip("C->D", "D->E", 0, 5)) is not None
  assert read(trip("D->E", "D->E", 0, 5)) is None
