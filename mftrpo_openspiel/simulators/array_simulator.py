"""Plays on the arrays of a game, many players side by side.

A decision of a player is two look-ups: what the pair of its state and action
pays, and a draw of the next state by the alias table of the pair's law. The
tables are built once where moves do not depend on the mean field.
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

# Below every state, whatever is added to it.
_NOWHERE = np.iinfo(np.intp).min // 2


class StationarySimulator(simulator.Simulator):
  """Endless plays of a `MeanFieldMDP`; rewards are not discounted."""

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
    """Returns the MDP under the (S,) mean field; the last one is kept."""
    return self._frozen(mean_field)

  def _freeze(self, mean_field: np.ndarray) -> "FrozenArrays":
    moves = self._fixed_moves or Moves(self._mdp.kernel_at(mean_field))
    rewards = self._mdp.reward_at(mean_field)
    return FrozenArrays(self._mdp.initial_distribution, moves, rewards)


class LayeredSimulator(simulator.Simulator):
  """Plays of a compiled game of finite horizon; rewards carry the discount."""

  def __init__(self, form: game_form.GameForm, num_populations: int):
    """Initializes the simulator of a game as arrays."""
    self._form = form
    self.num_populations = num_populations
    self.legal_actions_mask = form.legal_actions_mask
    self.horizon = int(form.layers.max()) + 1
    self.layers, self.times = form.layers, form.times
    self.has_fixed_moves = form.has_fixed_moves
    self._frozen = memo.Memo(self._freeze)
    # Of the dynamics that plays were under last.
    self._last: tuple[game_form.Dynamics, Moves] | None = None

  def under(self, mean_field: np.ndarray) -> "FrozenArrays":
    """Returns the game under the (N,) mean field; the last one is kept."""
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
  """Where pairs of a state and an action lead, by tables of their laws."""

  def __init__(
    self,
    kernel: sparse.csr_array,
    rows: np.ndarray | None = None,
    shifts: np.ndarray | None = None,
  ):
    """Initializes the moves.

    Args:
      kernel: (R, n), laws of where moves lead; what a row lacks of 1 is the
        probability that the play ends.
      rows: (N * A,), the row of each pair s * A + a; None where they are the
        same.
      shifts: (N * A,), the state that column 0 is for each pair; None where
        columns are states.
    """
    weights, indptr = kernel.data, kernel.indptr.astype(np.intp)
    targets = kernel.indices.astype(np.intp)
    missing = 1 - kernel.sum(axis=1)
    ends = missing > validation.SUM_TOLERANCE
    self._may_end = bool(ends.any())
    if self._may_end:
      # Such rows have an entry more.
      last = indptr[1:][ends]
      weights = np.insert(weights, last, missing[ends])
      targets = np.insert(targets, last, _NOWHERE)
      indptr[1:] += np.cumsum(ends)
    self._tables = alias_tables.AliasTables(weights, indptr)
    self._targets, self._rows, self._shifts = targets, rows, shifts

  def draw(self, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the states after pairs s * A + a, `ENDED` for none."""
    rows = pairs if self._rows is None else self._rows.take(pairs)
    states = self._targets.take(self._tables.draw(rows, rng))
    if self._shifts is not None:
      states += self._shifts.take(pairs)
    if self._may_end:
      np.maximum(states, simulator.ENDED, out=states)
    return states


def _layered_moves(mdp: game_form.Dynamics) -> Moves:
  """Returns the moves of an MDP in layers.

  Layers of the same kernel object share its tables.
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
  """Returns kernels below each other, as wide as the widest."""
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
      initial: Masses of the first places.
      moves: Where actions lead.
      rewards: (n, A), what they pay at each place.
      states: (n,), the state of each place; None where places are states.
    """
    self._initial, self._moves, self._states = initial, moves, states
    self._num_actions = rewards.shape[1]
    self._rewards = rewards.ravel()

  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): places of the initial law, in increasing order."""
    return systematic.draw(self._initial, size, rng)

  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns (size,): the places of given states.

    Raises:
      ValueError: If no play leads to one of them under this mean field.
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
        "start must be in states that plays lead to under the mean field, state"
        f" {rows[lost][0]} is not."
      )
    return places

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states at these places."""
    return places if self._states is None else self._states.take(places)

  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns (size,), what the actions pay, and (size,), the next places."""
    pairs = places * self._num_actions
    pairs += actions
    return self._rewards.take(pairs), self._moves.draw(pairs, rng)
