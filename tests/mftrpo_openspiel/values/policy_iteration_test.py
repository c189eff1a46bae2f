"""When policy iteration ends, on two states whose values are known."""

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.values import decision_problem
from mftrpo_openspiel.values import policy_iteration

DISCOUNT = 0.75
# Nobody leaves a state; staying pays 1e12 and 3 a time, anything else less.
REWARDS = np.array([[1e12, -1e15], [3.0, -5.0]])
VALUES = REWARDS[:, 0] / (1 - DISCOUNT)
ULP = np.spacing(VALUES)


def problem_of(regularization=0.0):
  kernel = sparse.csr_array(np.eye(2)[[0, 0, 1, 1]])
  mixer = policy_kernel.PolicyKernel(kernel, 2)
  return decision_problem.Problem(
    kernel, mixer, REWARDS, DISCOUNT, regularization
  )


def remainder(values, tolerance=None):
  problem = problem_of()
  progress = policy_iteration.Progress(problem, tolerance)
  improved, policy = problem.improvement(problem.backup(values))
  return progress.remainder(values, improved - values, policy)


def test_it_ends_where_rounding_in_each_state_is_reached():
  assert remainder(VALUES) is None
  assert remainder(VALUES + ULP) is None
  # In the second state this is a hundred times rounding, beside the first one
  # nothing.
  off = np.add(VALUES, [0.0, 1e-11])
  np.testing.assert_allclose(remainder(off), [0.0, -2.5e-12], rtol=1e-3)


def test_a_tolerance_is_relative_to_the_largest_term_anywhere():
  assert remainder(np.add(VALUES, [0.0, 1e-2]), tolerance=1e-13) is None
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [0.0, 10.0]), tolerance=1e-13), [0.0, -2.5]
  )


def test_values_only_grow_where_a_policy_may_be_better_by_rounding():
  # Rounding of a thousandth of a value of 4e12, and in the second state a gain.
  off = np.add(VALUES, [1e-1, -1e-9])
  np.testing.assert_allclose(remainder(off), [0.0, 2.5e-10], rtol=1e-3)
  # Where all is clear, and where nothing is to be gained, values may fall.
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [4e3, -4.0])), [-1e3, 1.0]
  )
  np.testing.assert_allclose(
    remainder(np.add(VALUES, [0.5, 0.0])), [-0.125, 0.0]
  )


@pytest.mark.parametrize("regularization", [0.0, 1e-3])
def test_nothing_is_to_be_gained_from_optimal_values(regularization):
  problem = problem_of(regularization)
  for off, expected in ((0.0, True), (1.0, True), (1e3, False)):
    values = VALUES + off * ULP
    advantages = problem.with_rewards(problem.backup(values) - values[:, None])
    progress = policy_iteration.Progress(problem, None)
    assert progress.is_nothing(values, advantages) == expected


def test_an_iteration_without_end_is_an_error(monkeypatch):
  monkeypatch.setattr(policy_iteration, "MAX_ITERATIONS", 2)
  problem = problem_of()
  progress = policy_iteration.Progress(problem, None)
  zeros = np.zeros(2)
  step = zeros, *problem.improvement(problem.backup(zeros))
  assert progress.remainder(*step) is not None
  with pytest.raises(ArithmeticError, match=r"residual of 1\.0e\+12 after 2"):
    progress.remainder(*step)
