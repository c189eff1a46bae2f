"""Jump chains and their factors against closed forms."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import jump_chain


def ring(size, forth=0.75, coupling=0.0):
  """Returns the jumps on a ring, with a state more that is hardly left."""
  jumps = np.roll(forth * np.eye(size), 1, axis=1)
  jumps += np.roll((1 - forth) * np.eye(size), -1, axis=1)
  if coupling:
    # From state 0 to a pair of states that keep to themselves.
    jumps = np.pad(jumps, (0, 2))
    jumps[0] *= 1 - coupling
    jumps[0, size] = coupling
    jumps[size, size + 1] = 1 - coupling
    jumps[size, 0] = coupling
    jumps[size + 1, size] = 1
  return sparse.csr_array(jumps)


def test_jump_chains_leave_every_state():
  chain = sparse.csr_array([[1 - 3e-30, 1e-30], [0.5, 0.25]])
  jumps, leave = jump_chain.jump_chain(chain, np.array([2e-30, 0.25]))
  np.testing.assert_allclose(leave, [3e-30, 0.75], rtol=1e-15)
  np.testing.assert_allclose(
    jumps.toarray(), [[0, 1 / 3], [2 / 3, 0]], rtol=1e-15
  )
  assert chain[0, 0] == 1 - 3e-30  # The argument is not changed.


def test_bandwidth_of_a_shuffled_path():
  order = np.random.default_rng(0).permutation(50)
  path = sparse.diags_array([np.ones(49)] * 2, offsets=[-1, 1]).tocsr()
  assert jump_chain.bandwidth(path[order][:, order]) == 1
  assert jump_chain.bandwidth(sparse.csr_array(np.ones((7, 7)))) == 6


@pytest.mark.parametrize("pinned", [[0], [3, 8], [1, 2, 5]])
def test_the_law_of_a_ring_is_uniform(pinned):
  factors = jump_chain.Factors(ring(9), pinned)
  law, bound = factors.law()
  np.testing.assert_allclose(law / law.sum(), 1 / 9, rtol=1e-13)
  assert bound < 1e-12


@pytest.mark.parametrize("coupling", [1e-12, 1e-15, 1e-18])
def test_traps_are_found(coupling):
  jumps = ring(9, coupling=coupling)
  factors = jump_chain.Factors(jumps, [4])
  assert factors.law()[1] > 1e-6
  trap = factors.trap()
  assert trap in (9, 10)
  # Flows between the two parts are equal, and so is the law of their ends.
  law, bound = jump_chain.Factors(jumps, [4, trap]).law()
  assert bound < 1e-12
  np.testing.assert_allclose(law[9], law[0], rtol=1e-9)
  np.testing.assert_allclose(law[10], law[9], rtol=1e-9)
  np.testing.assert_allclose(law[:9], law[4], rtol=1e-9)
