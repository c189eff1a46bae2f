"""Crowds of which players are not told the truth.

They are for walks through known levels, where it does not matter how everybody
plays.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from mftrpo_openspiel.compiler import game_walk


class AnnouncedCrowd(game_walk.Crowd):
  """Players are told given masses."""

  def __init__(self, masses: Mapping[int, np.ndarray]):
    """Initializes the crowd from the masses, (n,), of each mean-field level."""
    self._masses = masses

  def told(self, index: int, level: game_walk.Level) -> list[list[float]]:
    """Returns what each node of the mean-field level `index` is told."""
    return level.told(self._masses[index])


# Chooses one of several entries of a support. Arguments: which entries, whether
# each is the node that is told.
_Choice = Callable[[np.ndarray, np.ndarray], int]


class ExtremeCrowd(game_walk.Crowd):
  """Players are told that each population is all in one place."""

  def __init__(self, choose: _Choice):
    """Initializes the crowd.

    Args:
      choose: Chooses a place in the support of a node from the places, (k,), of
        a population, and from whether these are the node itself, (k,) of bool.
    """
    self._choose = choose

  def told(self, index: int, level: game_walk.Level) -> list[list[float]]:
    """Returns what each node of the mean-field level `index` is told."""
    del index
    return [self._law(level, node) for node in range(len(level))]

  def _law(self, level: game_walk.Level, node: int) -> list[float]:
    asked = level.supports[level.support_of[node]].nodes
    law = np.zeros(len(asked))
    populations = np.where(asked >= 0, level.populations[asked], -1)
    for population in np.unique(populations[asked >= 0]):
      places = np.flatnonzero(populations == population)
      law[self._choose(places, asked[places] == node)] = 1.0
    return law.tolist()


# That a whole population is at the node that is told (others at their first),
# at the first, or at the last of a level.
EXTREMES = (
  ExtremeCrowd(lambda places, is_own: places[is_own.argmax()]),
  ExtremeCrowd(lambda places, is_own: places[0]),
  ExtremeCrowd(lambda places, is_own: places[-1]),
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
