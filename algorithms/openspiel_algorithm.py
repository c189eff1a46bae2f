"""OpenSpiel's own algorithms, as they are shipped, in the form of this package.

They then run in the same loop as the others and are measured by the same
utilities. Of OpenSpiel's MirrorDescent one has to know: while it evaluates a
policy it adds to the very table that the policy is read from. Where decision
nodes share children, as in OpenSpiel's grid games, it evaluates a mixture of
two policies and is not the algorithm of the paper it names;
`mirror_descent.MirrorDescent` is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel import openspiel_model
from mftrpo_openspiel.algorithms import algorithm


class OpenSpielAlgorithm(algorithm.MeanFieldAlgorithm):
  """An algorithm of `open_spiel.python.mfg.algorithms`."""

  def __init__(
    self,
    model_or_game: openspiel_model.OpenSpielModel | pyspiel.Game,
    openspiel_class: Callable[..., Any],
    **options: Any,
  ):
    """Initializes the algorithm on the model's game.

    Args:
      model_or_game: Where it is run and measured.
      openspiel_class: Such as `fictitious_play.FictitiousPlay` of OpenSpiel.
      **options: For its constructor, after the game.
    """
    super().__init__(model_or_game)
    self._algorithm = openspiel_class(self.model.game, **options)

  def iteration(self) -> None:
    """Performs one iteration of OpenSpiel's."""
    self._algorithm.iteration()

  @property
  def policy(self) -> np.ndarray:
    """(N, A), a copy of the policy so far."""
    return self.model.from_openspiel(self._algorithm.get_policy())

  @property
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field of the policy so far."""
    return self.model.mean_field(self.policy)
