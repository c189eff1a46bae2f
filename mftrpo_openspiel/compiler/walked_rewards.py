"""The rewards of a game of which nothing is known, and a check of its moves."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import probing
from mftrpo_openspiel.compiler import telling


class WalkedRewards:
  """Rewards read in a walk from where plays start, through all moves.

  On the way the type, legal actions and chance outcomes of every node, and
  where all of its moves lead, are compared to what they were when the game was
  enumerated. So the walk takes as long as the enumeration did.
  """

  def __init__(
    self,
    roots: Sequence[pyspiel.State],
    layers: Sequence[enumeration.Layer],
  ):
    """Initializes the reader.

    Args:
      roots: Where plays start.
      layers: The enumerated game.
    """
    self._roots = roots
    self._layers = layers

  def __call__(self, masses: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the rewards of all nodes.

    Args:
      masses: What players are told in each mean-field layer.

    Raises:
      ValueError: If a node or move is not what it was when the game was
        enumerated.
    """
    walk = probing.probe(
      self._roots, self._layers, telling.these(masses), num_states=1
    )
    if walk.by_mean_field:
      raise ValueError(
        "game must have moves that do not depend on the mean field where that"
        " does not show when it is compiled, but under this mean field"
        f" {walk.by_mean_field}."
      )
    return walk.rewards
