"""Means under binomial laws, exact up to rounding, at a bounded cost.

Each of n other players is in a state with probability p, independently. Let the
rare case be the less likely one of being in the state and not being there. If
the expected number of rare cases is at most `MAX_RARE`, all counts except for a
negligible tail are summed. Otherwise the sum over all counts is replaced by a
sum over every h-th count near the mean, where h is about half of the standard
deviation sigma. As in the trapezoidal rule, this changes the mean of a function
f by the terms E[f(B) exp(2 pi i j B / h)] for j = 1, ..., h - 1. For f = 1
their size is

    |1 - 2 p (1 - p) (1 - cos(2 pi j / h))|^(n / 2),

at most about exp(-2 pi^2 sigma^2 / h^2), which is less than the rounding error.
They are equally small for any f that is analytic around the bulk of the law.
This is true of log(1 + b) if the expected count is at least `MAX_RARE`. Other
functions are summed with smaller and smaller steps until two sums agree.

The mean of one function is a polynomial in p. For many states it is computed at
the Chebyshev nodes of a few intervals, and interpolated. Between n p = L and 2
L the error with K nodes is about (3 + sqrt(8))^-K, because the nearest
singularity for f = log(1 + b) is near p = 0.
"""

from collections.abc import Callable
from collections.abc import Iterator
import math

import numpy as np
from scipy import fft

# Up to this expected number of rare cases, all counts are summed.
MAX_RARE = 45.0
# Tails of probability exp(-TAIL) are omitted.
TAIL = 41.0
# The step between counts, and the half width of the range, in standard
# deviations.
STEP = 0.6
HALF_WIDTH = 11.5
# Number of counts per vectorized sum.
_BLOCK = 128
# Number of Chebyshev nodes per interval.
_NUM_NODES = 22
# Two sums agree if they differ by at most this fraction of the largest value.
# This is also a bound on the error of the mean of a smooth function.
TOLERANCE = 1e-13

Function = Callable[[np.ndarray], np.ndarray]


def mean(
  function: Function, num_trials: int, probabilities: np.ndarray
) -> np.ndarray:
  """Returns E[f_s(B_s)] for B_s from Binomial(num_trials, p_s), in each state.

  Args:
    function: f, from one count per state, (S,), to values, (S,) or (S, A). The
      value of a state must depend only on the count of this state.
    num_trials: n, the number of other players.
    probabilities: p, (S,), in [0, 1] up to rounding.

  Returns:
    An array of the shape of the function's values.
  """
  probabilities = np.clip(probabilities, 0.0, 1.0)
  steps = _longest_steps(num_trials, probabilities)
  result = _sum(function, num_trials, probabilities, steps)
  while _has_gaps(num_trials, probabilities, steps):
    steps = np.maximum(np.floor(steps / 2), 1.0)
    coarser = result
    result = _sum(function, num_trials, probabilities, steps)
    scale = np.abs(result).max()
    if np.abs(result - coarser).max() <= TOLERANCE * scale:
      break
  return result


def smooth_mean(
  function: Function, num_trials: int, probabilities: np.ndarray
) -> np.ndarray:
  """Returns E[f(B_s)] for B_s from Binomial(num_trials, p_s), in each state.

  Args:
    function: f, applied elementwise to an array of counts. It is the same for
      all states, and as smooth as log(1 + b): analytic except for a logarithmic
      singularity at -1.
    num_trials: n, the number of other players.
    probabilities: p, (S,), in [0, 1] up to rounding.

  Returns:
    (S,).
  """
  probabilities = np.clip(probabilities, 0.0, 1.0)
  # Intervals of n p: [0, 1), [1, 2), [2, 4) and so on, the last one including
  # n.
  _, exponents = np.frexp(num_trials * probabilities)
  last = max(num_trials - 1, 0).bit_length()
  intervals, which = np.unique(exponents.clip(0, last), return_inverse=True)
  num_nodes = len(intervals) * _NUM_NODES
  if num_trials < _NUM_NODES or len(probabilities) <= num_nodes:
    return _smooth_sum(function, num_trials, probabilities)
  lower = np.where(intervals, 2.0 ** (intervals - 1), 0.0) / num_trials
  widths = np.minimum(2.0**intervals / num_trials, 1.0) - lower
  angles = np.pi * (np.arange(_NUM_NODES) + 0.5) / _NUM_NODES
  nodes = lower[:, None] + widths[:, None] * (1 + np.cos(angles)) / 2
  at_nodes = _smooth_sum(function, num_trials, nodes.ravel())
  at_nodes = at_nodes.reshape(nodes.shape).T
  # Makes rounding errors relative to the change of the mean on an interval.
  offsets = at_nodes[0]
  # Coefficients of Chebyshev polynomials, (K, number of intervals).
  coefficients = fft.dct(at_nodes - offsets, axis=0) / _NUM_NODES
  coefficients[0] = coefficients[0] / 2 + offsets
  # Clenshaw's recurrence; `twice` is two times the position in [-1, 1].
  twice = 4 * (probabilities - lower[which]) / widths[which] - 2
  above, current = np.zeros((2, len(probabilities)))
  for row in coefficients[:0:-1]:
    above, current = current, row[which] + twice * current - above
  return coefficients[0][which] + twice / 2 * current - above


