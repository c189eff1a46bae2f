"""Tests flows and values in routing games by following each car."""

import itertools

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import roads

from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_arrays
from mftrpo_openspiel.compiler import routing_flow
from mftrpo_openspiel.compiler import routing_layers
from mftrpo_openspiel.compiler import routing_mdp
from mftrpo_openspiel.compiler import routing_states

BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=14,"
  "time_step_length=0.3)"
)


@pytest.fixture(name="arrays", params=[BRAESS, "detour"])
def _arrays(request):
  is_detour = request.param == "detour"
  game = roads.detour(8) if is_detour else pyspiel.load_game(request.param)
  states = routing_states.RoutingStates(road_network.read(game))
  return routing_arrays.RoutingArrays(states)


def policy_of(arrays, seed):
  mask = arrays.legal_actions_mask
  weights = np.random.default_rng(seed).exponential(size=mask.shape) * mask
  return weights / weights.sum(axis=1, keepdims=True)


class Car:
  """The routes of a car that chooses at a time, in plain Python."""

  def __init__(self, network, waits):
    self.network, self.waits = network, waits

  def value(self, link, destination, time, choose):
    """Returns its value if it leaves a link at a time."""
    network = self.network
    if time >= network.horizon:
      return -network.step_length * (network.horizon + 1)
    found = []
    for after in network.successors[link]:
      if after == network.destinations[destination]:
        found.append(-network.step_length * time)
      elif not network.successors[after] or time + 1 == network.horizon:
        found.append(-network.step_length * (network.horizon + 1))
      else:
        again = time + 1 + int(self.waits[time + 1, after])
        found.append(self.value(after, destination, again, choose))
    return choose(link, destination, time, found)


def test_values_agree_with_those_of_single_cars(arrays):
  states, network = arrays.states, arrays.states.network
  crowd, own = policy_of(arrays, 0), policy_of(arrays, 1)
  mean_field = routing_flow.Play(arrays, crowd).mean_field()
  mdp = routing_mdp.RoutingMDP(arrays, mean_field)
  waits = states.waits(arrays.told_shares(mean_field))
  zeros = np.zeros(len(states))

  def by_policy(link, destination, time, values):
    row = states.choice_rows[time, destination * arrays.num_links + link]
    law = own[row][[after + 1 for after in network.successors[link]]]
    return float(law @ values)

  q = mdp.evaluate(own, zeros, arrays.ends)
  best = mdp.optimize(zeros, arrays.ends)
  for trip in network.trips:
    car = Car(network, waits)
    where = trip.origin, trip.destination, trip.waiting_time
    row = states.waiting_rows[
      0, trip.destination * arrays.num_links + trip.origin, trip.waiting_time
    ]
    legal = arrays.legal_actions_mask[row]
    assert own[row, legal] @ q[row, legal] == pytest.approx(
      car.value(*where, by_policy), rel=1e-12
    )
    expected = car.value(*where, lambda *arguments: max(arguments[-1]))
    assert best[row].max() == pytest.approx(expected, rel=1e-12)


def test_nodes_receive_the_masses_on_their_links(arrays):
  """Compared with sums over all mean-field nodes of a link, by string."""
  mean_field = routing_flow.Play(arrays, policy_of(arrays, 2)).mean_field()
  states, network = arrays.states, arrays.states.network
  shares = np.zeros((network.horizon, arrays.num_links))
  for row, mass in enumerate(mean_field):
    string = states.string(row)
    if string.startswith("Location=") and "_mean_field" in string:
      link = string.split(",")[0].removeprefix("Location=")
      time = int(string.split("t=")[1].split("_")[0])
      wait = int(string.split("=")[2].split(",")[0])
      if wait < network.horizon:
        shares[time, list(network.names).index(link)] += mass
  assert shares.max() > 0.3
  np.testing.assert_allclose(arrays.told_shares(mean_field), shares, atol=1e-15)


