import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import reachability


@pytest.mark.parametrize("seed", range(8))
def test_reached_is_the_support_of_powers(seed):
  rng = np.random.default_rng(seed)
  chain = rng.random((9, 9)) * (rng.random((9, 9)) < 0.15)
  is_start = rng.random(9) < 0.2
  matrix = sparse.csr_array(chain)
  matrix.data[0] = 0.0  # A stored zero is no transition.
  powers = np.linalg.matrix_power(np.eye(9) + (matrix.toarray() > 0), 9)
  expected = is_start | (is_start @ powers > 0)
  reached = reachability.reached(matrix, is_start)
  assert reached.tolist() == expected.tolist()
  assert matrix.data[0] == 0.0 and matrix.nnz == np.count_nonzero(chain)


def test_all_or_nothing():
  chain = sparse.csr_array(np.eye(3))
  for is_start in (np.ones(3, bool), np.zeros(3, bool)):
    reached = reachability.reached(chain, is_start)
    assert reached.tolist() == is_start.tolist()
    assert reached is not is_start
