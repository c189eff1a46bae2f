"""All that later iterations depend on: the state of an algorithm and its model.

A model that draws random numbers has a state, of which an algorithm of a user's
need not know. Where its `state` does not have that of the model, it is added
here, so that checkpoints have both; in the form in which the algorithms of this
package have it, as "model.<name>".
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib

# Before the name of an array of the model's state.
_MODEL = "model."


class Algorithm(Protocol):
  """What is needed of an algorithm; see `algorithm.MeanFieldAlgorithm`."""

  model: model_lib.MeanFieldModel

  def state(self) -> Mapping[str, np.ndarray]:
    """Returns all that later iterations depend on."""

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was."""


def of_model(model: model_lib.MeanFieldModel) -> dict[str, np.ndarray]:
  """Returns the state of a model by the names that it has in that of both."""
  return {_MODEL + name: array for name, array in model.state().items()}


def restore_model(
  model: model_lib.MeanFieldModel, state: Mapping[str, np.ndarray]
) -> None:
  """Takes the model back to what it was in the `state` of both."""
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
  """Takes an algorithm and its model back to what `state` was.

  Raises:
    ValueError: If it is not the state of such an algorithm on such a model.
  """
  added = of_model(algorithm.model).keys() - algorithm.state().keys()
  algorithm.restore({x: y for x, y in state.items() if x not in added})
  if added:
    restore_model(algorithm.model, state)
