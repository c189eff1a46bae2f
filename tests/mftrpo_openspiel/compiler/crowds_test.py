"""Tests of the distributions that nodes receive, entry by entry."""

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel

from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk


def mean_field_levels(name):
  roots = pyspiel.load_game(name).new_initial_states()
  return [
    (index, level)
    for index, level in enumerate(game_walk.enumerate_levels(roots))
    if level.kind == game_walk.MEAN_FIELD
  ]


def test_each_population_is_concentrated_at_one_of_its_nodes():
  for index, level in mean_field_levels("python_mfg_predator_prey(horizon=2)"):
    own, first, last = (crowd.told(index, level) for crowd in crowds.EXTREMES)
    for node in range(len(level)):
      asked = level.supports[level.support_of[node]].nodes
      for laws, end in ((own, None), (first, 0), (last, -1)):
        law = np.array(laws[node])
        crowded = asked[law > 0]
        assert set(law) == {0.0, 1.0}
        assert sorted(level.populations[crowded]) == [0, 1, 2]
        if end is None:
          assert node in crowded
        else:
          assert crowded[end] == asked[asked >= 0][end]


def test_places_without_a_node_have_no_mass():
  # The support includes place 3, which no play reaches.
  for index, level in mean_field_levels("python_odd_game"):
    for crowd in crowds.EXTREMES:
      for node, law in enumerate(crowd.told(index, level)):
        asked = level.supports[level.support_of[node]].nodes
        assert sum(law) == 1.0
        assert asked[np.argmax(law)] >= 0


def test_nodes_receive_the_masses_of_their_support():
  for index, level in mean_field_levels("python_odd_game"):
    masses = np.arange(1.0, len(level) + 1)
    laws = crowds.announced({index: masses}).told(index, level)
    for node, law in enumerate(laws):
      asked = level.supports[level.support_of[node]].nodes
      assert law == [masses[place] if place >= 0 else 0.0 for place in asked]
    for law in game_walk.UNIFORM.told(index, level):
      assert sum(law) == level.masses.sum()


def test_random_masses_sum_to_one_for_each_population():
  roots = pyspiel.load_game(
    "python_mfg_predator_prey(horizon=2)"
  ).new_initial_states()
  levels = game_walk.enumerate_levels(roots)
  masses = crowds.random_masses(levels, np.random.default_rng(1))
  for index, drawn in masses.items():
    totals = np.bincount(levels[index].populations, drawn)
    np.testing.assert_allclose(totals, 1.0, rtol=1e-12)
    assert len(totals) == 3
