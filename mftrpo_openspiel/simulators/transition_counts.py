"""What is known of a game from counted transitions.

Let n(s, a) be how often action a was tried in state s. Transitions and rewards
are estimated by their means,

    P^(s' | s, a) = n(s, a, s') / n(s, a),    r^(s, a) = mean reward.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.simulators import simulator as simulator_lib

# Transitions that are kept before they are counted.
_BLOCK_SIZE = 1 << 20


class TransitionCounts:
  """Counts of transitions, and sums of what they paid.

  Memory does not grow with the number of transitions, but for those of pairs
  and next states that were not there before.
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
      actions: (size,), what was done there.
      rewards: (size,), what that paid.
      next_rows: (size,), where it led to; `ENDED` where the play has ended.
    """
    self._pending.append((rows * self._shape[1] + actions, rewards, next_rows))
    self._num_pending += rows.size
    if self._num_pending >= _BLOCK_SIZE:
      self._count()

  def _count(self) -> None:
    """Counts what is pending."""
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
    """n, (N, A) of int; not to be written to."""
    self._count()
    return self._counts.reshape(self._shape)

  @property
  def mean_reward(self) -> float:
    """What all transitions paid in the mean."""
    return float(self._totals.sum() / self.counts.sum())

  def estimates(self) -> tuple[sparse.csr_array, np.ndarray]:
    """Returns P^, (N * A, N), and r^, (N, A).

    An action that was never tried has the transitions of all others of its
    state. Rows of states that nobody left are zero.
    """
    counts, num_actions = self.counts, self._shape[1]
    in_state = counts.sum(axis=1)
    tried = np.flatnonzero(counts)
    untried = np.flatnonzero((counts == 0) & (in_state[:, None] > 0))
    states = untried // num_actions
    others = states[:, None] * num_actions + np.arange(num_actions)
    # What a transition of one pair, the column, weighs for another, the row.
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
