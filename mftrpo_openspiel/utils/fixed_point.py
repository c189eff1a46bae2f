"""Fixed points x = g(x) of laws, by Anderson's acceleration.

A plain iteration goes half a step, x <- x + f(x) / 2 with f(x) = g(x) - x. The
half keeps it from swinging between two laws, and makes it slow: where g hardly
depends on x, each step halves f and no more. Anderson's acceleration (Walker
and Ni, "Anderson Acceleration for Fixed-Point Iterations", SIAM Journal on
Numerical Analysis 49, 2011) takes the last differences of x and of f as a
linear model of f, and goes to where the model has the least f.

So that it finds the fixed point that the plain iteration leads to, steps are
accelerated only near one, and where plain steps have made f smaller: they do
not near a fixed point that they move away from. An accelerated step that does
not make f smaller is not taken, and plain steps follow until there are
differences again.
"""

from collections.abc import Callable

import numpy as np

# The sum of |f| from which on steps are accelerated.
NEAR = 0.1
# How many differences the model is made of, at least and at most.
MIN_DIFFERENCES = 2
MAX_DIFFERENCES = 6


def find(
  function: Callable[[np.ndarray], np.ndarray],
  start: np.ndarray,
  tolerance: float,
  max_evaluations: int,
) -> tuple[np.ndarray, float]:
  """Returns a law that g hardly changes, and |f| before the last step to it.

  Args:
    function: g, from (n,) laws to (n,) laws.
    start: (n,), the law to begin with.
    tolerance: The sum of |f| at which a half step ends the search.
    max_evaluations: How often g is evaluated at most. If that is not enough,
      the sum that is returned is larger than the tolerance.
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
  """Returns where g leads from where the linear model has the least f."""
  law_differences = np.diff(laws, axis=0)
  move_differences = np.diff(moves, axis=0)
  weights = np.linalg.lstsq(move_differences.T, moves[-1], rcond=None)[0]
  law = laws[-1] + moves[-1]
  law -= weights @ (law_differences + move_differences)
  # A law, where the model leads to negative masses.
  law = np.maximum(law, 0.0)
  return law / law.sum()