def test_layers_give_the_same_results(arrays):
  crowd, own = policy_of(arrays, 0), policy_of(arrays, 1)
  mean_field = routing_flow.Play(arrays, crowd).mean_field()
  mdp = routing_mdp.RoutingMDP(arrays, mean_field)
  waits = arrays.states.waits(arrays.told_shares(mean_field))
  layered = routing_layers.layered(arrays, waits)
  np.testing.assert_allclose(
    layered.flow(own), mdp.flow(own), rtol=1e-12, atol=1e-16
  )
  np.testing.assert_allclose(
    layered.flow(crowd), mean_field, rtol=1e-12, atol=1e-16
  )
  zeros = np.zeros(len(mean_field))
  pay = routing_layers.last_pay(arrays, arrays.ends)
  met = mdp.flow(policy_of(arrays, 5)) > 0
  for temperatures in (None, np.full(len(mean_field), 0.3)):
    for ours, theirs in zip(
      (
        mdp.evaluate(own, zeros, arrays.ends, temperatures),
        mdp.optimize(zeros, arrays.ends, temperatures),
      ),
      (
        layered.evaluate(own, zeros, pay, temperatures),
        layered.optimize(zeros, pay, temperatures),
      ),
    ):
      np.testing.assert_allclose(ours[met], theirs[met], rtol=1e-12)
  rewards = mdp.action_rewards(zeros, arrays.ends)
  earned = np.einsum("n,na,na->", mean_field, crowd, rewards)
  arrived = arrays.states.nodes.kind == routing_states.ARRIVED
  last = arrays.states.nodes.time == arrays.horizon - 1
  assert (rewards[arrived & last & ~arrays.states.nodes.is_told, 0] < 0).all()
  q = mdp.evaluate(crowd, zeros, arrays.ends)
  first = arrays.states.nodes.time == 0
  value = np.einsum(
    "n,na,na->",
    mean_field[first],
    crowd[first],
    np.where(arrays.legal_actions_mask, q, 0.0)[first],
  )
  assert earned == pytest.approx(value, rel=1e-12)


def test_masses_of_one_path():
  """The line network by hand: w = 1 on each link, and 100 cars."""
  game = pyspiel.load_game(
    "mfg_dynamic_routing(network=line,max_num_time_step=8,time_step_length=0.5)"
  )
  arrays = routing_arrays.RoutingArrays(
    routing_states.RoutingStates(road_network.read(game))
  )
  policy = arrays.legal_actions_mask / arrays.legal_actions_mask.sum(
    axis=1, keepdims=True
  )
  play = routing_flow.Play(arrays, policy)
  mean_field = play.mean_field()
  np.testing.assert_array_equal(mean_field, 1.0)
  strings = [arrays.states.string(row) for row in range(len(mean_field))]
  times = [f"t={t}{told}" for t in range(8) for told in ("_mean_field", "")]
  assert len(strings) == len(times) - 1
  waits = [s.split("time=")[1].split(",")[0] for s in strings if "wait" in s]
  assert waits == ["0", "-1", "1", "0", "0", "-1", "1", "0", "0"]
  assert [event.moves.time for event in play.events] == [0, 2, 4]
  mdp = routing_mdp.RoutingMDP(arrays, mean_field)
  q = mdp.optimize(np.zeros(len(mean_field)), arrays.ends)
  np.testing.assert_allclose(q.max(axis=1), -4 * 0.5)


def test_results_do_not_depend_on_earlier_calls(arrays):
  policies = [policy_of(arrays, seed) for seed in range(12)]
  first = [routing_flow.Play(arrays, p).mean_field() for p in policies]
  new = routing_arrays.RoutingArrays(arrays.states)
  for policy, expected in itertools.chain(
    zip(policies[::-1], first[::-1]), zip(policies, first)
  ):
    np.testing.assert_array_equal(
      routing_flow.Play(new, policy).mean_field(), expected
    )
