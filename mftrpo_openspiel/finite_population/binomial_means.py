"""Means under binomial laws, exact to rounding at a cost that does not grow.

Of n other players each is in a state with probability p, independently. Where
the rarer of the two cases, to be there or not, is expected to come up no more
than `MAX_RARE` times, all counts up to a negligible tail are summed. Elsewhere
the sum over all counts is replaced by one over every h-th count near the mean,
with h about half a standard deviation sigma. As for the trapezoidal rule, that
changes the mean of a function f by the terms E[f(B) exp(2 pi i j B / h)] for
j = 1, ..., h - 1. For f = 1 they have the size

    |1 - 2 p (1 - p) (1 - cos(2 pi j / h))|^(n / 2),

at most about exp(-2 pi^2 sigma^2 / h^2), which is less than rounding; and they
are as small for any f that is analytic around the bulk of the law, as
log(1 + b) is where `MAX_RARE` counts are expected. Functions of which that is
not known are summed with smaller and smaller steps until two sums agree.

The mean of one function is a polynomial in p. For many states it is computed at
the Chebyshev nodes of a few intervals, and interpolated: between n p = L and
2 L with an error of about (3 + sqrt(8))^-K with K nodes, as the next
singularity that f = log(1 + b) makes lies near p = 0.
"""

from collections.abc import Callable
from collections.abc import Iterator
import math

import numpy as np
from scipy import fft

# Up to this many expected rare cases, all counts are summed.
MAX_RARE = 45.0
# Tails of probability exp(-TAIL) are left out.
TAIL = 41.0
# The step between counts, and the half width of the range, in standard
# deviations.
STEP = 0.6
HALF_WIDTH = 11.5
# Counts that are summed over at once.
_BLOCK = 128
# Nodes on each interval of a table of means.
_NUM_NODES = 22
# Two sums agree where they differ by no more than this share of the largest
# value; that is also a bound of the error of a smooth function's mean.
TOLERANCE = 1e-13

Function = Callable[[np.ndarray], np.ndarray]


def mean(
  function: Function, num_trials: int, probabilities: np.ndarray
) -> np.ndarray:
  """Returns E[f_s(B_s)] for B_s from Binomial(num_trials, p_s), in each state.

  Args:
    function: f, of one count a state, (S,): values, (S,) or (S, A). What it
      gives for a state depends on the count there alone.
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
    function: f, entry by entry of an array of counts. It is the same in all
      states, and as smooth as log(1 + b): analytic but for a logarithm at -1.
    num_trials: n, the number of other players.
    probabilities: p, (S,), in [0, 1] up to rounding.

  Returns:
    (S,).
  """
  probabilities = np.clip(probabilities, 0.0, 1.0)
  # By n p: [0, 1), [1, 2), [2, 4) and so on, the last one with its end n.
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
  # Rounding is relative to what the mean changes by on an interval.
  offsets = at_nodes[0]
  # Of Chebyshev polynomials, (K, number of intervals).
  coefficients = fft.dct(at_nodes - offsets, axis=0) / _NUM_NODES
  coefficients[0] = coefficients[0] / 2 + offsets
  # By Clenshaw's recurrence, at twice the place in [-1, 1].
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
  """Returns the mean by one sum, asking for one count a state at a time."""
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
  """Yields which states, (S,) of bool, are summed over which counts, (K, S').

  And with which weights, (K, S'), which are those of the law up to a factor in
  each state. The (S,) `steps` are those between counts where neither case is
  rare.
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
  """Returns (S,): the steps between counts that do for smooth functions."""
  deviations = _deviations(num_trials, probabilities)
  return np.maximum(np.floor(STEP * deviations), 1.0)


def _deviations(num_trials: int, probabilities: np.ndarray) -> np.ndarray:
  return np.sqrt(num_trials * probabilities * (1 - probabilities))


def _rare(probabilities: np.ndarray) -> np.ndarray:
  """Returns the probabilities of the rarer case."""
  return np.minimum(probabilities, 1 - probabilities)


def _has_gaps(
  num_trials: int, probabilities: np.ndarray, steps: np.ndarray
) -> bool:
  """Returns whether counts are left out between others, in some state."""
  is_bulk = num_trials * _rare(probabilities) > MAX_RARE
  return bool((steps[is_bulk] > 1).any())


def _all_counts(
  num_trials: int, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns counts and weights, (K, S), where one case is rare."""
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
  """Returns a count that is passed with probability exp(-TAIL) at most.

  By Chernoff's bound for the Poisson law, which is one for the binomial law.
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
  """Returns counts and weights, (K, S), at (K,) steps from the mean.

  The binomial law by deviances (Loader 2000, "Fast and accurate computation of
  binomial probabilities").
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
  """Returns log(b!) - log(sqrt(2 pi b) (b / e)^b), to 1e-12 from b = 15 on."""
  square = 1 / counts**2
  series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))
  return series / counts
