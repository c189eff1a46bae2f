"""What players can be told of the mean field."""

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from mftrpo_openspiel.compiler import enumeration

# What each node of a mean-field layer is told, from the layer and its index.
Telling = Callable[[int, enumeration.Layer], Callable[[int], list[float]]]


def these(masses: Mapping[int, np.ndarray]) -> Telling:
  """Tells all nodes of a layer the same masses, (n,)."""

  def tell(index, layer):
    laws = [
      enumeration.told(masses[index], support) for support in layer.supports
    ]
    return lambda node: laws[layer.support_of[node]]

  return tell


def the_truth(
  index: int, layer: enumeration.Layer
) -> Callable[[int], list[float]]:
  """Tells them what they were told when the layer was enumerated."""
  return these({index: layer.masses})(index, layer)


def _first(index, layer):
  return lambda node: _crowded(layer, node, lambda places: places[0])


def _last(index, layer):
  return lambda node: _crowded(layer, node, lambda places: places[-1])


def _own(index, layer):
  def law(node):
    support = layer.supports[layer.support_of[node]]

    def own_or_first(places):
      own = places[support[places] == node]
      return own[0] if own.size else places[0]

    return _crowded(layer, node, own_or_first)

  return law


def _crowded(
  layer: enumeration.Layer, node: int, choose: Callable[[np.ndarray], int]
) -> list[float]:
  """Returns masses that put each population on one node.

  Args:
    layer: A mean-field layer.
    node: Which of its nodes is told.
    choose: Chooses a place in the list that the node asks for, from the places
      of the nodes of a population.
  """
  support = layer.supports[layer.support_of[node]]
  law = np.zeros(len(support))
  populations = np.where(support >= 0, layer.populations[support], -1)
  for population in np.unique(populations[support >= 0]):
    law[choose(np.flatnonzero(populations == population))] = 1.0
  return law.tolist()


# That a whole population is at the node that is told (others at their first),
# at the first, or at the last of a layer.
EXTREMES: tuple[Telling, ...] = (
  _own,
  _first,
  _last,
)
