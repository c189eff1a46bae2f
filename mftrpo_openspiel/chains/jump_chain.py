"""Jump chains: where a chain goes when it leaves a state.

Their entries are ratios of entries off the diagonal of the chain, so that
states which are hardly ever left cost no digits.
"""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

# Steps by which an approximate law is found, which need not be near.
NUM_STEPS = 50


def jump_chain(
  chain: sparse.csr_array, exits: np.ndarray | float
) -> tuple[sparse.csr_array, np.ndarray]:
  """Returns J, (n, n), and the probabilities to leave each state."""
  jumps = chain.copy()
  rows = np.repeat(np.arange(chain.shape[0]), np.diff(chain.indptr))
  jumps.data[rows == jumps.indices] = 0.0
  leave = jumps.sum(axis=1) + exits
  jumps.data /= leave[rows]
  jumps.eliminate_zeros()
  return jumps, leave


def bandwidth(chain: sparse.csr_array) -> int:
  """Returns the bandwidth in a reverse Cuthill-McKee order."""
  order = csgraph.reverse_cuthill_mckee(chain)
  place = np.empty(len(order), dtype=np.int64)
  place[order] = np.arange(len(order))
  rows = np.repeat(place, np.diff(chain.indptr))
  return int(np.abs(rows - place[chain.indices]).max(initial=0))


def num_terms(jumps: sparse.csr_array) -> int:
  """Returns the number of states that one is entered from, and left to."""
  counts = np.bincount(jumps.indices), np.diff(jumps.indptr)
  return int(sum(count.max(initial=0) for count in counts))


def approximate_law(
  jumps: sparse.csr_array, start: np.ndarray, num_steps: int = NUM_STEPS
) -> np.ndarray:
  """Returns a law with most of its mass where the invariant law has it.

  Args:
    jumps: J, (n, n).
    start: (n,), any masses near the invariant ones; the uniform law is taken
      instead where some state has none.
    num_steps: How many steps are made.
  """
  law = start if start.min() > 0 else np.ones(len(start))
  law = law / law.sum()
  for _ in range(num_steps):
    law = (law + law @ jumps) / 2  # Half-way, as jumps may be periodic.
  return law


def law_in_time(law: np.ndarray, leave: np.ndarray) -> np.ndarray:
  """Returns the law of the chain from that of its jumps, of any sum.

  The `leave` are the probabilities to leave each state.
  """
  masses = law / leave
  return masses / math.fsum(masses)
