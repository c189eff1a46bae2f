"""Folds the enumerated levels of a game into the layers of a `LayeredMDP`.

Only few levels become layers. All others are folded into the transitions
between the layers. The levels kept are

* the decision levels in which at least one node has several actions, and
* for each mean-field level, one level that carries the masses which its nodes
  receive. This is the decision level after it if the nodes of both correspond
  one to one. Otherwise it is the mean-field level itself, whose nodes become
  states with the single action 0.

So if all nodes of a decision level have a single action, they are not states,
unless they carry the masses of a mean-field level.
"""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np
import pyspiel
from scipy import sparse

from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.values import layered_mdp


@dataclasses.dataclass(frozen=True, eq=False)
class FoldedGame:
  """An enumerated game as a layered MDP, and the nodes of its states.

  Nodes are numbered through all levels, states through the levels that are
  kept.

  Attributes:
    levels: The enumerated game.
    mdp: The transitions.
    kept: The levels whose nodes are the states, one level per layer.
    times: For each layer, the number of mean-field levels passed since the
      first decision.
    node_offsets: (L + 1,), the first node of each level.
    nodes: (N,), the node of each state.
    mass_rows: For each mean-field level the states, (n,), that carry the masses
      of its nodes.
    visits: (afterstates, nodes), the expected number of visits of each node
      between an afterstate (included) and the next state; None if no node there
      has a reward.
  """

  levels: Sequence[game_walk.Level]
  mdp: layered_mdp.LayeredMDP
  kept: tuple[int, ...]
  times: np.ndarray
  node_offsets: np.ndarray
  nodes: np.ndarray
  mass_rows: dict[int, np.ndarray]
  visits: sparse.csr_array | None


def mass_carriers(levels: Sequence[game_walk.Level]) -> dict[int, int]:
  """Returns for each mean-field level the level that carries its masses.

  This is the decision level after it if both correspond one to one, and
  otherwise the mean-field level itself.
  """
  result = {}
  for index, level in enumerate(levels):
    if level.kind == game_walk.MEAN_FIELD:
      below = levels[index + 1]
      one_to_one = len(below) == len(level)
      result[index] = index + (one_to_one and below.kind == game_walk.DECISION)
  return result


def times_of(kinds: Sequence[pyspiel.StateType]) -> np.ndarray:
  """Returns (L,): the number of mean-field levels since the first decision.

  Args:
    kinds: The types of L consecutive levels.
  """
  passes = np.array([kind == game_walk.MEAN_FIELD for kind in kinds])
  passes[: list(kinds).index(game_walk.DECISION)] = False
  return np.cumsum(passes)


def fold_levels(
  levels: Sequence[game_walk.Level],
  num_actions: int,
  carriers: Mapping[int, int],
  paying: Collection[int],
) -> FoldedGame:
  """Returns an enumerated game as a layered MDP.

  Args:
    levels: All levels.
    num_actions: A.
    carriers: For each mean-field level, the level that carries its masses.
    paying: The levels whose nodes may have rewards.

  Raises:
    ValueError: If no node has several actions and there is no mean-field node.
  """
  kept = tuple(
    index
    for index, level in enumerate(levels)
    if index in carriers.values()
    or (level.kind == game_walk.DECISION and level.num_moves.max() > 1)
  )
  if not kept:
    raise ValueError("game must have a node with a choice, it has none.")
  offsets = np.cumsum([0] + [len(level) for level in levels])
  initial = levels[0].masses
  for index in range(kept[0]):
    initial = initial @ _transitions(levels, index)
  kernels: list[sparse.csr_array | None] = []
  met_nodes = []
  num_afterstates = 0
  for index, next_index in zip(kept, (*kept[1:], len(levels))):
    kernel = None
    for between in range(index + 1, next_index):
      if between in paying:
        met = sparse.coo_array(
          sparse.eye_array(len(levels[between])) if kernel is None else kernel
        )
        rows, columns = num_afterstates + met.row, offsets[between] + met.col
        met_nodes.append((met.data, rows, columns))
      step = _transitions(levels, between)
      kernel = step if kernel is None else kernel @ step
    if kernels and _are_equal(kernels[-1], kernel):
      kernel = kernels[-1]
    kernels.append(kernel)
    num_afterstates += len(levels[index + 1])
  visits = None
  if met_nodes:
    counts, rows, columns = map(np.concatenate, zip(*met_nodes))
    shape = num_afterstates, offsets[-1]
    visits = sparse.csr_array((counts, (rows, columns)), shape=shape)
  nodes = np.concatenate(
    [np.arange(offsets[index], offsets[index + 1]) for index in kept]
  )
  rows_of_nodes = np.full(offsets[-1], -1)
  rows_of_nodes[nodes] = np.arange(len(nodes))
  mass_rows = {}
  for index, carrier in carriers.items():
    places = np.arange(len(levels[index]))
    if carrier != index:
      places = levels[index].children
    mass_rows[index] = rows_of_nodes[offsets[carrier] + places]
  times = times_of([level.kind for level in levels])[list(kept)]
  afterstates = [_afterstates(levels[index], num_actions) for index in kept]
  return FoldedGame(
    levels=levels,
    mdp=layered_mdp.LayeredMDP(initial, afterstates, kernels, times),
    kept=kept,
    times=times,
    node_offsets=offsets,
    nodes=nodes,
    mass_rows=mass_rows,
    visits=visits,
  )


def _transitions(
  levels: Sequence[game_walk.Level], index: int
) -> sparse.csr_array:
  """Returns (n, n'): the probabilities of the nodes of the next level."""
  level = levels[index]
  width = len(levels[index + 1]) if index + 1 < len(levels) else 0
  entries = (level.probabilities, level.children, level.indptr)
  return sparse.csr_array(entries, shape=(len(level), width))


def _afterstates(level: game_walk.Level, num_actions: int) -> np.ndarray:
  """Returns (n, A): the next node after each action, -1 if it is not legal."""
  result = np.full((len(level), num_actions), -1)
  result[level.origins, level.actions] = level.children
  return result


def _are_equal(
  first: sparse.csr_array | None, second: sparse.csr_array | None
) -> bool:
  if first is None or second is None:
    return False
  return first.shape == second.shape and all(
    np.array_equal(getattr(first, name), getattr(second, name))
    for name in ("indptr", "indices", "data")
  )
