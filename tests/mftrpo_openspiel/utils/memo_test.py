import numpy as np
import pytest

from mftrpo_openspiel.utils import memo


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
  array[0] = 7.0  # A different argument.
  np.testing.assert_array_equal(remembered(array, 2.0), [14, 2, 4])
  remembered(array, 3.0)
  remembered(array, 2.0)
  assert calls == [2.0, 2.0, 3.0, 2.0]


def test_the_least_recently_used_result_is_dropped():
  calls = []

  def function(number):
    calls.append(number)
    return -number

  remembered = memo.Memo(function, size=2)
  for number in (1.0, 2.0, 1.0, 3.0, 1.0, 2.0):
    assert remembered(number) == -number
  assert calls == [1.0, 2.0, 3.0, 2.0]


def test_keys_distinguish_arrays():
  square = np.arange(4.0).reshape(2, 2)
  assert memo.key(square) == memo.key(square.copy())
  assert memo.key(1.0) == memo.key(1.0)
  different = [
    square,
    square + 1,
    square.T.copy(),
    square.T,  # Has the bytes of `square`.
    square.ravel(),
    square.astype(np.int64),
    np.zeros(4),
    0.0,
    1.0,
  ]
  for i, one in enumerate(different):
    for other in different[:i]:
      assert memo.key(one) != memo.key(other)


def test_a_result_that_was_added_without_a_call():
  remembered = memo.Memo(lambda array: array + 1)
  array = np.arange(3.0)
  result = object()
  remembered.remember(result, array)
  assert remembered(array.copy()) is result
  np.testing.assert_array_equal(remembered(array + 1), [2, 3, 4])
  np.testing.assert_array_equal(remembered(array), [1, 2, 3])


def test_errors_are_not_remembered():
  def function(number):
    raise ValueError(number)

  remembered = memo.Memo(function)
  for _ in range(2):
    with pytest.raises(ValueError, match="3"):
      remembered(3.0)
