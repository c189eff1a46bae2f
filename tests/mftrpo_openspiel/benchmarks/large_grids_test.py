"""Tests of the table of large grids."""

import functools

import numpy as np
import pytest

from mftrpo_openspiel.benchmarks import large_grids
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.models import stationary_model


def rows_of(monkeypatch):
  monkeypatch.setattr(large_grids, "ROOM_SIZES", (2, 5))
  monkeypatch.setattr(large_grids, "NUM_ITERATIONS", 3)
  return list(large_grids.table())


def test_methods_agree(monkeypatch):
  small = rows_of(monkeypatch)
  monkeypatch.setattr(
    large_grids.stationary_model,
    "StationaryModel",
    functools.partial(
      stationary_model.StationaryModel,
      solver="BiCGSTAB",
      laws=long_run_law.LongRunLaws(0, 0),
    ),
  )
  large = rows_of(monkeypatch)
  for row, other in zip(small, large):
    assert set(row) == set(large_grids.COLUMNS)
    assert row["cells"] == other["cells"]
    by = {20: ("dense LU", "dense LU"), 104: ("band LU", "band LU")}
    assert (row["values by"], row["laws by"]) == by[row["cells"]]
    assert row["consistency residual"] is None
    assert other["values by"] == "BiCGSTAB"
    assert other["laws by"] == "sparse LU"
    assert other["consistency residual"] < 1e-14
    for some in (row, other):
      assert 0 < some["error bound"] < 1e-10
      assert 0 < some["law error bound"] < 1e-8
    assert other["exploitability"] == pytest.approx(
      row["exploitability"], abs=1e-8
    )
  assert [row["cells"] for row in small] == [20, 20, 104, 104]
  for i in (2, 3):
    slope = np.log(
      small[i]["iteration, CPU s"] / small[i - 2]["iteration, CPU s"]
    ) / np.log(104 / 20)
    assert small[i]["slope so far"] == pytest.approx(slope)
