"""The sources of the rewards of a game with fixed transitions.

`DensityRewards` needs only array operations; it is for the games in
`known_games.FORMULAS`. `StateRewards` is for all other games whose transitions
are known not to depend on the mean field: it updates every mean-field state
with the mean field, and reads the rewards of the states that follow.
`WalkedRewards` is for games about which nothing is known: it traverses all
transitions and checks them.

All are functions from the (N,) mean field to `game_form.Rewards`.
"""

import abc
from collections.abc import Mapping
from collections.abc import Sequence
import itertools

import numpy as np
import pyspiel
from scipy import sparse

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import known_games


def fold_rewards(
  folded: folding.FoldedGame, node_rewards: np.ndarray
) -> game_form.Rewards:
  """Returns the rewards of states and afterstates from those of all nodes."""
  if folded.visits is None:
    return node_rewards[folded.nodes], None
  return node_rewards[folded.nodes], folded.visits @ node_rewards


class RewardSource(abc.ABC):
  """Rewards read from all nodes of a game."""

  def __init__(self, folded: folding.FoldedGame):
    self._folded = folded

  def __call__(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns the rewards of states and afterstates for the (N,) mean field."""
    masses = {
      index: mean_field[rows] for index, rows in self._folded.mass_rows.items()
    }
    return fold_rewards(self._folded, self.node_rewards(masses))

  @abc.abstractmethod
  def node_rewards(self, masses: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the rewards of all nodes.

    Args:
      masses: For each mean-field level, the masses that its nodes receive.

    Raises:
      ValueError: If transitions are checked, and a node or transition differs
        from the enumerated game.
    """


class WalkedRewards(RewardSource):
  """Rewards read in a traversal of all transitions from the initial states.

  The type, legal actions, chance outcomes and next nodes of every node are
  compared to those of the enumerated game. Therefore the traversal takes as
  long as the enumeration.
  """

  def __init__(
    self, folded: folding.FoldedGame, roots: Sequence[pyspiel.State]
  ):
    """Initializes the source for a folded game with initial states `roots`."""
    super().__init__(folded)
    self._roots = roots

  def node_rewards(self, masses: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the rewards of all nodes; see the base class."""
    crowd = crowds.announced(masses)
    levels = self._folded.levels
    found = comparison.compare(self._roots, levels, crowd, num_states=1)
    if found.by_mean_field:
      raise ValueError(
        "game must have transitions that do not depend on the mean field, as"
        " none did when it was compiled, but under this mean field"
        f" {found.by_mean_field}."
      )
    return found.rewards


class StateRewards(RewardSource):
  """Rewards read from the states of a game whose transitions are fixed."""

  def __init__(
    self,
    folded: folding.FoldedGame,
    states: Mapping[int, list[pyspiel.State]],
    paying: frozenset[int],
  ):
    """Initializes the source.

    Args:
      folded: The folded game.
      states: The states of each mean-field level.
      paying: The levels whose nodes may have rewards.
    """
    super().__init__(folded)
    self._states = states
    self._paying = paying
    # The rewards of the first mean-field level come before its nodes receive a
    # distribution.
    last = min(states, default=len(folded.levels) - 1)
    first = [level.rewards for level in folded.levels[: last + 1]]
    rest = folded.node_offsets[-1] - folded.node_offsets[last + 1]
    self._constant = np.concatenate([*first, np.zeros(rest)])

  def node_rewards(self, masses: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the rewards of all nodes; see the base class."""
    levels = self._folded.levels
    rewards = self._constant.copy()
    parts = np.split(rewards, self._folded.node_offsets[1:-1])  # Views.
    starts = [*self._states, len(levels) - 1]
    for index, next_index in itertools.pairwise(starts):
      states = self._states[index]
      paying = [i for i in self._paying if index < i <= next_index]
      for current in range(index + 1, max(paying, default=index) + 1):
        above = levels[current - 1]
        states = game_walk.first_states_below(above, states, masses[index])
        if current in paying:
          parts[current][:] = list(map(game_walk.reward, states))
    return rewards


class DensityRewards:
  """Rewards from the densities at a place; see `known_games.DensityFormula`.

  If rewards depend on the path to a node, the constants are those of the first
  path. The caller must check the result by comparison with `StateRewards`.

  Attributes:
    floor: The constant added to densities inside the logarithm.
  """

  def __init__(
    self, folded: folding.FoldedGame, formula: known_games.DensityFormula
  ):
    """Initializes the source.

    Args:
      folded: The folded game. Each state must follow a mean-field node or come
        before all of them, and no nodes in between may have rewards.
      formula: How rewards depend on the densities.
    """
    self.floor = formula.floor
    self._has_log = formula.log_weight != 0
    self._is_linear = bool(formula.weights.any())
    size, num_populations = len(folded.nodes), len(formula.weights)
    self._log_weights = np.zeros(size)
    self._weights = np.zeros((size, num_populations))
    # An additional state of mass 0 stands for nodes that no play reaches.
    self._places = np.full((size, num_populations), size)
    for index, rows in folded.mass_rows.items():
      level = folded.levels[index]
      self._log_weights[rows] = formula.log_weight
      if self._is_linear:
        self._weights[rows] = formula.weights[level.populations]
        places = _same_place(level, num_populations)
        self._places[rows] = np.append(rows, size)[places]
    self._constants = np.zeros(size)
    masses = np.concatenate([level.masses for level in folded.levels])
    rewards = np.concatenate([level.rewards for level in folded.levels])
    varying, _ = self(masses[folded.nodes])
    self._constants = rewards[folded.nodes] - varying

  def __call__(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns the rewards of states for the (N,) mean field, and None."""
    rewards = self._constants
    if self._has_log:
      rewards = self.local(np.log(mean_field + self.floor))
    if self._is_linear:
      densities = np.append(mean_field, 0.0)[self._places]
      rewards = rewards + np.einsum("np,np->n", self._weights, densities)
    return rewards, None

  def local(self, logs: np.ndarray) -> np.ndarray:
    """Returns (..., N): the rewards of states without the linear terms."""
    return self._constants + self._log_weights * logs

  def log_slopes(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns (N,): the derivatives of `local` with respect to masses, (N,)."""
    return self._log_weights / (mean_field + self.floor)

  @property
  def weights(self) -> sparse.csr_array:
    """(N, N): the coefficients of all masses in the linear terms."""
    size = len(self._constants)
    rows, populations = np.nonzero(self._places < size)
    columns = self._places[rows, populations]
    entries = self._weights[rows, populations]
    return sparse.csr_array((entries, (rows, columns)), shape=(size, size))


def _same_place(level: game_walk.Level, num_populations: int) -> np.ndarray:
  """Returns (n, P): the nodes of all populations at the place of each node.

  In the support of a node, the populations of a place are listed consecutively.
  The entry is -1 for a node that no play reaches.
  """
  places = np.empty((len(level), num_populations), dtype=np.int64)
  for node, which in enumerate(level.support_of):
    support = level.supports[which].nodes.reshape(-1, num_populations)
    places[node] = support[np.flatnonzero((support == node).any(axis=1))[0]]
  return places
