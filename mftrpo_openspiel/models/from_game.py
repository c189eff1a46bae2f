"""The models of a game by name."""

from collections.abc import Callable

import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import validation


def _stationary(
  game: pyspiel.Game, root_state: pyspiel.State | None
) -> model_lib.MeanFieldModel:
  if not hasattr(game, "mean_field_mdp"):
    raise ValueError(
      "model must be 'compiled' or 'openspiel' for a game that has no"
      " mean_field_mdp(), got 'stationary'."
    )
  if root_state is not None:
    raise ValueError(
      "root_state must be None for model 'stationary', which has no beginning,"
      f" got {str(root_state)!r}."
    )
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


_Model = model_lib.MeanFieldModel
MODELS: dict[str, Callable[[pyspiel.Game, pyspiel.State | None], _Model]] = {
  "stationary": _stationary,
  "compiled": compiled_game.CompiledGame,
  "openspiel": openspiel_model.OpenSpielModel,
}


def create_model(
  name: str, game: pyspiel.Game, root_state: pyspiel.State | None = None
) -> model_lib.MeanFieldModel:
  """Returns the model `name` of a game.

  Args:
    name: One of `MODELS`.
    game: A mean-field game.
    root_state: Where plays start; None for the initial states of the game.

  Raises:
    ValueError: If there is no such model, or not of this game.
  """
  create = MODELS[validation.check_choice("model", name, MODELS)]
  validation.check_type("game", game, pyspiel.Game)
  try:
    return create(game, root_state)
  except pyspiel.SpielError as error:
    reason = " ".join(str(error).split())
    raise ValueError(
      f"game must be one that OpenSpiel can play, {game} is not: {reason}"
    ) from None


def kind_of(model: model_lib.MeanFieldModel) -> str:
  """Returns the name that `MODELS` has for the kind of a model.

  For one that is not of this package it is the name of its class.
  """
  names = (name for name in MODELS if is_model(name, model))
  return next(names, type(model).__name__)


def is_model(name: str, model: object) -> bool:
  """Whether a model is of the kind that `MODELS` has by a name."""
  kinds = {
    "stationary": stationary_model.StationaryModel,
    "compiled": compiled_game.CompiledGame,
    "openspiel": openspiel_model.OpenSpielModel,
  }
  return isinstance(model, kinds[name])


def as_model(
  game: model_lib.MeanFieldModel | pyspiel.Game,
  root_state: pyspiel.State | None = None,
) -> model_lib.MeanFieldModel:
  """Returns a model as it is, and of a game its `CompiledGame`.

  Args:
    game: A model, or a mean-field game.
    root_state: Of a game: where its plays start; None for its initial states.

  Raises:
    ValueError: If it is neither, there is no such model of the game, or a
      `root_state` is given with a model, which has its own.
  """
  if isinstance(game, mean_field_mdp.MeanFieldMDP):
    raise ValueError(
      "game must be a MeanFieldModel or a Game, got a MeanFieldMDP; pass"
      " StationaryModel(mdp), or MDPGame(mdp) for a finite horizon."
    )
  validation.check_type("game", game, model_lib.MeanFieldModel, pyspiel.Game)
  if isinstance(game, pyspiel.Game):
    return create_model("compiled", game, root_state)
  if root_state is not None:
    raise ValueError(
      "root_state must be None where a model is given, which has its own,"
      f" got {str(root_state)!r}."
    )
  return game
