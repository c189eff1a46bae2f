"""Checks and names of OpenSpiel games."""

import pyspiel

from mftrpo_openspiel.utils import validation

_MAX_NAME_LENGTH = 60


def brief_name(game: pyspiel.Game) -> str:
  """Returns the name of a game and its parameters that differ from defaults.

  The result is cut so that it fits into one line.
  """
  game_type = game.get_type()
  defaults = game_type.parameter_specification
  changed = ",".join(
    f"{name}={value}"
    for name, value in game.get_parameters().items()
    if name not in defaults or value != defaults[name]
  )
  return shortened(f"{game_type.short_name}({changed})")


def shortened(name: str) -> str:
  """Returns the name of a game with parameters, cut if it is long."""
  name = "".join(name.splitlines()).removesuffix("()")
  if len(name) > _MAX_NAME_LENGTH:
    name = name[:_MAX_NAME_LENGTH] + "...)"
  return name


def check_game(game: pyspiel.Game) -> pyspiel.Game:
  """Returns `game` if it is a mean-field game that can be started.

  Raises:
    ValueError: If it is not, or is not a game.
  """
  game_type = validation.check_type("game", game, pyspiel.Game).get_type()
  if game_type.dynamics != pyspiel.GameType.Dynamics.MEAN_FIELD:
    raise ValueError(
      f"game must be a mean-field game, got {game_type.short_name!r}."
    )
  try:
    game.new_initial_states()
  except (pyspiel.SpielError, ValueError) as error:
    reason = " ".join(str(error).split())
    raise ValueError(
      f"game must be one that OpenSpiel can play, {game} is not: {reason}."
    ) from None
  return game
