"""OpenSpiel's own algorithms, as they are shipped, in the form of this package.

They then run in the same loop as the others and are measured by the same
utilities. Of OpenSpiel's MirrorDescent one has to know: while it evaluates a
policy it adds to the very table that the policy is read from. Where decision
nodes share children, as in OpenSpiel's grid games, it evaluates a mixture of
two policies and is not the algorithm of the paper it names;
`mirror_descent.MirrorDescent` is, and so is `FrozenTableMirrorDescent`, which
mends OpenSpiel's in one place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import mirror_descent
import pyspiel

from mftrpo_openspiel import openspiel_model
from mftrpo_openspiel.algorithms import algorithm


class FrozenTableMirrorDescent(mirror_descent.MirrorDescent):
  """OpenSpiel's MirrorDescent, but its policies have tables of their own."""

  def get_projected_policy(self) -> policy_lib.Policy:
    """Returns the projected policy, which later iterations do not change."""
    table = value_lib.TabularValueFunction(self._game)
    table._values = dict(self._cumulative_state_value._values)
    player_ids = list(range(self._game.num_players()))
    return mirror_descent.ProjectedPolicy(self._game, player_ids, table)


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
    super().__init__(model_or_game, model="openspiel")
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
