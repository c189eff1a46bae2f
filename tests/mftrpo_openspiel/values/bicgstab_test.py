"""Tests of discounted sums by BiCGSTAB; more in evaluation_test.py."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.values import bicgstab


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_discounted_sums_solve_the_system(seed, discount):
  rng = np.random.default_rng(seed)
  chain = rng.dirichlet(np.full(40, 0.1), 40)
  stage_values = rng.normal(size=40)
  system = np.eye(40) - discount * chain
  values = bicgstab.discounted_sum(
    sparse.csr_array(chain), discount, stage_values, 1e-13
  )
  np.testing.assert_allclose(
    values, np.linalg.solve(system, stage_values), rtol=0, atol=1e-10
  )
  residual = np.abs(stage_values - system @ values).max()
  # The tolerance, and the rounding error of this residual.
  assert residual <= 1.1e-13 * np.abs(values).max()


def test_a_target_is_a_looser_goal():
  rng = np.random.default_rng(3)
  chain = sparse.csr_array(rng.dirichlet(np.full(40, 0.1), 40))
  stage_values = rng.normal(size=40)
  values = bicgstab.discounted_sum(chain, 0.9, stage_values, 1e-13, 0.01)
  residual = np.abs(stage_values + 0.9 * (chain @ values) - values).max()
  assert 1e-10 < residual <= 0.01


@pytest.mark.parametrize("size", [4, 400])
@pytest.mark.parametrize("discount", [0.9, 0.99, 0.9999])
def test_cycles_on_which_bicgstab_breaks_down(size, discount):
  """On a cycle, a product with the matrix moves information by one state."""
  cycle = sparse.csr_array(np.roll(np.eye(size), 1, axis=1))
  values = bicgstab.discounted_sum(cycle, discount, np.eye(size)[0], 1e-13)
  steps = -np.arange(size) % size
  expected = discount**steps / (1 - discount**size)
  np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)
