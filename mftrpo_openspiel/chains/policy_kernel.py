"""The chain of a policy, from the kernel of an MDP."""

import functools

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
    self._kernel = kernel
    self._num_actions = num_actions

  @functools.cached_property
  def most_transitions(self) -> int:
    """How many next states there are after a state and an action, at most."""
    return int(np.diff(self._kernel.indptr).max())

  def chain(self, policy: np.ndarray) -> sparse.csr_array:
    """Returns P^pi, (S, S), for the (S, A) `policy`, in canonical form."""
    mixture, indices, indptr = self.mixture
    size = len(indptr) - 1
    chain = sparse.csr_array(
      (mixture @ policy.ravel(), indices, indptr), shape=(size, size)
    )
    chain.has_canonical_format = True
    return chain

  def dense_chain(self, policy: np.ndarray) -> np.ndarray:
    """Returns P^pi as a dense (S, S) array."""
    rows, keys = self._dense_entries
    size = self._kernel.shape[1]
    flat = np.bincount(
      keys,
      weights=self._kernel.data * policy.ravel()[rows],
      minlength=size * size,
    )
    return flat.reshape(size, size)

  @functools.cached_property
  def _dense_entries(self) -> tuple[np.ndarray, np.ndarray]:
    """For each entry of the kernel, its row and where it goes in P^pi."""
    rows, size = self._rows(), self._kernel.shape[1]
    return rows, rows // self._num_actions * size + self._kernel.indices

  @functools.cached_property
  def mixture(self) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """What turns policies into the data of P^pi; its `indices` and `indptr`."""
    kernel = self._kernel
    size = kernel.shape[1]
    # The kernel's entries by state and next state, and then in their order: the
    # conversions are stable sorts by counting.
    places = sparse.csr_array(
      (
        np.arange(kernel.nnz),
        kernel.indices,
        kernel.indptr[:: self._num_actions],
      ),
      shape=(size, size),
    )
    places = places.tocsc().tocsr()
    order, columns = places.data, places.indices
    is_first = np.empty(kernel.nnz, dtype=bool)
    is_first[:1] = True
    np.not_equal(columns[1:], columns[:-1], out=is_first[1:])
    is_first[places.indptr[:-1]] = True
    firsts = np.flatnonzero(is_first)
    index_type = kernel.indptr.dtype
    mixture = sparse.csr_array(
      (
        kernel.data[order],
        self._rows()[order].astype(index_type),
        np.append(firsts, kernel.nnz).astype(index_type),
      ),
      shape=(len(firsts), kernel.shape[0]),
    )
    indptr = np.searchsorted(firsts, places.indptr).astype(index_type)
    return mixture, columns[firsts], indptr

  def _rows(self) -> np.ndarray:
    """Returns the row of each entry of the kernel."""
    return np.repeat(
      np.arange(self._kernel.shape[0]), np.diff(self._kernel.indptr)
    )
