"""The equations of a model of any supported kind."""

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import layered_system
from mftrpo_openspiel.equilibria import stationary_system
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import stationary_model


def of_model(model: model_lib.MeanFieldModel) -> complementarity.System:
  """Returns the equations of a model.

  Raises:
    ValueError: If its kind is not supported, its transitions depend on the mean
      field, or the derivatives of its rewards are not known.
  """
  if isinstance(model, compiled_game.CompiledGame):
    return layered_system.LayeredSystem(model)
  if isinstance(model, stationary_model.StationaryModel):
    return stationary_system.StationarySystem(model)
  raise ValueError(
    "game must be a game, a CompiledGame or a StationaryModel, got a"
    f" {type(model).__name__}."
  )
