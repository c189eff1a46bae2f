"""The chain of a policy, from the kernel of an MDP."""

import numpy as np
from scipy import sparse


class PolicyKernel:
  """Mixes the rows of a kernel by policies.

  Where the entries of every chain lie is worked out once; a chain then costs
  one weighted sum over the entries of the kernel.
  """

  def __init__(self, kernel: sparse.csr_array, num_actions: int):
    """Initializes the mixer.

    Args:
      kernel: (S * A, S), row s * A + a is the law of the next state.
      num_actions: A.
    """
    num_states = kernel.shape[1]
    self._data = kernel.data
    self._rows = np.repeat(np.arange(kernel.shape[0]), np.diff(kernel.indptr))
    self._keys = self._rows // num_actions * num_states + kernel.indices
    entries, self._entry = np.unique(self._keys, return_inverse=True)
    states, self._indices = np.divmod(entries, num_states)
    self._indptr = np.searchsorted(states, np.arange(num_states + 1))

  def chain(self, policy: np.ndarray) -> sparse.csr_array:
    """Returns P^pi, (S, S), for the (S, A) `policy`, in canonical form."""
    data = np.bincount(self._entry, weights=self._weighted(policy))
    size = len(self._indptr) - 1
    return sparse.csr_array(
      (data, self._indices, self._indptr), shape=(size, size)
    )

  def dense_chain(self, policy: np.ndarray) -> np.ndarray:
    """Returns P^pi as a dense (S, S) array."""
    size = len(self._indptr) - 1
    flat = np.bincount(
      self._keys, weights=self._weighted(policy), minlength=size * size
    )
    return flat.reshape(size, size)

  def _weighted(self, policy: np.ndarray) -> np.ndarray:
    return self._data * policy.ravel()[self._rows]
