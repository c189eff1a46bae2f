"""Transitions as blocks, compared with loops over dense matrices."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.equilibria import layer_moves


@pytest.fixture(params=[0.2, 0.6, 1.0])
def transitions(request):
  """(5 * 3, 7), with a given share of nonzero entries."""
  rng = np.random.default_rng(0)
  dense = rng.random((15, 7)) * (rng.random((15, 7)) < request.param)
  dense[6:9] = np.eye(7)[2]
  dense[np.arange(15), rng.integers(7, size=15)] += 0.1
  return dense / dense.sum(axis=1, keepdims=True)


def test_blocks_are_the_transitions(transitions):
  moves = layer_moves.LayerMoves(sparse.csr_array(transitions), 3)
  for action in range(3):
    np.testing.assert_array_equal(
      moves.matrix(moves.laws[:, action]), transitions[action::3]
    )


def test_squares(transitions):
  rng = np.random.default_rng(1)
  moves = layer_moves.LayerMoves(sparse.csr_array(transitions), 3)
  weights = rng.exponential(size=(5, 3))
  expected = sum(
    weights[state, action]
    * np.outer(transitions[3 * state + action], transitions[3 * state + action])
    for state in range(5)
    for action in range(3)
  )
  found = moves.squares(np.sqrt(weights)[:, :, None] * moves.laws)
  np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
