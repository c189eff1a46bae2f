"""Rows for states and actions, in all accepted forms."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.mdp import state_action_rows

BLOCKS = np.array([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]])
ROWS = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 0], [1, 2]]


@pytest.mark.parametrize(
  "value",
  [
    BLOCKS,
    BLOCKS.tolist(),
    np.array(ROWS, dtype=np.float32),
    sparse.coo_array(np.array(ROWS)),
  ],
)
def test_all_forms_are_the_same(value):
  found = state_action_rows.checked("kernel", value, 2, 3)
  assert found.format == "csr" and found.dtype == np.float64
  np.testing.assert_array_equal(found.toarray(), ROWS)


def test_it_is_a_copy():
  value = sparse.csr_array(np.array(ROWS, dtype=np.float64))
  state_action_rows.checked("kernel", value, 2, 3).data[:] = 0
  np.testing.assert_array_equal(value.toarray(), ROWS)


@pytest.mark.parametrize("value", [BLOCKS, np.array(ROWS)])
def test_another_shape_is_refused(value):
  with pytest.raises(
    ValueError,
    match=r"^weights must have shape \(6, 3\), a row for each state and action,"
    rf" or \(3, 2, 3\), got \({', '.join(map(str, value.shape))}\)\.$",
  ):
    state_action_rows.checked("weights", value, 3, 2)


def test_a_mixture_makes_the_chain_of_a_policy():
  policy = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
  kernel = state_action_rows.checked("kernel", BLOCKS, 2, 3)
  chain = state_action_rows.mixture(policy) @ kernel
  np.testing.assert_array_equal(chain.toarray(), [[2, 3], [3, 1.5]])
