"""Fixed points x = g(x) of probability distributions, by Anderson acceleration.

The plain iteration is a half step, x <- x + f(x) / 2 with f(x) = g(x) - x. The
half step avoids oscillation between two distributions, but is slow: where g
hardly depends on x, each step only halves f. Anderson acceleration (Walker and
Ni, "Anderson Acceleration for Fixed-Point Iterations", SIAM Journal on
Numerical Analysis 49, 2011) fits a linear model of f to the last differences of
x and of f, and moves to the minimum of |f| in that model.

To find the same fixed point as the plain iteration, steps are accelerated only
near a fixed point, and only if plain steps have reduced f, which they do not
near a fixed point that repels them. An accelerated step that does not reduce f
is rejected, and plain steps follow until there are enough differences again.
"""

from collections.abc import Callable

import numpy as np

# Steps are accelerated where the sum of |f| is at most this.
NEAR = 0.1
# Minimum and maximum number of differences in the linear model.
MIN_DIFFERENCES = 2
MAX_DIFFERENCES = 6


def find(
  function: Callable[[np.ndarray], np.ndarray],
  start: np.ndarray,
  tolerance: float,
  max_evaluations: int,
) -> tuple[np.ndarray, float]:
  """Returns an approximate fixed point, and |f| before the last step to it.

  Args:
    function: g, from (n,) distributions to (n,) distributions.
    start: (n,), the initial distribution.
    tolerance: The search ends with a half step once the sum of |f| is at most
      this.
    max_evaluations: Maximum number of evaluations of g. If it is reached, the
      returned sum is larger than the tolerance.

  Returns:
    The (n,) distribution, and the sum of |f| before the last half step.
  """
  laws, moves = [start], [function(start) - start]
  left = _size(moves[-1])
  for _ in range(max_evaluations - 1):
    if left <= tolerance:
      break
    is_plain = left > NEAR or len(laws) <= MIN_DIFFERENCES
    law = laws[-1] + moves[-1] / 2 if is_plain else _accelerated(laws, moves)
    move = function(law) - law
    if _size(move) >= left:
      if not is_plain:
        laws, moves = laws[-1:], moves[-1:]
        continue
      laws, moves = [], []
    left = _size(move)
    laws = [*laws[-MAX_DIFFERENCES:], law]
    moves = [*moves[-MAX_DIFFERENCES:], move]
  return laws[-1] + moves[-1] / 2, left


def _size(move: np.ndarray) -> float:
  return float(np.abs(move).sum())


def _accelerated(laws: list[np.ndarray], moves: list[np.ndarray]) -> np.ndarray:
  """Returns the value of g at the minimum of |f|, both by the linear model."""
  law_differences = np.diff(laws, axis=0)
  move_differences = np.diff(moves, axis=0)
  weights = np.linalg.lstsq(move_differences.T, moves[-1], rcond=None)[0]
  law = laws[-1] + moves[-1]
  law -= weights @ (law_differences + move_differences)
  # Makes it a distribution again if the model gives negative masses.
  law = np.maximum(law, 0.0)
  return law / law.sum()
