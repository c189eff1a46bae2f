"""Estimates of transitions and rewards from counted transitions.

Let n(s, a) be the number of trials of action a in state s. Transitions and
rewards are estimated by their means,

    P^(s' | s, a) = n(s, a, s') / n(s, a),    r^(s, a) = mean reward.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.simulators import simulator as simulator_lib

# The number of transitions that are stored before they are counted.
_BLOCK_SIZE = 1 << 20


class TransitionCounts:
  """Counts of transitions, and sums of their rewards.

  Memory does not grow with the number of transitions, only with the number of
  different pairs and next states.
  """

  def __init__(self, num_states: int, num_actions: int):
    """Initializes the counts of N states and A actions with zeros."""
    self._shape = num_states, num_actions
    size = num_states * num_actions
    self._counts, self._totals = np.zeros(size, np.int64), np.zeros(size)
    self._transitions = sparse.csr_array((size, num_states))
    self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    self._num_pending = 0

  def add(
    self,
    rows: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    next_rows: np.ndarray,
  ) -> None:
    """Adds transitions.

    Args:
      rows: (size,), the states.
      actions: (size,), the actions.
      rewards: (size,), their rewards.
      next_rows: (size,), the next states; `ENDED` if the play has ended.
    """
    self._pending.append((rows * self._shape[1] + actions, rewards, next_rows))
    self._num_pending += rows.size
    if self._num_pending >= _BLOCK_SIZE:
      self._count()

  def _count(self) -> None:
    """Counts the pending transitions."""
    if not self._pending:
      return
    pairs, rewards, next_rows = map(np.concatenate, zip(*self._pending))
    self._pending, self._num_pending = [], 0
    size = self._counts.size
    self._counts += np.bincount(pairs, minlength=size)
    self._totals += np.bincount(pairs, rewards, minlength=size)
    playing = next_rows != simulator_lib.ENDED
    places = pairs[playing], next_rows[playing]
    self._transitions = self._transitions + sparse.csr_array(
      (np.ones(places[0].size), places), shape=self._transitions.shape
    )

  @property
  def counts(self) -> np.ndarray:
    """n, (N, A) of int; must not be modified."""
    self._count()
    return self._counts.reshape(self._shape)

  @property
  def mean_reward(self) -> float:
    """The mean reward of all transitions."""
    return float(self._totals.sum() / self.counts.sum())

  def estimates(self) -> tuple[sparse.csr_array, np.ndarray]:
    """Returns P^, (N * A, N), and r^, (N, A).

    An untried action has the mean transitions and rewards of all others in its
    state. Rows of states without transitions are zero.
    """
    counts, num_actions = self.counts, self._shape[1]
    in_state = counts.sum(axis=1)
    tried = np.flatnonzero(counts)
    untried = np.flatnonzero((counts == 0) & (in_state[:, None] > 0))
    states = untried // num_actions
    others = states[:, None] * num_actions + np.arange(num_actions)
    # The weight of a transition of one pair, the column, for another, the row.
    weights = 1.0 / np.concatenate(
      [self._counts[tried], np.repeat(in_state[states], num_actions)]
    )
    rows = np.concatenate([tried, np.repeat(untried, num_actions)])
    columns = np.concatenate([tried, others.ravel()])
    mean = sparse.csr_array(
      (weights, (rows, columns)), shape=(counts.size, counts.size)
    )
    rewards = np.asarray(mean @ self._totals).reshape(self._shape)
    return mean @ self._transitions, rewards
