"""Checks of user input.

Every check raises a `ValueError` with a message of one line that has the
parameter, the value and what is allowed. It returns the value in the form that
the package works with.
"""

from collections.abc import Iterable
import difflib
import numbers
import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mftrpo_openspiel.utils import rows

# Maximum deviation of a sum of probabilities from one.
SUM_TOLERANCE = 1e-9
# Maximum deviation that single precision may explain.
_SINGLE_PRECISION = 1e-4
# Range of integer parameters of games in OpenSpiel.
INT32 = (-(2**31), 2**31 - 1)
# Policies with at most this number of actions are shown in messages.
_MAX_SHOWN_ACTIONS = 8


def check_type(name: str, value: Any, *allowed: type) -> Any:
  """Returns `value` if it is of one of the types `allowed`."""
  if isinstance(value, allowed):
    return value
  kinds = " or ".join(kind.__name__ for kind in allowed)
  raise ValueError(f"{name} must be a {kinds}, got {_shown(value)}.")


def _shown(value: Any) -> str:
  return " ".join(reprlib.repr(value).split())


def check_real(
  name: str,
  value: object,
  low: float = -np.inf,
  high: float = np.inf,
  low_open: bool = False,
  high_open: bool = False,
) -> float:
  """Returns `value` as a float if it is finite and lies between the bounds."""
  number = np.nan
  if isinstance(value, numbers.Real) and not isinstance(value, bool):
    try:
      number = float(value)
    except OverflowError:
      number = np.inf
  above = number > low if low_open else number >= low
  below = number < high if high_open else number <= high
  if above and below and np.isfinite(number):
    return number
  left = "(" if low_open or low == -np.inf else "["
  right = ")" if high_open or high == np.inf else "]"
  raise ValueError(
    f"{name} must be a number in {left}{low:g}, {high:g}{right}, got {value!r}."
  )


def check_int(
  name: str, value: object, low: int, high: int | None = None
) -> int:
  """Returns `value` as an int if it is one and lies in [low, high]."""
  if isinstance(value, numbers.Integral) and not isinstance(value, bool):
    number = int(value)
    if number >= low and (high is None or number <= high):
      return number
  allowed = f"of at least {low}" if high is None else f"in [{low}, {high}]"
  raise ValueError(f"{name} must be a whole number {allowed}, got {value!r}.")


def check_choice(name: str, value: str, choices: Iterable[str]) -> str:
  """Returns `value` if it is one of `choices`."""
  choices = sorted(choices)
  if value in choices:
    return value
  raise ValueError(
    f"{name} must be one of {', '.join(choices)}, got {value!r}"
    f"{suggestion(value, choices)}."
  )


def suggestion(value: object, choices: Iterable[str]) -> str:
  """Returns "did you mean" with the closest choice, for a message, or ""."""
  close = difflib.get_close_matches(str(value).lower(), choices, 1)
  return f" (did you mean {close[0]}?)" if close else ""


def check_numbers(name: str, value: npt.ArrayLike) -> np.ndarray:
  """Returns `value` as an array of float64 of any shape.

  Complex numbers, strings and objects are refused; NumPy would drop the
  imaginary parts and parse the strings.
  """
  try:
    array = np.asarray(value)
  except (TypeError, ValueError):  # Rows of different lengths.
    array = None
  if array is not None and array.dtype.kind in "fiub":
    # Most arrays are float64 already; some are checked often.
    return array if array.dtype == float else array.astype(np.float64)
  raise ValueError(
    f"{name} must be an array of numbers, got {_shown_array(value)}."
  )


def check_sparse_numbers(name: str, value: Any) -> None:
  """Raises a ValueError if a SciPy sparse array is not of real numbers."""
  if value.dtype.kind not in "fiub":
    raise ValueError(
      f"{name} must be an array of numbers, got {_shown_array(value)}."
    )


def _shown_array(value: Any) -> str:
  if hasattr(value, "dtype"):
    return f"a {type(value).__name__} of {value.dtype}"
  return _shown(value)


def advice_on_sums(sums: np.ndarray | float, total: float = 1.0) -> str:
  """Returns advice for a message if `sums` differ slightly from `total`.

  They do if probabilities were computed or stored in float32.
  """
  error = np.max(np.abs(sums - total)) / total
  if SUM_TOLERANCE < error <= _SINGLE_PRECISION:
    return "; probabilities in float32 must be normalized again in float64"
  return ""


