"""Game parameters: defaults, types, and lists that are written as text.

OpenSpiel converts the parameters of a game to `str(game)` and back. So each
parameter has one type, and a text value never contains a comma, an equals sign,
a parenthesis or a newline, and cannot be parsed as a number. Lists are enclosed
in brackets, with ";" between their entries.
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

from mftrpo_openspiel.utils import validation


def with_defaults(
  parameters: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns `defaults` overridden by `parameters`.

  Raises:
    ValueError: If a parameter is unknown or of another type than its default.
  """
  merged = {**defaults, **(parameters or {})}
  for name, value in merged.items():
    validation.check_choice("game parameter", name, defaults)
    wanted = type(defaults[name])
    if type(value) is not wanted:  # bool is no int, and int no float here.
      raise ValueError(
        f"{name} must be of type {wanted.__name__}, got {value!r}."
      )
  return merged


def bracketed(text: str) -> str:
  """Returns `text` on one line in brackets, which is not parsed as a number."""
  rows = text.strip().strip("[]").split("\n")
  return "[" + "|".join(row.strip() for row in rows) + "]"


def initial_distribution(
  text: str, num_states: int, state_index: Callable[[str], int]
) -> np.ndarray:
  """Returns the (S,) distribution that the text describes.

  Args:
    text: "uniform", one state, or probabilities written "[p_0;p_1;...]".
    num_states: S.
    state_index: Converts the text of one state into its index, or raises.

  Raises:
    ValueError: If the text is none of these, or the probabilities do not sum to
      one.
  """
  if text == "uniform":
    return np.full(num_states, 1.0 / num_states)
  entries = text.strip("[]").split(";")
  if len(entries) == 1:
    return np.eye(1, num_states, state_index(text))[0]
  try:
    law = [float(entry) for entry in entries]
  except ValueError:
    raise ValueError(
      "initial_distribution must be 'uniform', one state, or numbers"
      f" '[p_0;p_1;...]', got {text!r}."
    ) from None
  return validation.check_distribution("initial_distribution", law, num_states)
