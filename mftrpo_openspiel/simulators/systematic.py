"""Systematic sampling: outcomes occur as often as expected, up to one.

The outcomes of n draws are read at n equally spaced positions along the
outcomes laid side by side. Each draw has the distribution of the masses, and
the result varies less than independent draws.
"""

import numpy as np


def draw(masses: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
  """Returns (size,) outcomes in increasing order.

  Args:
    masses: (n,), >= 0, the weights of the outcomes; their sum is positive.
    size: The number of draws.
    rng: The random number generator.

  Returns:
    Outcome i occurs floor or ceil of size masses[i] / masses.sum() times, on
    average exactly this often, and never if masses[i] is 0.
  """
  bounds = np.cumsum(masses)
  # The last bounds are exactly the total, and the last place is at most it.
  places = (np.arange(size) + rng.random()) * (bounds[-1] / size)
  np.minimum(places, np.nextafter(bounds[-1], 0), out=places)
  return np.searchsorted(bounds, places, side="right")
