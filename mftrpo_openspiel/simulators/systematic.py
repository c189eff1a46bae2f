"""Draws that come up as often as expected, up to one.

In systematic sampling the outcomes of n draws are read off at n places, equally
far from each other, along the outcomes laid side by side. Each draw has the law
of the masses, and less is left to chance than in independent draws.
"""

import numpy as np


def draw(masses: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
  """Returns (size,) outcomes in increasing order.

  Args:
    masses: (n,), >= 0, what the outcomes weigh; their sum is positive.
    size: How many.
    rng: Source of chance.

  Returns:
    Outcome i comes up floor or ceil of size masses[i] / masses.sum() times, on
    average just so often, and not at all where masses[i] is 0.
  """
  bounds = np.cumsum(masses)
  # The last bounds are the total exactly, and so is the last place at most.
  places = (np.arange(size) + rng.random()) * (bounds[-1] / size)
  np.minimum(places, np.nextafter(bounds[-1], 0), out=places)
  return np.searchsorted(bounds, places, side="right")
