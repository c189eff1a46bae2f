"""Simulates the arrays of a game, for many players side by side.

A decision of a player needs two look-ups: the reward of its pair of state and
action, and a draw of the next state from the alias table of the pair. If
transitions do not depend on the mean field, the tables are built only once.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.simulators import alias_tables
from mftrpo_openspiel.simulators import simulator
from mftrpo_openspiel.simulators import systematic
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import validation

# Smaller than every state, also after a shift is added.
_NOWHERE = np.iinfo(np.intp).min // 2


class StationarySimulator(simulator.Simulator):
  """Infinite plays of a `MeanFieldMDP`; rewards are not discounted."""

  def __init__(self, mdp: mdp_lib.MeanFieldMDP):
    """Initializes the simulator."""
    self._mdp = mdp
    self.discount = mdp.discount
    self.legal_actions_mask = np.ones((mdp.num_states, mdp.num_actions), bool)
    self.has_fixed_moves = mdp.has_fixed_kernel
    self._frozen = memo.Memo(self._freeze)
    self._fixed_moves: Moves | None = None
    if mdp.has_fixed_kernel:
      self._fixed_moves = Moves(mdp.fixed_kernel)

  def under(self, mean_field: np.ndarray) -> "FrozenArrays":
    """Returns the MDP under the (S,) mean field; the last one is cached."""
    return self._frozen(mean_field)

  def _freeze(self, mean_field: np.ndarray) -> "FrozenArrays":
    moves = self._fixed_moves or Moves(self._mdp.kernel_at(mean_field))
    rewards = self._mdp.reward_at(mean_field)
    return FrozenArrays(self._mdp.initial_distribution, moves, rewards)


class LayeredSimulator(simulator.Simulator):
  """Plays of a compiled game of finite horizon; rewards are discounted."""

  def __init__(self, form: game_form.GameForm, num_populations: int):
    """Initializes the simulator of a game as arrays."""
    self._form = form
    self.num_populations = num_populations
    self.legal_actions_mask = form.legal_actions_mask
    self.horizon = int(form.layers.max()) + 1
    self.layers, self.times = form.layers, form.times
    self.has_fixed_moves = form.has_fixed_moves
    self._frozen = memo.Memo(self._freeze)
    # For the dynamics of the last call.
    self._last: tuple[game_form.Dynamics, Moves] | None = None

  def under(self, mean_field: np.ndarray) -> "FrozenArrays":
    """Returns the game under the (N,) mean field; the last one is cached."""
    return self._frozen(mean_field)

  def _freeze(self, mean_field: np.ndarray) -> "FrozenArrays":
    mdp, rows = self._form.dynamics(mean_field)
    last = self._last
    if last is None or last[0] is not mdp:
      self._last = last = mdp, _layered_moves(mdp)
    rewards = mdp.action_rewards(*self._form.rewards(mean_field))
    return FrozenArrays(
      mdp.initial, last[1], rewards, None if isinstance(rows, slice) else rows
    )


class Moves:
  """The transitions of pairs of a state and an action, as alias tables."""

  def __init__(
    self,
    kernel: sparse.csr_array,
    rows: np.ndarray | None = None,
    shifts: np.ndarray | None = None,
  ):
    """Initializes the transitions.

    Args:
      kernel: (R, n), the transition probabilities. If a row sums to less than
        1, the rest is the probability that the play ends.
      rows: (N * A,), the row of each pair s * A + a; None if they are the same.
      shifts: (N * A,), for each pair, the state of column 0; None if columns
        are states.
    """
    weights, indptr = kernel.data, kernel.indptr.astype(np.intp)
    targets = kernel.indices.astype(np.intp)
    missing = 1 - kernel.sum(axis=1)
    ends = missing > validation.SUM_TOLERANCE
    self._may_end = bool(ends.any())
    if self._may_end:
      # Such rows get an additional entry.
      last = indptr[1:][ends]
      weights = np.insert(weights, last, missing[ends])
      targets = np.insert(targets, last, _NOWHERE)
      indptr[1:] += np.cumsum(ends)
    self._tables = alias_tables.AliasTables(weights, indptr)
    self._targets, self._rows, self._shifts = targets, rows, shifts

  def draw(self, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the states after pairs s * A + a, or `ENDED`."""
    rows = pairs if self._rows is None else self._rows.take(pairs)
    states = self._targets.take(self._tables.draw(rows, rng))
    if self._shifts is not None:
      states += self._shifts.take(pairs)
    if self._may_end:
      np.maximum(states, simulator.ENDED, out=states)
    return states


def _layered_moves(mdp: game_form.Dynamics) -> Moves:
  """Returns the transitions of an MDP in layers.

  Layers with the same kernel object share its tables.
  """
  first_rows: dict[tuple[int, int], int] = {}
  kernels: list[sparse.csr_array] = []
  rows, shifts = [], []
  num_rows = 0
  for k, kernel in enumerate(mdp.kernels):
    afterstates = mdp.afterstates(k)
    size = mdp.num_afterstates(k)
    key = id(kernel), size
    if key not in first_rows:
      first_rows[key] = num_rows
      num_rows += size
      if kernel is None:  # Afterstates are the next states.
        kernel = sparse.csr_array(sparse.eye_array(size))
      kernels.append(kernel)
    rows.append(first_rows[key] + afterstates.ravel())
    shifts.append(np.full(afterstates.size, mdp.layers[k].stop))
  return Moves(_stacked(kernels), np.concatenate(rows), np.concatenate(shifts))


def _stacked(kernels: list[sparse.csr_array]) -> sparse.csr_array:
  """Returns kernels stacked vertically, with the width of the widest."""
  shape = (
    sum(kernel.shape[0] for kernel in kernels),
    max(kernel.shape[1] for kernel in kernels),
  )
  lengths = np.concatenate([np.diff(kernel.indptr) for kernel in kernels])
  return sparse.csr_array(
    (
      np.concatenate([kernel.data for kernel in kernels]),
      np.concatenate([kernel.indices for kernel in kernels]),
      np.concatenate([[0], np.cumsum(lengths)]),
    ),
    shape=shape,
  )


class FrozenArrays(simulator.FrozenSimulator):
  """A game on arrays under one mean field; places are its states."""

  def __init__(
    self,
    initial: np.ndarray,
    moves: Moves,
    rewards: np.ndarray,
    states: np.ndarray | None = None,
  ):
    """Initializes the game.

    Args:
      initial: The masses of the first places.
      moves: The transitions.
      rewards: (n, A), the rewards of actions at each place.
      states: (n,), the state of each place; None if places are states.
    """
    self._initial, self._moves, self._states = initial, moves, states
    self._num_actions = rewards.shape[1]
    self._rewards = rewards.ravel()

  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): places from the initial distribution, in order."""
    return systematic.draw(self._initial, size, rng)

  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns (size,): the places of given states.

    Raises:
      ValueError: If one of them cannot be reached under this mean field.
    """
    if self._states is None:
      return rows
    order = np.argsort(self._states)
    places = order[
      np.searchsorted(self._states, rows, sorter=order) % self._states.size
    ]
    lost = self._states[places] != rows
    if lost.any():
      raise ValueError(
        "start must be in states that plays reach under the mean field, but"
        f" state {rows[lost][0]} is not reached."
      )
    return places

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states at these places."""
    return places if self._states is None else self._states.take(places)

  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns (size,), the rewards of actions, and (size,), the next places."""
    pairs = places * self._num_actions
    pairs += actions
    return self._rewards.take(pairs), self._moves.draw(pairs, rng)
