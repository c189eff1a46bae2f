"""Adaptive step size with backoff.

The step size grows until a step overshoots, and is then halved, as in the
congestion control of the Internet (Jacobson (1988), "Congestion Avoidance and
Control"). Growth slows down with the number of overshoots so far, because each
overshoot narrows down the right size.
"""

BACK_OFF = 0.5
# Relative growth per step before the first overshoot. After n overshoots it is
# FIRST_GROWTH / (n + 1)^2, but at least LEAST_GROWTH.
FIRST_GROWTH = 0.2
LEAST_GROWTH = 0.0005


def next_step_size(
  step_size: float, num_overshoots: int, overshot: bool
) -> tuple[float, int]:
  """Returns the next step size and the number of overshoots so far.

  Args:
    step_size: Size of the last step, > 0.
    num_overshoots: Number of overshoots before the last step.
    overshot: Whether the last step was too large.
  """
  if overshot:
    return step_size * BACK_OFF, num_overshoots + 1
  growth = max(FIRST_GROWTH / (num_overshoots + 1) ** 2, LEAST_GROWTH)
  return step_size * (1 + growth), num_overshoots
