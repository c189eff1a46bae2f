"""Plays on the arrays of a game, many players side by side."""

import numpy as np

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.simulators import alias_tables
from mftrpo_openspiel.simulators import simulator


class StationarySimulator(simulator.Simulator):
  """Endless plays of a `MeanFieldMDP`; rewards are not discounted."""

  horizon = None

  def __init__(self, mdp: mdp_lib.MeanFieldMDP):
    """Initializes the simulator."""
    self._mdp = mdp
    self.discount = mdp.discount
    self.legal_actions_mask = np.ones((mdp.num_states, mdp.num_actions), bool)
    self._starts = _law(mdp.initial_distribution)
    self._fixed_moves = None
    if mdp.has_fixed_kernel:
      self._fixed_moves = _Moves(mdp.fixed_kernel)

  def under(self, mean_field: np.ndarray) -> "FrozenArrays":
    """Returns the MDP under the (S,) mean field."""
    moves = self._fixed_moves or _Moves(self._mdp.kernel_at(mean_field))
    rewards = self._mdp.reward_at(mean_field)
    return FrozenArrays(self._starts, moves, rewards)


class _Moves:
  """Where actions lead: the next states by tables of the kernel."""

  def __init__(self, kernel):
    self._tables = alias_tables.AliasTables(kernel.data, kernel.indptr)
    self._targets = kernel.indices.astype(np.intp)

  def draw(self, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the states after pairs s * A + a."""
    return self._targets.take(self._tables.draw(pairs, rng))


def _law(masses: np.ndarray) -> alias_tables.AliasTables:
  """Returns tables whose only row is the law of these masses."""
  return alias_tables.AliasTables(masses, np.array([0, masses.size]))


class FrozenArrays(simulator.FrozenSimulator):
  """A game on arrays under one mean field; places are its states."""

  def __init__(
    self,
    starts: alias_tables.AliasTables,
    moves: _Moves,
    rewards: np.ndarray,
  ):
    """Initializes it with where plays start, moves, and (N, A) rewards."""
    self._starts, self._moves = starts, moves
    self._num_actions = rewards.shape[1]
    self._rewards = rewards.ravel()

  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): states of the initial law."""
    return self._starts.draw(np.zeros(size, np.intp), rng)

  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns the states themselves: plays may begin in any of them."""
    return rows

  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns (size,), what the actions pay, and (size,), the next states."""
    pairs = places * self._num_actions
    pairs += actions
    return self._rewards.take(pairs), self._moves.draw(pairs, rng)
