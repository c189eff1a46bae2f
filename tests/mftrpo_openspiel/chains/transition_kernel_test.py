"""Chains of policies compared with sums over dense arrays."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import transition_kernel


@pytest.mark.parametrize(
  ("num_states", "num_actions"), [(1, 1), (1, 3), (2, 1), (7, 4), (40, 3)]
)
def test_chains_are_mixtures(num_states, num_actions):
  rng = np.random.default_rng(num_states)
  shape = (num_states, num_actions, num_states)
  kernel = rng.random(shape) * (rng.random(shape) < 0.3)
  kernel[..., 0] += 0.1
  kernel /= kernel.sum(axis=2, keepdims=True)
  transitions = transition_kernel.TransitionKernel(
    sparse.csr_array(kernel.reshape(-1, num_states)), num_actions
  )
  for _ in range(2):
    policy = rng.dirichlet(np.ones(num_actions), num_states)
    policy[0] = np.eye(num_actions)[0]
    expected = np.einsum("sa,sat->st", policy, kernel)
    chain = transitions.chain(policy)
    np.testing.assert_allclose(chain.toarray(), expected, atol=1e-15)
    np.testing.assert_allclose(
      transitions.dense_chain(policy), expected, atol=1e-15
    )
    # The code sets this flag without a check.
    again = sparse.csr_array((chain.data, chain.indices, chain.indptr))
    assert again.has_canonical_format
