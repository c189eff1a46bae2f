"""Tests of record_arrays; those of mean fields are in run_directory_test."""

import numpy as np
import pytest

from mftrpo_openspiel.runs import record_arrays

POLICY = np.array([[0.25, 0.75], [1.0, 0.0]])
MASK = np.array([[True, True], [True, False]])


def test_policies_are_read_as_written(tmp_path):
  folder = tmp_path / "policies"
  for iteration in (0, 3, 10):
    record_arrays.write(folder, iteration, POLICY)
  for mask in (None, MASK):
    policy = record_arrays.read_policy(folder, 3, mask)
    np.testing.assert_array_equal(policy, POLICY)
  record_arrays.remove_others(folder, {0, 10})
  assert sorted(file.stem for file in folder.iterdir()) == [
    "0000000000",
    "0000000010",
  ]


@pytest.mark.parametrize(
  "array, mask, match",
  [
    (POLICY[0], None, r"shape \(2,\), not \(N, A\)"),
    (POLICY / 2, None, "probability distribution"),
    (POLICY, MASK[:1], "shape"),
    (POLICY[::-1], MASK, "over the legal actions"),
  ],
)
def test_other_arrays_are_refused(tmp_path, array, mask, match):
  record_arrays.write(tmp_path, 1, array)
  with pytest.raises(
    ValueError, match=rf"0000000001\.npy is not a valid array \(.*({match})"
  ):
    record_arrays.read_policy(tmp_path, 1, mask)
