import numpy as np
import pytest

from mftrpo_openspiel.utils import fixed_point

TOLERANCE = 1e-13


def plain_iteration(function, law):
  """Returns the fixed point that half steps reach, and their number."""
  for num_steps in range(1, 100_000):
    move = function(law) - law
    law = law + move / 2
    if np.abs(move).sum() <= TOLERANCE:
      return law, num_steps
  raise AssertionError("The plain iteration must end.")


def counted(function):
  calls = []

  def counting(law):
    calls.append(law)
    return function(law)

  return counting, calls


def softmax(x):
  weights = np.exp(x - x.max())
  return weights / weights.sum()


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_the_plain_iteration_finds_in_fewer_steps(seed):
  rng = np.random.default_rng(seed)
  matrix = rng.normal(size=(30, 30))

  def function(law):
    return softmax(matrix @ law)

  counting, calls = counted(function)
  start = rng.dirichlet(np.ones(30))
  law, left = fixed_point.find(counting, start, TOLERANCE, 1000)
  expected, num_steps = plain_iteration(function, start)
  assert left <= TOLERANCE
  assert abs(law.sum() - 1) < 1e-14
  np.testing.assert_allclose(law, expected, rtol=0, atol=1e-12)
  assert len(calls) < 0.5 * num_steps


def test_a_function_for_which_full_steps_oscillate():
  # g(x) = 1 - x in both entries: full steps would oscillate forever.
  law, left = fixed_point.find(
    lambda law: law[::-1].copy(), np.array([0.9, 0.1]), TOLERANCE, 10
  )
  assert left <= TOLERANCE
  np.testing.assert_allclose(law, 0.5, rtol=0, atol=1e-13)


def test_of_two_fixed_points_it_finds_that_of_the_plain_iteration():
  # p <- p + p (1 - p) (2 p - 1) goes to 0 from below 1/2, to 1 from above.
  def function(law):
    p = law[0] + law[0] * (1 - law[0]) * (2 * law[0] - 1)
    return np.array([p, 1 - p])

  for start in np.linspace(0.02, 0.98, 25):
    if start == 0.5:
      continue
    law, left = fixed_point.find(
      function, np.array([start, 1 - start]), TOLERANCE, 1000
    )
    assert left <= TOLERANCE
    np.testing.assert_allclose(law[0], float(start > 0.5), atol=1e-12)


def test_a_jump_does_not_mislead_it():
  # The linear model is wrong on either side of the jump at 0.3.
  def function(law):
    p = 0.31 + 0.5 * (law[0] - 0.31) + (0.004 if law[0] < 0.3 else 0.0)
    return np.array([p, 1 - p])

  law, left = fixed_point.find(
    function, np.array([0.05, 0.95]), TOLERANCE, 1000
  )
  assert left <= TOLERANCE
  np.testing.assert_allclose(law, [0.31, 0.69], rtol=0, atol=1e-12)


def test_without_a_fixed_point_the_remaining_sum_is_returned():
  def function(law):
    p = 0.8 if law[0] < 0.5 else 0.2
    return np.array([p, 1 - p])

  counting, calls = counted(function)
  law, left = fixed_point.find(counting, np.array([1.0, 0.0]), TOLERANCE, 50)
  assert len(calls) == 50
  assert left > 0.1
  assert law.min() >= 0


def test_a_start_that_is_a_fixed_point():
  start = np.array([0.25, 0.75])
  counting, calls = counted(lambda law: law.copy())
  law, left = fixed_point.find(counting, start, TOLERANCE, 10)
  np.testing.assert_array_equal(law, start)
  assert left == 0 and len(calls) == 1
