"""Changes of the parameters of any OpenSpiel game."""

from collections.abc import Mapping
import re
from typing import Any

from open_spiel.python.mfg.games import dynamic_routing
import pyspiel

from mftrpo_openspiel.utils import validation


def split_at_commas(text: str) -> list[str]:
  """Splits a text at commas and strips the parts.

  Commas inside brackets, as between the parameters of a game, are ignored.
  """
  return [part.strip() for part in re.split(r",(?![^(\[]*[)\]])", text)]


def parse(texts: Mapping[str, str], game: pyspiel.Game) -> dict[str, Any]:
  """Parses game parameters; returns them with the types that the game has.

  Args:
    texts: Their values by name.
    game: Any game with these parameters.

  Raises:
    ValueError: If a parameter is unknown, or does not have the right type.
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
  """Returns the game with new values of these parameters.

  Raises:
    ValueError: If a parameter is unknown, has a wrong type, or is refused by
      the game.
  """
  game_type = game.get_type()
  known = game_type.parameter_specification
  for name, value in parameters.items():
    validation.check_choice("game parameter", name, known)
    _check(name, value, type(known[name]))
  values = {**game.get_parameters(), **parameters}
  try:
    if isinstance(game, dynamic_routing.MeanFieldRoutingGame):
      # The network is not one of its parameters.
      return dynamic_routing.MeanFieldRoutingGame(
        values, network=game.network, od_demand=game.od_demand
      )
    return pyspiel.load_game(game_type.short_name, values)
  except pyspiel.SpielError as error:
    reason = " ".join(str(error).split())
    raise ValueError(
      f"game_parameters {dict(parameters)} are refused: {reason}"
    ) from None


def _check(name: str, value: Any, kind: type) -> None:
  """Raises a ValueError if OpenSpiel cannot store `value` as a parameter."""
  what = f"game parameter {name}"
  if kind is int:
    validation.check_int(what, value, *validation.INT32)
  elif kind is float:
    validation.check_real(what, value)
  validation.check_type(what, value, kind)
