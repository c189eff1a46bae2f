"""A step size that finds itself.

It grows until a step overshoots, and is halved then: as a sender of the
Internet finds how much the way bears (Jacobson (1988), "Congestion Avoidance
and Control"). The more often it has overshot the better it is known, and the
more slowly it grows.
"""

BACK_OFF = 0.5
# Growth of a step, relative to its size, before the first overshoot; after n of
# them it is 1 / (n + 1)^2 of this, but not below the second number.
FIRST_GROWTH = 0.2
LEAST_GROWTH = 0.0005


def adapted(
  size: float, num_overshoots: int, overshot: bool
) -> tuple[float, int]:
  """Returns the next step size and number of overshoots.

  Args:
    size: Of the last step, > 0.
    num_overshoots: Before it.
    overshot: Whether it was too large.
  """
  if overshot:
    return size * BACK_OFF, num_overshoots + 1
  growth = max(FIRST_GROWTH / (num_overshoots + 1) ** 2, LEAST_GROWTH)
  return size * (1 + growth), num_overshoots
