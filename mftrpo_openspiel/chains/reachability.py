"""The states that a Markov chain can reach."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph


def reached(chain: sparse.csr_array, is_start: np.ndarray) -> np.ndarray:
  """Returns (S,) of bool: the states that are reached from a set of states.

  Args:
    chain: P, (S, S).
    is_start: (S,) of bool, this set, whose states are reached, too.
  """
  started = np.flatnonzero(is_start)
  if len(started) == len(is_start):
    return is_start.copy()
  chain = chain.copy()
  chain.eliminate_zeros()
  # An additional state, from which those of the start are reached.
  source = sparse.coo_array(
    (np.ones(len(started)), (np.zeros(len(started), int), started)),
    shape=(1, len(is_start)),
  )
  graph = sparse.vstack([chain, source], format="csr")
  graph.resize(len(is_start) + 1, len(is_start) + 1)
  found = csgraph.breadth_first_order(
    graph, len(is_start), return_predecessors=False
  )
  is_reached = np.zeros(len(is_start) + 1, dtype=bool)
  is_reached[found] = True
  return is_reached[:-1]
