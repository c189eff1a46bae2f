"""Routing games with features that OpenSpiel's networks do not have."""

from open_spiel.python.games import dynamic_routing_utils
from open_spiel.python.mfg.games import dynamic_routing


def moves(state):
  """Returns the actions of a decision or chance state, with probabilities."""
  if state.is_chance_node():
    return state.chance_outcomes()
  actions = state.legal_actions()
  return [(action, 1 / len(actions)) for action in actions]


def detour(
  horizon=12,
  step_length=0.5,
  perform_sanity_checks=True,
  game_class=dynamic_routing.MeanFieldRoutingGame,
):
  """Returns a game with a cycle, two destinations, and another sink.

  Cars start on three links, some of them later. Two trips have the same origin
  and destination. One link is both an origin and part of the route of other
  cars. One destination is a link on which other cars continue.
  """
  adjacency = {
    "S": ["A"],
    "R": ["B"],
    "A": ["B", "C"],
    "B": ["A", "C", "W"],
    "C": ["B", "E", "D"],
    "D": ["F"],
    "E": [],
    "F": [],
    "W": [],
  }
  links = [f"{a}->{b}" for a, ends in adjacency.items() for b in ends]
  network = dynamic_routing_utils.Network(
    adjacency,
    bpr_a_coefficient={
      link: [0.0, 3.0, 0.7, 2.0][i % 4] for i, link in enumerate(links)
    },
    bpr_b_coefficient={
      link: [1.0, 2.0, 4.0][i % 3] for i, link in enumerate(links)
    },
    capacity={link: 7.0 + i for i, link in enumerate(links)},
    free_flow_travel_time={
      link: [0.0, 0.6, 1.1][i % 3] for i, link in enumerate(links)
    },
  )
  trip = dynamic_routing_utils.OriginDestinationDemand
  demand = [
    trip("S->A", "C->E", 0, 6.0),
    trip("R->B", "C->D", 0, 3.5),
    trip("A->B", "C->E", 1.3, 2.0),
    trip("S->A", "C->D", 0.5, 4.0),
    trip("S->A", "C->D", 0.7, 1.0),
    trip("R->B", "D->F", 0, 1.5),
  ]
  return game_class(
    {"max_num_time_step": horizon, "time_step_length": step_length},
    network,
    demand,
    perform_sanity_checks,
  )
