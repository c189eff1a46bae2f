import numpy as np

from mftrpo_openspiel import memo


def test_only_the_last_result_is_remembered():
  calls = []

  def function(array, number):
    calls.append(number)
    return array * number

  remembered = memo.Memo(function)
  array = np.arange(3.0)
  first = remembered(array, 2.0)
  assert remembered(array.copy(), 2.0) is first
  assert calls == [2.0]
  array[0] = 7.0  # Not what was asked before.
  np.testing.assert_array_equal(remembered(array, 2.0), [14, 2, 4])
  remembered(array, 3.0)
  remembered(array, 2.0)
  assert calls == [2.0, 2.0, 3.0, 2.0]


def test_equality():
  assert memo.are_equal(np.ones((2, 3)), np.ones((2, 3), order="F"))
  assert not memo.are_equal(np.ones(3), np.ones((1, 3)))
  assert not memo.are_equal(np.full(2, np.nan), np.full(2, np.nan))
  assert not memo.are_equal(1.0, np.ones(2))
  assert memo.are_equal(1.0, 1.0)
