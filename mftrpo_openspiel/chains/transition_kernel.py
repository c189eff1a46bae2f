"""The transition kernel of an MDP, and the Markov chains of policies under it.

Arrays over S states and A actions may have either memory order. Fortran order
is faster, because NumPy then works along the states, of which there are usually
many more than actions. Results are in Fortran order.
"""

import functools

import numpy as np
from scipy import sparse


class TransitionKernel:
  """P(s'|s,a), for products with policies and values.

  The positions of the transitions of all chains are computed once. Each chain
  then costs one weighted sum over the entries of the kernel.

  Attributes:
    num_states: S.
    num_actions: A.
  """

  def __init__(self, kernel: sparse.csr_array, num_actions: int):
    """Initializes the kernel.

    Args:
      kernel: (S * A, S) in canonical form; row s * A + a is the distribution of
        the next state after action a in state s.
      num_actions: A.
    """
    self._kernel = kernel
    self.num_states, self.num_actions = kernel.shape[1], num_actions

  @functools.cached_property
  def max_num_targets(self) -> int:
    """The largest number of next states after a state and an action."""
    return int(np.diff(self._kernel.indptr).max())

  def expectations(self, values: np.ndarray) -> np.ndarray:
    """Returns (S, A): the expectations of (S,) values of the next state."""
    shape = self.num_states, self.num_actions
    return (self._by_action @ values).reshape(shape, order="F")

  def chain(self, policy: np.ndarray) -> sparse.csr_array:
    """Returns P^pi, (S, S), for the (S, A) `policy`, in canonical form."""
    return self.as_matrix(self.probabilities(policy))

  def dense_chain(self, policy: np.ndarray) -> np.ndarray:
    """Returns P^pi as a dense (S, S) array."""
    columns, places = self._dense_entries
    flat = np.bincount(
      places,
      weights=self._kernel.data * policy.ravel(order="F")[columns],
      minlength=self.num_states**2,
    )
    return flat.reshape(self.num_states, self.num_states)

  def probabilities(self, policy: np.ndarray) -> np.ndarray:
    """Returns (E,): P^pi for all transitions that some policy makes."""
    mixture, _, _ = self._mixture
    return mixture @ policy.ravel(order="F")

  def as_matrix(self, probabilities: np.ndarray) -> sparse.csr_array:
    """Returns (E,) probabilities as an (S, S) array, in canonical form."""
    _, targets, indptr = self._mixture
    matrix = sparse.csr_array(
      (probabilities, targets, indptr), shape=(self.num_states, self.num_states)
    )
    matrix.has_canonical_format = True
    return matrix

  @functools.cached_property
  def origins(self) -> np.ndarray:
    """(E,): the states in which transitions start, in ascending order."""
    _, _, indptr = self._mixture
    return np.repeat(np.arange(self.num_states), np.diff(indptr))

  @property
  def targets(self) -> np.ndarray:
    """(E,): the states in which transitions end."""
    return self._mixture[1]

  @functools.cached_property
  def _by_action(self) -> sparse.csr_array:
    """The kernel with row a * S + s for action a in state s."""
    rows = np.arange(self._kernel.shape[0]).reshape(-1, self.num_actions)
    return self._kernel[rows.T.ravel()]

  @functools.cached_property
  def _dense_entries(self) -> tuple[np.ndarray, np.ndarray]:
    """For each entry, its position in a policy, and in a dense chain."""
    origins, columns = self._pairs()
    return columns, origins * self.num_states + self._kernel.indices

  def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns the state of each entry, and its position in a policy."""
    rows = np.repeat(
      np.arange(self._kernel.shape[0]), np.diff(self._kernel.indptr)
    )
    states, actions = np.divmod(rows, self.num_actions)
    return states, actions * self.num_states + states

  @functools.cached_property
  def _mixture(self) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """The matrix from policies to (E,) chains; their `indices` and `indptr`."""
    kernel = self._kernel
    # The kernel's entries, sorted by state and next state, and then in their
    # order: the conversions are stable counting sorts.
    places = sparse.csr_array(
      (
        np.arange(kernel.nnz),
        kernel.indices,
        kernel.indptr[:: self.num_actions],
      ),
      shape=(self.num_states, self.num_states),
    )
    places = places.tocsc().tocsr()
    order, targets = places.data, places.indices
    is_first = np.empty(kernel.nnz, dtype=bool)
    is_first[:1] = True
    np.not_equal(targets[1:], targets[:-1], out=is_first[1:])
    is_first[places.indptr[:-1]] = True
    firsts = np.flatnonzero(is_first)
    index_type = kernel.indptr.dtype
    _, columns = self._pairs()
    mixture = sparse.csr_array(
      (
        kernel.data[order],
        columns[order].astype(index_type),
        np.append(firsts, kernel.nnz).astype(index_type),
      ),
      shape=(len(firsts), kernel.shape[0]),
    )
    indptr = np.searchsorted(firsts, places.indptr).astype(index_type)
    return mixture, targets[firsts], indptr
