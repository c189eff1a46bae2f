"""Softmax, soft maximum and entropy over the actions of many states at once.

All functions take (N, A) arrays and work row by row; -inf marks an action that
is not legal. Temperatures are one number, or one number per state.
"""

import numpy as np
from scipy import special

from mftrpo_openspiel.utils import rows


def softmax(
  logits: np.ndarray, temperature: float | np.ndarray = 1.0
) -> np.ndarray:
  """Returns the (N, A) policy proportional to exp(logits / temperature).

  Args:
    logits: (N, A); -inf where an action is not legal.
    temperature: A number, or (N,) for one per state. For 0 the result is the
      limit: the uniform distribution on the largest logits.
  """
  is_legal = logits > -np.inf
  several = rows.with_several(is_legal)
  if several is not None:
    policy = is_legal.astype(np.float64)
    if np.ndim(temperature):
      temperature = np.asarray(temperature)[several]
    policy[several] = _softmax(logits[several], temperature)
    return policy
  return _softmax(logits, temperature)


def _softmax(logits: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
  weights, _ = _weights(logits, temperature)
  return weights / rows.total(weights)[:, None]


def soft_maximum(
  action_values: np.ndarray, temperature: float | np.ndarray
) -> np.ndarray:
  """Returns max over distributions p of p . Q + temperature * entropy(p).

  Args:
    action_values: (N, A), Q; -inf where an action is not legal.
    temperature: >= 0; a number, or (N,) for one per state.

  Returns:
    (N,): temperature * log sum_a exp(Q / temperature).
  """
  return soft_improvement(action_values, temperature)[0]


def soft_improvement(
  action_values: np.ndarray, temperature: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the `soft_maximum`, and the `softmax` that attains it."""
  weights, largest = _weights(action_values, temperature)
  total = rows.total(weights)
  return largest + temperature * np.log(total), weights / total[:, None]


def _weights(
  logits: np.ndarray, temperature: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns exp((logits - largest) / temperature) and the (N,) largest."""
  largest = rows.maximum(logits)
  excess = logits - largest[:, None]
  if np.ndim(temperature) == 0 and temperature == 1:
    return _exp(excess), largest
  # With a tiny temperature all entries but the maximum become -inf as intended.
  with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
    if np.ndim(temperature):
      temperature = np.reshape(temperature, (-1, 1))
    scaled = excess / temperature
  if not np.all(temperature):
    scaled[excess == 0] = 0.0
  return _exp(scaled), largest


def _exp(array: np.ndarray) -> np.ndarray:
  """Returns exp(array); avoids -inf, for which NumPy is slow."""
  is_finite = array > -np.inf
  if 2 * np.count_nonzero(is_finite) > array.size:
    return np.exp(array)
  finite = np.flatnonzero(is_finite)
  result = np.zeros(array.shape)
  result.ravel()[finite] = np.exp(array.ravel()[finite])
  return result


def entropy(policy: np.ndarray) -> np.ndarray:
  """Returns the (N,) Shannon entropies, in nats."""
  return rows.total(special.entr(policy))
