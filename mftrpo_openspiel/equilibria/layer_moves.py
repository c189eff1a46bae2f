"""Transitions from one layer to the next, as small dense blocks.

Each state has at most m successors, where m is small. So the matrices of
`layered_system` consist of blocks of m numbers, or m by m, for each state.
"""

import numpy as np
from scipy import sparse


class LayerMoves:
  """Transitions from the n states of a layer to the n' states of the next one.

  Attributes:
    laws: (n, A, m), the probabilities of the `successors` of each state.
    successors: (n, m), the successors of each state. If there are fewer than m,
      the first one is repeated with probability 0.
    size: n'.
  """

  def __init__(self, transitions: sparse.csr_array, num_actions: int):
    """Initializes the blocks.

    Args:
      transitions: (n * A, n'), the distribution of the next state after each
        pair.
      num_actions: A.
    """
    size = transitions.shape[1]
    num_states = transitions.shape[0] // num_actions
    entries = transitions.tocoo()
    states, actions = np.divmod(entries.row, num_actions)
    # Pairs of a state and a successor, in order.
    keys, places = np.unique(states * size + entries.col, return_inverse=True)
    origins, ends = np.divmod(keys, size)
    counts = np.bincount(origins, minlength=num_states)
    starts = np.cumsum(counts) - counts
    ranks = np.arange(len(keys)) - starts[origins]
    self.successors = np.repeat(ends[starts, None], counts.max(), axis=1)
    self.successors[origins, ranks] = ends
    self.laws = np.zeros((num_states, num_actions, counts.max()))
    self.laws[states, actions, ranks[places.ravel()]] = entries.data
    self.size = size

  def matrix(self, blocks: np.ndarray) -> np.ndarray:
    """Returns (n, n'), with the numbers of (n, m) blocks at the successors."""
    rows = np.arange(len(blocks))[:, None] * self.size
    return self._added(rows + self.successors, blocks, len(blocks))

  def squares(self, factors: np.ndarray) -> np.ndarray:
    """Returns (n', n'), the sum over states of F' F of (n, k, m) factors F."""
    products = factors.transpose(0, 2, 1) @ factors
    rows = self.successors[:, :, None] * self.size
    return self._added(rows + self.successors[:, None], products, self.size)

  def _added(
    self, places: np.ndarray, numbers: np.ndarray, num_rows: int
  ) -> np.ndarray:
    """Returns (rows, n') with the sums of the numbers at each position."""
    length = num_rows * self.size
    sums = np.bincount(places.ravel(), numbers.ravel(), minlength=length)
    return sums.reshape(num_rows, self.size)
