"""Parameters of any OpenSpiel game, given on top of those that it has."""

from collections.abc import Mapping
import re
from typing import Any

import pyspiel

from mftrpo_openspiel.utils import validation


def split_at_commas(text: str) -> list[str]:
  """Returns the parts of a text between commas, without spaces around them.

  A comma in brackets, as between the parameters of a game, parts nothing.
  """
  return [part.strip() for part in re.split(r",(?![^(\[]*[)\]])", text)]


def parse(texts: Mapping[str, str], game: pyspiel.Game) -> dict[str, Any]:
  """Returns game parameters with the types that a game has for them.

  Args:
    texts: Their values by name.
    game: Any game with these parameters.

  Raises:
    ValueError: If one is not known, or of another type.
  """
  known = game.get_type().parameter_specification
  parameters: dict[str, Any] = {}
  for name, text in texts.items():
    kind = type(known[validation.check_choice("game parameter", name, known)])
    try:
      if kind is bool:
        parameters[name] = {"true": True, "false": False}[text.lower()]
      else:
        parameters[name] = kind(text)
    except (KeyError, ValueError):
      raise ValueError(
        f"game parameter {name} must be of type {kind.__name__}, got {text!r}."
      ) from None
    _check(name, parameters[name], kind)
  return parameters


def changed(game: pyspiel.Game, parameters: Mapping[str, Any]) -> pyspiel.Game:
  """Returns the game with other values of these parameters.

  Raises:
    ValueError: If one is not known, or of another type, or the game refuses it.
  """
  game_type = game.get_type()
  known = game_type.parameter_specification
  for name, value in parameters.items():
    validation.check_choice("game parameter", name, known)
    _check(name, value, type(known[name]))
  try:
    return pyspiel.load_game(
      game_type.short_name, {**game.get_parameters(), **parameters}
    )
  except pyspiel.SpielError as error:
    reason = " ".join(str(error).split())
    raise ValueError(
      f"game_parameters {dict(parameters)} are refused: {reason}"
    ) from None


def _check(name: str, value: Any, kind: type) -> None:
  """Raises a ValueError if OpenSpiel cannot hold `value` as a parameter."""
  what = f"game parameter {name}"
  if kind is int:
    validation.check_int(what, value, *validation.INT32)
  elif kind is float:
    validation.check_real(what, value)
  validation.check_type(what, value, kind)
