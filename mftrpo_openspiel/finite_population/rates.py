"""At which power of N something falls."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Rate(NamedTuple):
  """A line through points on log axes, by least squares.

  Attributes:
    slope: The power: y is about proportional to x ** slope.
    standard_error: Of the slope, from how far the points are from the line. It
      tells how straight they lie, not how sure a limit is.
  """

  slope: float
  standard_error: float

  def __str__(self) -> str:
    """Returns it for people to read."""
    return f"{self.slope:.2f} +- {self.standard_error:.2f}"


def fit(x: npt.ArrayLike, y: npt.ArrayLike) -> Rate | None:
  """Returns the rate of y in x, None for less than three positive points.

  Args:
    x: (n,).
    y: (n,); points with nan or without logarithms are left out.
  """
  both = np.array([x, y], dtype=float)
  positive = both[:, (both > 0).all(axis=0)]
  if len(np.unique(positive[0])) < 3:
    return None
  log_x, log_y = np.log(positive)
  centered = log_x - log_x.mean()
  spread = centered @ centered
  slope = float(centered @ log_y / spread)
  residuals = log_y - log_y.mean() - slope * centered
  variance = residuals @ residuals / (len(log_x) - 2)
  return Rate(slope, float(np.sqrt(variance / spread)))
