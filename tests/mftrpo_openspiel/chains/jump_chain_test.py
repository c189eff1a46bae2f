"""Jump chains compared with closed forms."""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.chains import jump_chain


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


def test_the_law_in_time_weighs_jumps_by_the_time_in_each_state():
  law = jump_chain.law_in_time(np.array([1.0, 1.0]), np.array([1e-30, 3e-30]))
  np.testing.assert_allclose(law, [0.75, 0.25], rtol=1e-15)
