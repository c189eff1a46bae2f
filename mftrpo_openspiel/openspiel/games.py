"""What the package asks of the OpenSpiel games that users hand in."""

import pyspiel

from mftrpo_openspiel.utils import validation


def check_game(game: pyspiel.Game) -> pyspiel.Game:
  """Returns `game` if it is a mean-field game that can begin.

  Raises:
    ValueError: If it is not, or is no game at all.
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
