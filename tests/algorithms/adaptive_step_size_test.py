"""Tests of the adaptive step size."""

import pytest

from mftrpo_openspiel.algorithms import adaptive_step_size


def test_a_step_size_grows_falls_back_and_grows_more_slowly():
  size, num_overshoots = 1.0, 0
  sizes = []
  for overshot in (False, False, True, False, True, True, False):
    size, num_overshoots = adaptive_step_size.next_step_size(
      size, num_overshoots, overshot
    )
    sizes.append(size)
  assert sizes == pytest.approx(
    [1.2, 1.44, 0.72, 0.756, 0.378, 0.189, 0.189 * 1.0125]
  )
  assert num_overshoots == 3


def test_growth_never_ends():
  assert adaptive_step_size.next_step_size(1.0, 1000, False) == (1.0005, 1000)
