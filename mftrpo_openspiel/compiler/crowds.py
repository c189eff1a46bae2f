"""Crowds that are told other things than the truth, or play at random.

The former are for walks through known levels, where it does not matter how
everybody plays.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import game_walk


def announced(masses: Mapping[int, np.ndarray]) -> game_walk.Crowd:
  """Returns a crowd told these masses, (n,), of each mean-field level."""
  return game_walk.Crowd(told=lambda index, level: level.told(masses[index]))


_Choice = Callable[[np.ndarray, np.ndarray], int]


def _extreme(choose: _Choice) -> game_walk.Crowd:
  """Returns a crowd that is told that each population is all in one place.

  Args:
    choose: Chooses a place in the support of a node from the places, (k,), of
      a population, and from whether these are the node itself, (k,) of bool.
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


# That a whole population is at the node that is told (others at their first),
# at the first, or at the last of a level.
EXTREMES = (
  _extreme(lambda places, is_own: places[is_own.argmax()]),
  _extreme(lambda places, is_own: places[0]),
  _extreme(lambda places, is_own: places[-1]),
)


def random_masses(
  levels: Sequence[game_walk.Level], rng: np.random.Generator
) -> dict[int, np.ndarray]:
  """Returns uneven masses for each mean-field level, a law a population."""
  masses = {}
  for index, level in enumerate(levels):
    if level.kind == game_walk.MEAN_FIELD:
      drawn = rng.exponential(size=len(level)) ** 4
      totals = np.bincount(level.populations, drawn)
      masses[index] = drawn / totals[level.populations]
  return masses


def random_players(rng: np.random.Generator) -> game_walk.Crowd:
  """Returns a crowd that plays a random policy, and is told the truth."""

  def probabilities(
    level: game_walk.Level, states: Sequence[pyspiel.State]
  ) -> np.ndarray:
    del states
    weights = rng.exponential(size=len(level.actions))
    totals = np.bincount(level.origins, weights)
    return weights / totals[level.origins]

  return game_walk.Crowd(probabilities)
