"""Any OpenSpiel mean-field game whose moves do not depend on the mean field.

Unless that is known of a game, each mean field that comes in or goes out is
checked in a walk through all moves, in which the rewards are read.
"""

from collections.abc import Sequence

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.compiler import compilation
from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import game_rewards
from mftrpo_openspiel.compiler import layered_game
from mftrpo_openspiel.compiler import walked_rewards
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.values import layered_mdp


class EnumeratedLayers(layered_game.LayeredGame):
  """A game enumerated once, under the uniform policy."""

  def __init__(
    self,
    roots: Sequence[pyspiel.State],
    layers: Sequence[enumeration.Layer],
    compiled: compilation.CompiledLayers,
    reward_source: (
      game_rewards.DensityRewards
      | game_rewards.StateRewards
      | walked_rewards.WalkedRewards
    ),
  ):
    """Initializes the layers.

    Args:
      roots: Where plays start.
      layers: The enumerated game.
      compiled: Its layered chain.
      reward_source: Where the rewards come from.
    """
    self._roots = roots
    self._enumerated = layers
    self._compiled = compiled
    self._reward_source = reward_source
    self._read = memo.Memo(self._read_rewards)
    self.legal_actions_mask = compiled.chain.legal_actions_mask
    sizes = [len(layers[index]) for index in compiled.kept]
    self.layers = np.repeat(np.arange(len(sizes)), sizes)
    self.times = np.repeat(compiled.times, sizes)
    self.strings = [
      string for index in compiled.kept for string in layers[index].strings
    ]

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when everybody plays `policy`, (N, A).

    Raises:
      ValueError: If these masses change where moves lead to.
    """
    mean_field = self._compiled.chain.flow(policy)
    self._check_moves(mean_field)
    return mean_field

  def chain(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredChain, layered_game.Rows]:
    """Returns where actions lead, and all rows.

    Raises:
      ValueError: If it is not there under the (N,) mean field.
    """
    self._check_moves(mean_field)
    return self._compiled.chain, slice(None)

  def rewards(
    self, mean_field: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns what the states and afterstates pay under the (N,) mean field.

    Raises:
      ValueError: If moves are not the same under it.
    """
    if isinstance(self._reward_source, game_rewards.DensityRewards):
      return self._reward_source(mean_field), None
    return self._read(mean_field)

  def _check_moves(self, mean_field: np.ndarray) -> None:
    if isinstance(self._reward_source, walked_rewards.WalkedRewards):
      self._read(mean_field)

  def _read_rewards(self, mean_field):
    masses = self._compiled.told(mean_field)
    return self._compiled.rewards(self._reward_source(masses))

  def mean_field_rows(self) -> dict[str, int]:
    """Returns for each mean-field node, by its string, the row of its mass."""
    return {
      string: row
      for index, rows in self._compiled.carried.items()
      for string, row in zip(self._enumerated[index].strings, rows.tolist())
    }

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy."""
    arrays = []
    num_actions = self.legal_actions_mask.shape[1]
    states_by_layer = enumeration.replay(self._roots, self._enumerated)
    for index, states in enumerate(states_by_layer):
      if index not in self._compiled.kept:
        continue
      if self._enumerated[index].kind == enumeration.MEAN_FIELD:
        arrays.append(np.eye(1, num_actions).repeat(len(states), axis=0))
      else:
        arrays.append(policies.policy_array(policy, states, num_actions))
    return np.concatenate(arrays)
