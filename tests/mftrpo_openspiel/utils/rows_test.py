import numpy as np
import pytest

from mftrpo_openspiel.utils import rows


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
  "shape", [(3, 5), (2000, 1), (2000, 5), (2000, 16), (2000, 40)]
)
def test_columns_give_what_rows_give(shape, order):
  array = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
  array[0, 0] = -np.inf
  np.testing.assert_array_equal(rows.maximum(array), array.max(axis=1))
  np.testing.assert_allclose(
    rows.total(array), array.sum(axis=1), rtol=0, atol=1e-14
  )
  view = array[::2]
  np.testing.assert_array_equal(rows.maximum(view), view.max(axis=1))


def test_results_are_the_callers_own():
  array = np.ones((2000, 1))
  for function in (rows.maximum, rows.total):
    function(array)[:] = 7.0
  assert (array == 1).all()
