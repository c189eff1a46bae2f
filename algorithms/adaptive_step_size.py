"""A step size that adapts itself by growth and back-off.

It grows until a step overshoots, and is halved then, as in the congestion
control of the Internet (Jacobson (1988), "Congestion Avoidance and Control").
The more often it has overshot, the better the right size is known, and the more
slowly it grows.
"""

BACK_OFF = 0.5
# Growth of a step, relative to its size, before the first overshoot; after n of
# them it is 1 / (n + 1)^2 of this, but not below the second number.
FIRST_GROWTH = 0.2
LEAST_GROWTH = 0.0005


def next_step_size(
  step_size: float, num_overshoots: int, overshot: bool
) -> tuple[float, int]:
  """Returns the next step size and the number of overshoots so far.

  Args:
    step_size: Of the last step, > 0.
    num_overshoots: Before the last step.
    overshot: Whether the last step was too large.
  """
  if overshot:
    return step_size * BACK_OFF, num_overshoots + 1
  growth = max(FIRST_GROWTH / (num_overshoots + 1) ** 2, LEAST_GROWTH)
  return step_size * (1 + growth), num_overshoots
