"""What the algorithms of this package have in common."""

import abc

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel import model as model_lib
from mftrpo_openspiel import openspiel_model


class MeanFieldAlgorithm(abc.ABC):
  """An algorithm that improves a policy and a mean field step by step.

  Used as OpenSpiel's own:

      algorithm = SomeAlgorithm(game)
      for _ in range(num_iterations):
        algorithm.iteration()
      policy = algorithm.get_policy()

  Attributes:
    model: The mean-field game that it runs on.
    policy: (N, A), the policy so far; the uniform one before any iteration.
    mean_field: (N,), the mean field that goes with it.
  """

  policy: np.ndarray
  mean_field: np.ndarray

  def __init__(self, model_or_game: model_lib.MeanFieldModel | pyspiel.Game):
    """Initializes the algorithm on a model, or on an OpenSpiel game."""
    if isinstance(model_or_game, pyspiel.Game):
      model_or_game = openspiel_model.OpenSpielModel(model_or_game)
    elif not isinstance(model_or_game, model_lib.MeanFieldModel):
      raise ValueError(
        "model_or_game must be a MeanFieldModel or a pyspiel.Game, got"
        f" {model_or_game!r}."
      )
    self.model = model_or_game

  @abc.abstractmethod
  def iteration(self) -> None:
    """Performs one iteration."""

  def get_policy(self) -> policy_lib.Policy:
    """Returns the policy so far, frozen, for `model.game`."""
    return self.model.to_openspiel(self.policy)

  @property
  def distribution(self) -> distribution_lib.DistributionPolicy:
    """OpenSpiel's distribution of the policy so far in `model.game`."""
    return distribution_lib.DistributionPolicy(
      self.model.game, self.get_policy()
    )
