"""The models of a game by name, and the options of each for programs.

A new model or option is registered only here. Flags, their help texts and the
axes of sweeps are generated from it.
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import sampled_options
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import program_options
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
      "root_state must be None for model 'stationary', which has no start time,"
      f" got {str(root_state)!r}."
    )
  return stationary_model.StationaryModel(game.mean_field_mdp(), game)


def _sampled(
  game: pyspiel.Game,
  root_state: pyspiel.State | None,
  sampled_from: str | None = None,
  **options: Any,
) -> model_lib.MeanFieldModel:
  kind = exact_kind("sampled", game, {"sampled_from": sampled_from})
  validation.check_choice("sampled_from", kind, sampled_options.SAMPLED_FROM)
  if kind == "stationary" and not hasattr(game, "mean_field_mdp"):
    raise ValueError(
      "sampled_from must be 'compiled' for a game that has no"
      " mean_field_mdp(), got 'stationary'."
    )
  exact: Any = game
  # Options are checked before a game is compiled.
  if kind == "stationary" or root_state is not None:
    exact = create_model(kind, game, root_state)
  return sampled_model.SampledModel(exact, **options)


_Model = model_lib.MeanFieldModel
MODELS: dict[str, Callable[..., _Model]] = {
  "stationary": _stationary,
  "compiled": compiled_game.CompiledGame,
  "openspiel": openspiel_model.OpenSpielModel,
  "sampled": _sampled,
}
# Models that count environment steps.
COUNTING_MODELS = ("sampled",)

OPTIONS: dict[str, dict[str, program_options.Option]] = {
  "sampled": sampled_options.OPTIONS
}


def options_of(name: str) -> dict[str, program_options.Option]:
  """Returns the options of the model `name`, by the names of parameters."""
  return OPTIONS.get(name, {})


def exact_kind(
  name: str, game: pyspiel.Game, options: Mapping[str, Any] | None = None
) -> str:
  """Returns the name of the exact model with the states of the model `name`.

  Args:
    name: One of `MODELS`. A sampled model has the states of an exact one.
    game: The game of the model.
    options: The options of the model.
  """
  if name != "sampled":
    return name
  asked = (options or {}).get("sampled_from")
  return asked or default_model(game)


def default_model(game: pyspiel.Game) -> str:
  """Returns the name of the default exact model of a game."""
  return "stationary" if hasattr(game, "mean_field_mdp") else "compiled"


def create_model(
  name: str,
  game: pyspiel.Game,
  root_state: pyspiel.State | None = None,
  **options: Any,
) -> model_lib.MeanFieldModel:
  """Returns the model `name` of a game.

  Args:
    name: One of `MODELS`.
    game: A mean-field game.
    root_state: Where plays start; None for the initial states of the game.
    **options: Options of the model, see `options_of`.

  Raises:
    ValueError: If the model is unknown or does not exist for this game, or an
      option is unknown or out of range.
  """
  create = MODELS[validation.check_choice("model", name, MODELS)]
  for option in options:
    if option not in options_of(name):
      raise _unknown_option(name, option)
  validation.check_type("game", game, pyspiel.Game)
  try:
    return create(game, root_state, **options)
  except pyspiel.SpielError as error:
    reason = " ".join(str(error).split())
    raise ValueError(
      f"game must be one that OpenSpiel can play, {game} is not: {reason}"
    ) from None


def _unknown_option(name: str, option: str) -> ValueError:
  known = options_of(name)
  if not known:
    return ValueError(f"model {name!r} takes no options, got {option!r}.")
  return ValueError(
    f"option of model {name!r} must be one of {', '.join(known)}, got"
    f" {option!r}."
  )


def kind_of(model: model_lib.MeanFieldModel) -> str:
  """Returns the name in `MODELS` of the kind of a model.

  For a model that is not of this package it is the name of its class.
  """
  names = (name for name in MODELS if is_model(name, model))
  return next(names, type(model).__name__)


def exact_model(model: model_lib.MeanFieldModel) -> model_lib.MeanFieldModel:
  """Returns the exact model of a sampled one, and any other model unchanged.

  The exact model has the same states and computes exploitabilities.
  """
  if isinstance(model, sampled_model.SampledModel):
    return model.exact
  return model


def is_model(name: str, model: object) -> bool:
  """Whether a model is of the kind with this name in `MODELS`."""
  kinds = {
    "stationary": stationary_model.StationaryModel,
    "compiled": compiled_game.CompiledGame,
    "openspiel": openspiel_model.OpenSpielModel,
    "sampled": sampled_model.SampledModel,
  }
  return isinstance(model, kinds[name])


def as_model(
  game: model_lib.MeanFieldModel | pyspiel.Game,
  root_state: pyspiel.State | None = None,
) -> model_lib.MeanFieldModel:
  """Returns a model unchanged, and the `CompiledGame` of a game.

  Args:
    game: A model, or a mean-field game.
    root_state: Where plays of the game start; None for its initial states.

  Raises:
    ValueError: If `game` is neither, the game cannot be compiled, or a
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