def _smooth_sum(
  function: Function, num_trials: int, probabilities: np.ndarray
) -> np.ndarray:
  """Returns the mean by one sum, with the longest steps."""
  steps = _longest_steps(num_trials, probabilities)
  total, weight = np.zeros((2, len(probabilities)))
  for here, counts, weights in _terms(num_trials, probabilities, steps):
    total[here] += np.einsum("ks,ks->s", weights, function(counts))
    weight[here] += weights.sum(axis=0)
  return total / weight


def _sum(
  function: Function,
  num_trials: int,
  probabilities: np.ndarray,
  steps: np.ndarray,
) -> np.ndarray:
  """Returns the mean by one sum, calling f with one count per state."""
  total: np.ndarray | float = 0.0
  weight = np.zeros(len(probabilities))
  for here, counts, weights in _terms(num_trials, probabilities, steps):
    weight[here] += weights.sum(axis=0)
    for some_counts, some_weights in zip(counts, weights):
      all_counts, all_weights = np.zeros((2, len(probabilities)))
      all_counts[here], all_weights[here] = some_counts, some_weights
      total = total + (function(all_counts).T * all_weights).T
  return (np.transpose(total) / weight).T


def _terms(
  num_trials: int, probabilities: np.ndarray, steps: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Yields groups of states, their counts and the weights of the counts.

  Each item is a mask of the S' states, (S,) of bool; their counts, (K, S'); and
  their weights, (K, S'), proportional to the law in each state. The (S,)
  `steps` are the distances between counts in states where neither case is rare.
  """
  is_bulk = num_trials * _rare(probabilities) > MAX_RARE
  if not is_bulk.all():
    yield ~is_bulk, *_all_counts(num_trials, probabilities[~is_bulk])
  bulk, steps = probabilities[is_bulk], steps[is_bulk]
  deviations = _deviations(num_trials, bulk)
  half = int(np.ceil(HALF_WIDTH * deviations / steps).max(initial=-1.0))
  offsets = np.arange(-half, half + 1)
  for start in range(0, len(offsets), _BLOCK):
    block = offsets[start : start + _BLOCK]
    yield is_bulk, *_some_counts(num_trials, bulk, steps, block)


def _longest_steps(num_trials: int, probabilities: np.ndarray) -> np.ndarray:
  """Returns (S,): the largest steps that are accurate for smooth functions."""
  deviations = _deviations(num_trials, probabilities)
  return np.maximum(np.floor(STEP * deviations), 1.0)


def _deviations(num_trials: int, probabilities: np.ndarray) -> np.ndarray:
  return np.sqrt(num_trials * probabilities * (1 - probabilities))


def _rare(probabilities: np.ndarray) -> np.ndarray:
  """Returns the probabilities of the rare case."""
  return np.minimum(probabilities, 1 - probabilities)


def _has_gaps(
  num_trials: int, probabilities: np.ndarray, steps: np.ndarray
) -> bool:
  """Returns whether the steps skip counts in some state."""
  is_bulk = num_trials * _rare(probabilities) > MAX_RARE
  return bool((steps[is_bulk] > 1).any())


def _all_counts(
  num_trials: int, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns counts and weights, (K, S), for states where one case is rare."""
  rare = _rare(probabilities)
  largest = num_trials * rare.max(initial=0.0)
  num_counts = min(_last_count(largest), num_trials) + 1
  counts = np.arange(num_counts, dtype=np.float64)[:, None]
  weights = np.empty((num_counts, len(rare)))
  weights[0] = np.exp(num_trials * np.log1p(-rare))
  ratios = (num_trials + 1 - counts[1:]) / counts[1:]
  np.multiply(ratios, rare / (1 - rare), out=weights[1:])
  np.cumprod(weights, axis=0, out=weights)
  is_rare = probabilities <= 0.5
  return np.where(is_rare, counts, num_trials - counts), weights


def _last_count(expected: float) -> int:
  """Returns a count that is exceeded with probability exp(-TAIL) at most.

  This is Chernoff's bound for the Poisson law, which also holds for the
  binomial law.
  """
  count = max(expected, 1e-300)
  while count * math.log(count / max(expected, 1e-300)) - count < (
    TAIL - expected
  ):
    count = math.floor(count) + 1.0
  return math.ceil(count)


def _some_counts(
  num_trials: int,
  probabilities: np.ndarray,
  steps: np.ndarray,
  offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns counts and weights, (K, S), at (K,) offsets from the mean.

  The binomial law is computed from deviances (Loader 2000, "Fast and accurate
  computation of binomial probabilities"). Offsets are multiples of the steps.
  """
  means = num_trials * probabilities
  counts = np.round(means) + steps * offsets[:, None]
  is_inside = (counts > 0) & (counts < num_trials)
  counts = np.where(is_inside, counts, 1.0)
  others = num_trials - counts
  excess = counts - means
  exponents = (
    means * _deviance(excess / means)
    + (num_trials - means) * _deviance(-excess / (num_trials - means))
    + _stirling_error(counts)
    + _stirling_error(others)
  )
  weights = np.exp(-exponents) / np.sqrt(counts * others / num_trials)
  return counts, np.where(is_inside, weights, 0.0)


def _deviance(relative_excess: np.ndarray) -> np.ndarray:
  """Returns (1 + u) log(1 + u) - u."""
  u = relative_excess
  return (1 + u) * np.log1p(u) - u


def _stirling_error(counts: np.ndarray) -> np.ndarray:
  """Returns log(b!) - log(sqrt(2 pi b) (b / e)^b), to 1e-12 for b >= 15."""
  square = 1 / counts**2
  series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))
  return series / counts
