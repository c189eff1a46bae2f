"""From the enumerated nodes of a game to its layered chain.

Few of the enumerated layers are those of the chain: all others are folded into
what lies between. Kept are

* the decision layers in which somebody has a choice, and
* for each mean-field layer, one that carries the masses which players are told.
  That is the decision layer after it if the two correspond one to one. Else it
  is the mean-field layer itself, as states with the only action 0.

So no decision node is a state if all nodes of its layer have a single action,
unless their masses are those that players are told.
"""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np
import pyspiel
from scipy import sparse

from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.values import layered_mdp


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledLayers:
  """A game's layered chain, and where its states lie among all nodes.

  Nodes are counted through all enumerated layers, the states of the chain
  through those that are kept.

  Attributes:
    chain: Where actions lead.
    kept: The enumerated layers whose nodes are the states of the chain.
    times: For each of them, how many mean-field layers were passed since the
      first decision.
    node_offsets: (L + 1,), the first node of each enumerated layer.
    nodes: (N,), the node of each state.
    carried: For each mean-field layer the states, (n,), which carry the masses
      of its nodes.
    spread: (afterstates, nodes), how often each node is met between an
      afterstate (itself included) and the next state; None if no node there
      pays.
  """

  chain: layered_mdp.LayeredChain
  kept: tuple[int, ...]
  times: np.ndarray
  node_offsets: np.ndarray
  nodes: np.ndarray
  carried: dict[int, np.ndarray]
  spread: sparse.csr_array | None

  def told(self, mean_field: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the masses of each mean-field layer from those of all states."""
    return {index: mean_field[rows] for index, rows in self.carried.items()}

  def rewards(
    self, node_rewards: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the rewards of states and afterstates from those of all nodes."""
    between = None if self.spread is None else self.spread @ node_rewards
    return node_rewards[self.nodes], between


def carriers(layers: Sequence[enumeration.Layer]) -> dict[int, int]:
  """Returns for each mean-field layer the one that carries its masses.

  The decision layer after it, if the two correspond one to one.
  """
  result = {}
  for index, layer in enumerate(layers):
    if layer.kind == enumeration.MEAN_FIELD:
      below = layers[index + 1]
      one_to_one = len(below) == len(layer)
      decides = below.kind == enumeration.DECISION
      result[index] = index + 1 if one_to_one and decides else index
  return result


def times_of(kinds: Sequence[pyspiel.StateType]) -> np.ndarray:
  """Returns how many mean-field layers were passed since the first decision.

  Args:
    kinds: Of the layers.
  """
  passes = np.array([kind == enumeration.MEAN_FIELD for kind in kinds])
  passes[: list(kinds).index(enumeration.DECISION)] = False
  return np.cumsum(passes)


def compile_layers(
  layers: Sequence[enumeration.Layer],
  num_actions: int,
  carrying: Mapping[int, int],
  paying: Collection[int],
) -> CompiledLayers:
  """Returns the layered chain of an enumerated game.

  Args:
    layers: All layers.
    num_actions: A.
    carrying: For each mean-field layer the one that carries its masses.
    paying: The layers whose nodes may pay something.

  Raises:
    ValueError: If nobody ever has a choice and there is no mean field.
  """
  kept = tuple(
    index
    for index, layer in enumerate(layers)
    if index in carrying.values()
    or (layer.kind == enumeration.DECISION and layer.num_moves.max() > 1)
  )
  if not kept:
    raise ValueError("game must have a node with a choice, it has none.")
  offsets = np.cumsum([0] + [len(layer) for layer in layers])
  initial = layers[0].masses
  for index in range(kept[0]):
    initial = initial @ _transitions(layers, index)
  afterstates, kernels = [], []
  spread = _Spread(offsets)
  for index, next_index in zip(kept, (*kept[1:], len(layers))):
    afterstates.append(_afterstates(layers[index], num_actions))
    kernel = None
    for between in range(index + 1, next_index):
      if between in paying:
        spread.add(between, kernel)
      step = _transitions(layers, between)
      kernel = step if kernel is None else kernel @ step
    if kernels and _same(kernels[-1], kernel):
      kernel = kernels[-1]
    kernels.append(kernel)
    spread.num_afterstates += len(layers[index + 1])

  times = times_of([layer.kind for layer in layers])[list(kept)]
  nodes = np.concatenate(
    [np.arange(offsets[index], offsets[index + 1]) for index in kept]
  )
  rows = np.full(offsets[-1], -1)
  rows[nodes] = np.arange(len(nodes))
  carried = {}
  for index, carrier in carrying.items():
    places = np.arange(len(layers[index]))
    if carrier != index:
      places = layers[index].children
    carried[index] = rows[offsets[carrier] + places]
  return CompiledLayers(
    chain=layered_mdp.LayeredChain(initial, afterstates, kernels, times),
    kept=kept,
    times=times,
    node_offsets=offsets,
    nodes=nodes,
    carried=carried,
    spread=spread.matrix(),
  )


class _Spread:
  """Collects `CompiledLayers.spread`, afterstates after afterstates."""

  def __init__(self, node_offsets: np.ndarray):
    self.num_afterstates = 0
    self._offsets = node_offsets
    self._entries = []

  def add(self, index: int, kernel: sparse.csr_array | None) -> None:
    """Adds the nodes of layer `index`.

    Args:
      index: A layer that pays.
      kernel: How often each of its nodes is met after each afterstate; None if
        they are the afterstates.
    """
    if kernel is None:
      rows = columns = np.arange(np.diff(self._offsets)[index])
      data = np.ones(len(rows))
    else:
      entries = kernel.tocoo()
      rows, columns, data = entries.row, entries.col, entries.data
    self._entries.append(
      (data, self.num_afterstates + rows, self._offsets[index] + columns)
    )

  def matrix(self) -> sparse.csr_array | None:
    """Returns the whole; None if no layer was added."""
    if not self._entries:
      return None
    data, rows, columns = map(np.concatenate, zip(*self._entries))
    shape = (self.num_afterstates, self._offsets[-1])
    return sparse.csr_array((data, (rows, columns)), shape=shape)


def _transitions(
  layers: Sequence[enumeration.Layer], index: int
) -> sparse.csr_array:
  """Returns (n, n'): the laws of the next node; single moves as such."""
  layer = layers[index]
  width = len(layers[index + 1]) if index + 1 < len(layers) else 0
  entries = (layer.probabilities, layer.children, layer.indptr)
  return sparse.csr_array(entries, shape=(len(layer), width))


def _afterstates(layer: enumeration.Layer, num_actions: int) -> np.ndarray:
  """Returns (n, A): the next node after each action, -1 if it is not legal."""
  result = np.full((len(layer), num_actions), -1)
  result[layer.origins, layer.actions] = layer.children
  return result


def _same(
  first: sparse.csr_array | None, second: sparse.csr_array | None
) -> bool:
  if first is None or second is None:
    return False
  return first.shape == second.shape and all(
    np.array_equal(getattr(first, name), getattr(second, name))
    for name in ("indptr", "indices", "data")
  )