def _check_array(
  name: str, value: npt.ArrayLike, shape: tuple[int, ...]
) -> np.ndarray:
  array = check_numbers(name, value)
  if array.shape != shape:
    raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
  return array


def check_finite(name: str, value: npt.ArrayLike, size: int) -> np.ndarray:
  """Returns `value` as a (size,) array if all its numbers are finite."""
  array = _check_array(name, value, (size,))
  if not np.isfinite(array).all():
    raise ValueError(
      f"{name} must be finite, entry {int(np.argmin(np.isfinite(array)))}"
      " is not."
    )
  return array


def check_distribution(
  name: str, value: npt.ArrayLike, size: int, total: float = 1.0
) -> np.ndarray:
  """Returns `value` as a (size,) array if it is a distribution.

  Its entries must be non-negative and sum to `total`.
  """
  array = _check_array(name, value, (size,))
  # A NaN fails both comparisons.
  if array.min() >= 0 and abs(array.sum() - total) <= SUM_TOLERANCE * total:
    return array
  if not np.isfinite(array).all():
    raise ValueError(
      f"{name} must be finite, entry {int(np.argmin(np.isfinite(array)))}"
      " is not."
    )
  if array.min() < 0:
    raise ValueError(
      f"{name} must be non-negative, entry {int(array.argmin())} is"
      f" {array.min():g}."
    )
  raise ValueError(
    f"{name} must sum to {total:g}, it sums to {array.sum():.12g}"
    f"{advice_on_sums(array.sum(), total)}."
  )


def check_masses(name: str, value: npt.ArrayLike, size: int) -> np.ndarray:
  """Returns `value` as a (size,) array if it is finite and not negative."""
  array = _check_array(name, value, (size,))
  good = np.isfinite(array) & (array >= 0)
  if not good.all():
    worst = int(good.argmin())
    raise ValueError(
      f"{name} must be finite and not negative, it is {array[worst]:g} in"
      f" state {worst}."
    )
  return array


def _are_distributions(
  array: np.ndarray, legal_actions_mask: np.ndarray
) -> bool:
  """Returns whether each row is a distribution over the legal actions."""
  if not array.size:
    return True
  # A NaN fails both comparisons, so no further pass over the array is needed.
  return bool(
    array.min() >= 0
    and np.abs(rows.total(array) - 1).max() <= SUM_TOLERANCE
    and (legal_actions_mask.all() or not array[~legal_actions_mask].any())
  )


def check_policy(
  policy: npt.ArrayLike, legal_actions_mask: np.ndarray, name: str = "policy"
) -> np.ndarray:
  """Returns `policy` as an array if its rows are distributions over actions.

  Args:
    policy: (N, A), the action probabilities in each state.
    legal_actions_mask: (N, A) of bool.
    name: Name of the parameter, for messages.

  Raises:
    ValueError: If the shape is wrong, a probability is NaN or negative, an
      illegal action has positive probability, or a row does not sum to one.
  """
  array = _check_array(name, policy, legal_actions_mask.shape)
  several = rows.with_several(legal_actions_mask)
  if several is not None:
    # States with one legal action usually have exactly the probability 1.
    differs = array != legal_actions_mask
    differs[several] = False
    if not differs.any() and _are_distributions(
      array[several], legal_actions_mask[several]
    ):
      return array
  if _are_distributions(array, legal_actions_mask):
    return array
  bad = ~(
    (array >= 0).all(axis=1)
    & (np.abs(array.sum(axis=1) - 1) <= SUM_TOLERANCE)
    & ~np.where(legal_actions_mask, 0.0, array).any(axis=1)
  )
  row = int(bad.argmax())
  raise ValueError(
    f"{name} must be a probability distribution over the legal actions in every"
    f" state, got {_shown_actions(array[row], legal_actions_mask[row])} in"
    f" state {row}{advice_on_sums(array.sum(axis=1))}."
  )


def _shown_actions(probabilities: np.ndarray, is_legal: np.ndarray) -> str:
  """Returns the (A,) probabilities of a state, or what is wrong with them."""
  if probabilities.size <= _MAX_SHOWN_ACTIONS:
    return str(probabilities.tolist())
  is_bad = ~((probabilities >= 0) & (is_legal | (probabilities == 0)))
  if is_bad.any():
    action = int(is_bad.argmax())
    kind = "" if is_legal[action] else "illegal "
    return f"{probabilities[action]:g} for the {kind}action {action}"
  return f"probabilities with sum {probabilities.sum():.12g}"
