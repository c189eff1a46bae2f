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


@pytest.mark.parametrize("num_columns", [3, 40, 300])
def test_rows_with_several_entries_are_found(num_columns):
  mask = np.zeros((1500, num_columns), dtype=bool)
  mask[np.arange(1500), np.arange(1500) % num_columns] = True
  mask[[3, 700], -1] = mask[[3, 700], 0] = True
  mask[8] = False
  mask[1499] = True
  assert rows.with_several(mask).tolist() == [3, 700, 1499]
  assert rows.with_several(mask[:999]) is None
  assert rows.with_several(np.ones((1500, num_columns), dtype=bool)) is None
