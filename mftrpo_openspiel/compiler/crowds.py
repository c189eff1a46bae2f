"""Populations with given distributions or with random policies.

The former are for traversals of known levels, where the policy of the
population does not matter.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import game_walk


def announced(masses: Mapping[int, np.ndarray]) -> game_walk.Crowd:
  """Returns a crowd whose nodes receive the given masses.

  Args:
    masses: For each mean-field level, by its index, the (n,) masses of its
      nodes.
  """
  return game_walk.Crowd(told=lambda index, level: level.told(masses[index]))


_Choice = Callable[[np.ndarray, np.ndarray], int]


def _extreme(choose: _Choice) -> game_walk.Crowd:
  """Returns a crowd in which each population is concentrated at one place.

  Args:
    choose: Chooses one of the places, (k,), of a population in the distribution
      support of a node. Its second argument, (k,) of bool, says which place is
      the node itself.
  """

  def law(level: game_walk.Level, node: int) -> list[float]:
    asked = level.supports[level.support_of[node]].nodes
    law = np.zeros(len(asked))
    populations = np.where(asked >= 0, level.populations[asked], -1)
    for population in np.unique(populations[asked >= 0]):
      places = np.flatnonzero(populations == population)
      law[choose(places, asked[places] == node)] = 1.0
    return law.tolist()

  return game_walk.Crowd(
    told=lambda _, level: [law(level, node) for node in range(len(level))]
  )


# A whole population is at the node that receives the distribution (other
# populations at their first node), at the first, or at the last node of the
# support.
EXTREMES = (
  _extreme(lambda places, is_own: places[is_own.argmax()]),
  _extreme(lambda places, is_own: places[0]),
  _extreme(lambda places, is_own: places[-1]),
)


def random_masses(
  levels: Sequence[game_walk.Level], rng: np.random.Generator
) -> dict[int, np.ndarray]:
  """Returns random, uneven masses for each mean-field level.

  They sum to one for each population.
  """
  masses = {}
  for index, level in enumerate(levels):
    if level.kind == game_walk.MEAN_FIELD:
      drawn = rng.exponential(size=len(level)) ** 4
      totals = np.bincount(level.populations, drawn)
      masses[index] = drawn / totals[level.populations]
  return masses


def random_players(rng: np.random.Generator) -> game_walk.Crowd:
  """Returns a crowd with a random policy and the true distribution of it."""

  def probabilities(
    level: game_walk.Level, states: Sequence[pyspiel.State]
  ) -> np.ndarray:
    del states
    weights = rng.exponential(size=len(level.actions))
    totals = np.bincount(level.origins, weights)
    return weights / totals[level.origins]

  return game_walk.Crowd(probabilities)
