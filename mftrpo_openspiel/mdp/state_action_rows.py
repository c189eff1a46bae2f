"""Arrays with one row per pair of state and action."""

from typing import Any

import numpy as np
from scipy import sparse

from mftrpo_openspiel.utils import validation


def checked(
  name: str, value: Any, num_states: int, num_actions: int
) -> sparse.csr_array:
  """Returns an array with such rows as a new (S * A, S) CSR array.

  Args:
    name: The name of the array in messages.
    value: (S, A, S), or (S * A, S) as an array or a SciPy sparse array; row
      s * A + a belongs to state s and action a.
    num_states: S.
    num_actions: A.

  Raises:
    ValueError: If its shape is wrong, or it does not consist of numbers.
  """
  shape = (num_states * num_actions, num_states)
  blocks = (num_states, num_actions, num_states)
  if sparse.issparse(value):
    validation.check_sparse_numbers(name, value)
  else:
    value = validation.check_numbers(name, value)
    if value.shape == blocks:
      value = value.reshape(shape)
  if value.shape != shape:
    raise ValueError(
      f"{name} must have shape {shape}, a row for each state and action, or"
      f" {blocks}, got {value.shape}."
    )
  # A dense array is copied in any case.
  copy = sparse.issparse(value)
  return sparse.csr_array(value, dtype=np.float64, copy=copy)


def mixture(policy: np.ndarray) -> sparse.csr_array:
  """Returns (S, S * A): the matrix that averages rows by a policy.

  Its product with a (S * A, S) kernel is the transition matrix of the (S, A)
  policy.
  """
  num_states, num_actions = policy.shape
  return sparse.csr_array(
    (
      policy.ravel(),
      np.arange(policy.size),
      np.arange(0, policy.size + 1, num_actions),
    ),
    shape=(num_states, policy.size),
  )
