"""OpenSpiel mean-field games whose transitions do not depend on the mean field.

Unless this is known of a game, each mean field that is passed or returned is
checked in a traversal of all transitions, in which the rewards are read.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import functools

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.values import layered_mdp


class FixedMovesForm(game_form.GameForm):
  """A game enumerated once, under the uniform policy.

  Attributes:
    checks_moves: Whether each mean field is checked in a traversal.
    reward_source: The source of the rewards.
    populations: (N,), the population of each state.
  """

  def __init__(
    self,
    roots: Sequence[pyspiel.State],
    folded: folding.FoldedGame,
    rewards: reward_sources.RewardSource | reward_sources.DensityRewards,
  ):
    """Initializes the form of a game with the initial states `roots`."""
    self._roots = roots
    self._folded = folded
    self.checks_moves = isinstance(rewards, reward_sources.WalkedRewards)
    self.reward_source = rewards
    self._rewards = memo.Memo(rewards)
    self.legal_actions_mask = folded.mdp.legal_actions_mask
    self._kept = [folded.levels[index] for index in folded.kept]
    sizes = list(map(len, self._kept))
    self.layers = np.repeat(np.arange(len(sizes)), sizes)
    self.times = np.repeat(folded.times, sizes)
    self.populations = np.concatenate(
      [level.populations for level in self._kept]
    )

  @property
  def moves(self) -> layered_mdp.LayeredMDP:
    """The transitions, which are the same under every mean field."""
    return self._folded.mdp

  @functools.cached_property
  def strings(self) -> list[str]:
    """The observation strings of the states."""
    return [string for level in self._kept for string in level.strings]

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""
    mean_field = self._folded.mdp.flow(policy)
    self._check_moves(mean_field)
    return mean_field

  def dynamics(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredMDP, game_form.Rows]:
    """Returns the transitions under the (N,) mean field, and all rows."""
    self._check_moves(mean_field)
    return self._folded.mdp, slice(None)

  def rewards(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns the rewards of states and afterstates for the (N,) mean field."""
    return self._rewards(mean_field)

  def _check_moves(self, mean_field: np.ndarray) -> None:
    if self.checks_moves:
      self._rewards(mean_field)

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the row of the mass of each mean-field node, by its string."""
    return {
      string: row
      for index, rows in self._folded.mass_rows.items()
      for string, row in zip(self._folded.levels[index].strings, rows.tolist())
    }

  def states(self) -> Iterator[pyspiel.State]:
    """Yields an OpenSpiel state for each of the N states."""
    levels = game_walk.replay(self._roots, self._folded.levels)
    for index, states in enumerate(levels):
      if index in self._folded.kept:
        yield from states
