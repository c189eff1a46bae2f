"""What players are told, entry by entry."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel

from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk


def mean_field_layers(name):
  roots = pyspiel.load_game(name).new_initial_states()
  return [
    (index, layer)
    for index, layer in enumerate(game_walk.enumerate_layers(roots))
    if layer.kind == game_walk.MEAN_FIELD
  ]


def test_each_population_is_crowded_onto_one_node_of_its_own():
  for index, layer in mean_field_layers("python_mfg_predator_prey(horizon=2)"):
    own, first, last = (tell(index, layer) for tell in crowds.EXTREMES)
    for node in range(len(layer)):
      support = layer.supports[layer.support_of[node]]
      for law_of, ends in ((own, None), (first, 0), (last, -1)):
        law = np.array(law_of(node))
        crowded = support[law > 0]
        assert set(law) == {0.0, 1.0}
        assert sorted(layer.populations[crowded]) == [0, 1, 2]
        if ends is None:
          assert node in crowded
        else:
          asked = support[support >= 0]
          assert crowded[ends] == asked[ends]


def test_places_without_a_node_get_nothing():
  # Players ask about place 3, to which no play leads.
  for index, layer in mean_field_layers("python_odd_game"):
    for node in range(len(layer)):
      support = layer.supports[layer.support_of[node]]
      for tell in crowds.EXTREMES:
        law_of = tell(index, layer)
        assert sum(law_of(node)) == 1.0
        assert support[np.argmax(law_of(node))] >= 0


def test_masses_are_told_by_node():
  for index, layer in mean_field_layers("python_odd_game"):
    masses = np.arange(1.0, len(layer) + 1)
    law_of = crowds.these({index: masses})
    for node in range(len(layer)):
      support = layer.supports[layer.support_of[node]]
      expected = [masses[place] if place >= 0 else 0.0 for place in support]
      assert law_of(index, layer)(node) == expected
      told = crowds.the_truth(index, layer)(node)
      assert sum(told) == layer.masses.sum()
