"""The table of drawings of games, which users can extend.

    game_drawings.register("python_mfg_my_game", my_drawing)

enables pictures of all models and runs of the game. The function takes the game
and returns a `placement.GameDrawing`: a drawing, such as a `drawing.Grid`, and
a function that reads the location of a state from its observation string. Games
over a `MeanFieldMDP` with a drawing need no entry.
"""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.plots import openspiel_drawings
from mftrpo_openspiel.plots import placement
from mftrpo_openspiel.utils import validation

_FUNCTIONS = dict(openspiel_drawings.DRAWINGS)


def register(
  short_name: str, function: Callable[[pyspiel.Game], placement.GameDrawing]
) -> None:
  """Registers a function that returns the drawing of games of this name.

  Args:
    short_name: As in `game.get_type().short_name`. An earlier entry is
      replaced.
    function: It is called with a game whenever the game is drawn.

  Raises:
    ValueError: If an argument has another type.
  """
  validation.check_type("short_name", short_name, str)
  if not callable(function):
    raise ValueError(
      f"function must be a function of the game, got {type(function).__name__}."
    )
  _FUNCTIONS[short_name] = function


def of_game(game: pyspiel.Game) -> placement.GameDrawing:
  """Returns the drawing of a game.

  Raises:
    ValueError: If it has none.
  """
  name = game.get_type().short_name
  if name in _FUNCTIONS:
    return validation.check_type(
      f"the drawing registered for {name}",
      _FUNCTIONS[name](game),
      placement.GameDrawing,
    )
  if isinstance(game, mdp_game.MDPGame) and game.mean_field_mdp().drawing:
    return of_mdp_game(game)
  raise ValueError(
    f"game must have a drawing, {name} has none: give its MeanFieldMDP one,"
    " such as drawing=mftrpo_openspiel.mdp.drawing.Line(positions), or call"
    f" plots.game_drawings.register({name!r}, function)."
  )


def shown_name(game_name: str) -> str:
  """Returns a name of a game, perhaps with parameters, for titles.

  A game that was made of a mean-field MDP, without a registered type, is called
  "mean-field MDP", as it is in `StationaryModel.game_name`.
  """
  short_name, bracket, parameters = game_name.partition("(")
  if short_name != mdp_game.UNREGISTERED:
    return game_name
  return f"mean-field MDP {bracket}{parameters}".rstrip()


def of_mdp_game(game: mdp_game.MDPGame) -> placement.GameDrawing:
  """Returns the drawing of a game over a mean-field MDP.

  If the kernel depends on the mean field, moves are those under the initial
  law. On a grid, the target of an action is the most likely next cell, the
  first one of several that are equally likely.
  """
  mdp = game.mean_field_mdp()
  assert mdp.drawing is not None
  moves = mdp.kernel_at(mdp.initial_distribution)
  if isinstance(mdp.drawing, drawing_lib.Grid):
    aims = np.asarray(moves.argmax(axis=1)).reshape(mdp.num_states, -1)
    moves = placement.certain_moves(aims)
  return placement.GameDrawing(
    mdp.drawing, placement.locate_place_and_time, moves, mdp.action_names
  )


def of_model(model: mean_field_model.MeanFieldModel) -> placement.PlacedStates:
  """Returns the locations of the N states of a model.

  Those of a `StationaryModel` are all at time 0.

  Raises:
    ValueError: If its game has no drawing.
  """
  return of_states(model.game, model.observation_strings)


def of_states(
  game: pyspiel.Game, observation_strings: Sequence[str]
) -> placement.PlacedStates:
  """Returns the locations of the states with these observation strings.

  Raises:
    ValueError: If the game has no drawing.
  """
  return placement.placed(of_game(game), observation_strings)
