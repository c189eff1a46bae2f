"""A routing game for given waiting times as a `LayeredMDP`.

This is for code that needs transitions from layer to layer, such as simulators.
It takes as much time as many flows.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.compiler import routing_arrays
from mftrpo_openspiel.compiler import routing_states
from mftrpo_openspiel.values import layered_mdp


def layered(
  arrays: routing_arrays.RoutingArrays, waits: np.ndarray
) -> layered_mdp.LayeredMDP:
  """Returns the game for (T, K) waiting times, with all states in layers.

  Raises:
    ValueError: If states are aggregated.
  """
  states, nodes = arrays.states, arrays.states.nodes
  if not states.tells_waits_apart:
    raise ValueError(
      "game must have few enough states to distinguish waiting times, but its"
      f" network has {len(states)} states without them."
    )
  targets = np.full(arrays.legal_actions_mask.shape, -1)
  targets[:, 0] = arrays.after
  rows = np.flatnonzero(nodes.kind == routing_states.ENTERING)
  times, links = nodes.time[rows], nodes.link[rows]
  cells = nodes.destination[rows] * arrays.num_links + links
  targets[rows, 0] = states.waiting_rows[times, cells, waits[times, links]]
  for time, places in enumerate(arrays.places[:-1]):
    arriving = (
      states.entering_rows[time + 1],
      states.told_arrived_rows[time + 1, time],
      states.told_sink_rows[time + 1],
    )
    met = places >= 0
    moves = states.ways.targets[met]
    targets.ravel()[places[met]] = np.concatenate(arriving)[moves]
  layers = 2 * nodes.time - nodes.is_told
  starts = np.flatnonzero(np.diff(layers, prepend=-1))
  parts = np.split(targets, starts[1:])
  afterstates = [
    np.where(part < 0, -1, part - start)
    for part, start in zip(parts, starts[1:])
  ]
  own = np.arange(parts[-1].size).reshape(parts[-1].shape)
  afterstates.append(np.where(arrays.legal_actions_mask[starts[-1] :], own, -1))
  kernels: list[sparse.csr_array | None] = [None] * (len(parts) - 1)
  kernels.append(sparse.csr_array((parts[-1].size, 0)))
  initial = np.zeros(len(parts[0]))
  for trip in states.network.trips:
    cell = trip.destination * arrays.num_links + trip.origin
    initial[states.waiting_rows[0, cell, trip.waiting_time]] += trip.share
  return layered_mdp.LayeredMDP(
    initial, afterstates, kernels, nodes.time[starts]
  )


def last_pay(
  arrays: routing_arrays.RoutingArrays, ends: np.ndarray | None
) -> np.ndarray | None:
  """Returns the rewards of the afterstates of the `layered` game.

  Args:
    arrays: The game.
    ends: (T + 1,), the rewards for arrival at each time, and for not arriving;
      None for no rewards.
  """
  if ends is None:
    return None
  last = arrays.horizon - 1
  nodes = arrays.states.nodes
  is_last = (nodes.time == last) & ~nodes.is_told
  start = int(np.flatnonzero(is_last)[0])
  slots = np.full(arrays.legal_actions_mask.shape, arrays.horizon)
  slots.ravel()[arrays.single_places] = arrays.single_slots - arrays.first_end
  moves = arrays.moves(last, arrays.states.choice_rows[last] >= 0)
  event = arrays.event(moves, np.zeros(arrays.num_links, dtype=int))
  slots.ravel()[moves.places] = event.slots - arrays.first_end
  # All states except the first ones are afterstates of the layer before.
  first = int((nodes.time == 0).sum())
  return np.concatenate(
    [np.zeros(len(nodes.time) - first), ends[slots[start:].ravel()]]
  )
