"""The state of an algorithm together with that of its model.

A model that draws random numbers has a state, which an algorithm of a user may
not include in its own. It is added here if it is missing, so that checkpoints
contain both. Its arrays are named "model.<name>", as in the algorithms of this
package.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib

# Prefix of the names of arrays of the model's state.
_MODEL = "model."


class Algorithm(Protocol):
  """The required interface; see `algorithm.MeanFieldAlgorithm`."""

  model: model_lib.MeanFieldModel

  def state(self) -> Mapping[str, np.ndarray]:
    """Returns everything that later iterations depend on."""

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned."""


def of_model(model: model_lib.MeanFieldModel) -> dict[str, np.ndarray]:
  """Returns the state of a model, with the prefix in its names."""
  return {_MODEL + name: array for name, array in model.state().items()}


def restore_model(
  model: model_lib.MeanFieldModel, state: Mapping[str, np.ndarray]
) -> None:
  """Restores the model from the state of algorithm and model."""
  model.restore(
    {
      name.removeprefix(_MODEL): array
      for name, array in state.items()
      if name.startswith(_MODEL)
    }
  )


def of(algorithm: Algorithm) -> Mapping[str, np.ndarray]:
  """Returns the state of an algorithm with that of its model."""
  return {**algorithm.state(), **of_model(algorithm.model)}


def restore(algorithm: Algorithm, state: Mapping[str, np.ndarray]) -> None:
  """Restores an algorithm and its model from a state of both.

  Raises:
    ValueError: If it is not the state of this algorithm on this model.
  """
  added = of_model(algorithm.model).keys() - algorithm.state().keys()
  algorithm.restore({x: y for x, y in state.items() if x not in added})
  if added:
    restore_model(algorithm.model, state)
