"""Fits powers of N."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Rate(NamedTuple):
  """A least-squares line through points on log axes.

  Attributes:
    slope: The power: y is about proportional to x ** slope.
    standard_error: Standard error of the slope, from the residuals. It measures
      how close the points are to a line, not the error of an asymptotic rate.
  """

  slope: float
  standard_error: float

  def __str__(self) -> str:
    """Returns the slope and its error as text."""
    return f"{self.slope:.2f} +- {self.standard_error:.2f}"


def fit(x: npt.ArrayLike, y: npt.ArrayLike) -> Rate | None:
  """Returns the rate of y in x, None for fewer than three positive points.

  Args:
    x: (n,).
    y: (n,); points with values that are NaN or not positive are ignored.
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
