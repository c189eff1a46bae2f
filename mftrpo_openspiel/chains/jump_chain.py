"""Jump chains: the transitions of a chain given that it leaves a state.

They are computed without subtraction from the off-diagonal entries of the
chain, so states that are rarely left cause no loss of accuracy.
"""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

# Number of steps for an approximate law, which need not be accurate.
NUM_STEPS = 50


def jump_chain(
  chain: sparse.csr_array, exits: np.ndarray | float
) -> tuple[sparse.csr_array, np.ndarray]:
  """Returns J, (n, n), and the probabilities of leaving each state, (n,)."""
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
  """Returns the largest number of predecessors plus that of successors."""
  counts = np.bincount(jumps.indices), np.diff(jumps.indptr)
  return int(sum(count.max(initial=0) for count in counts))


def approximate_law(
  jumps: sparse.csr_array, start: np.ndarray, num_steps: int = NUM_STEPS
) -> np.ndarray:
  """Returns a rough approximation of the invariant law.

  Args:
    jumps: J, (n, n).
    start: (n,), masses close to the invariant ones; the uniform law is used
      instead if the mass of a state is not positive.
    num_steps: Number of steps of the jump chain.
  """
  law = start if start.min() > 0 else np.ones(len(start))
  law = law / law.sum()
  for _ in range(num_steps):
    law = (law + law @ jumps) / 2  # The average, as jumps may be periodic.
  return law


def law_in_time(law: np.ndarray, leave: np.ndarray) -> np.ndarray:
  """Returns the invariant law of a chain from that of its jump chain.

  Args:
    law: (n,), the invariant law of the jump chain, of any positive sum.
    leave: (n,), the probabilities of leaving each state.
  """
  masses = law / leave
  return masses / math.fsum(masses)
