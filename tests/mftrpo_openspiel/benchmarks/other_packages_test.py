"""Tests of the comparison with other packages, if they are installed."""

import importlib
import math
import sys

import numpy as np
import pytest

from mftrpo_openspiel.benchmarks import other_packages


@pytest.fixture
def short(monkeypatch):
  monkeypatch.setattr(other_packages, "NUM_ROUNDS", 1)

  def shorten(module):
    monkeypatch.setattr(module, "NUM_ITERATIONS", 4)

  return shorten


@pytest.fixture
def bench_mfg():
  pytest.importorskip("benchmfg", reason="Bench-MFG is not installed")
  return importlib.import_module(
    "mftrpo_openspiel.benchmarks.bench_mfg_contest"
  )


@pytest.fixture
def mfglib():
  pytest.importorskip("mfglib", reason="MFGLib is not installed")
  return importlib.import_module("mftrpo_openspiel.benchmarks.mfglib_contest")


def rows_of(contest):
  return list(other_packages._rows(contest))


def test_a_row_contains_medians_and_smallest_values(monkeypatch):
  monkeypatch.setattr(other_packages, "NUM_ROUNDS", 3)
  clock = iter(np.cumsum([0, 9, 0, 9, 0, 3, 0, 6, 0, 9, 0, 6, 0, 24, 0, 15]))
  monkeypatch.setattr(
    other_packages.time, "perf_counter", lambda: float(next(clock))
  )
  contest = other_packages.Contest(
    game="none",
    theirs={"OMD": lambda n: [3.0, 1.0, 2.0][:n]},
    ours={"OMD": lambda n: [0.5, 0.25, 0.75][:n]},
    pairs=[("OMD", "OMD")],
    num_iterations=3,
    difference=0.0,
  )
  (row,) = rows_of(contest)
  # Without the first run, their iterations took 1, 3 and 8, and ours 2, 2 and
  # 5.
  assert (row["theirs, s"], row["ours, s"], row["ratio"]) == (3.0, 2.0, 1.5)
  assert (row["theirs reached"], row["ours reached"]) == (1.0, 0.25)


@pytest.mark.parametrize(
  ("package", "peer"), [("jax", "Bench-MFG"), ("mfglib", "MFGLib")]
)
def test_a_missing_peer_gives_a_note(monkeypatch, package, peer):
  module = f"{other_packages.__package__}.{other_packages.PEERS[peer]}"
  monkeypatch.delitem(sys.modules, module, raising=False)
  for name in ("benchmfg", package):
    monkeypatch.setitem(sys.modules, name, None)
  monkeypatch.setattr(
    other_packages, "PEERS", {peer: other_packages.PEERS[peer]}
  )
  (row,) = other_packages.table()
  assert row["peer"] == peer
  assert "pip install mftrpo_openspiel[peers]" in row["note"]


def test_bench_mfg_has_the_same_game(bench_mfg, short):
  environment = bench_mfg.create_environment(bench_mfg.HORIZON)
  mdp = bench_mfg.mdp(environment)
  mean_field = np.random.default_rng(1).dirichlet(np.ones(121))
  expected = [
    [environment.reward(mean_field, x, action) for action in range(5)]
    for x in range(121)
  ]
  np.testing.assert_allclose(mdp.reward_at(mean_field), expected, rtol=1e-12)
  short(bench_mfg)
  (contest,) = bench_mfg.contests()
  # Bench-MFG computes exploitability independently, with other formulas.
  assert contest.difference < 1e-9
  rows = rows_of(contest)
  assert len(rows) == len(contest.theirs) * len(contest.ours)
  for row in rows:
    assert row["ratio"] == row["theirs, s"] / row["ours, s"] > 0
    assert math.isfinite(row["theirs reached"] + row["ours reached"])


def test_runs_of_bench_mfg_are_independent(bench_mfg, short):
  short(bench_mfg)
  (contest,) = bench_mfg.contests()
  for solvers in (contest.theirs, contest.ours):
    for solve in solvers.values():
      first = solve(3)
      assert len(first) == 3
      assert list(solve(3)) == list(first)


def test_mfglib_has_the_same_game(mfglib, short):
  short(mfglib)
  (contest,) = mfglib.contests()
  assert contest.difference < 1e-9
  assert len(rows_of(contest)) == 3


def test_iterates_of_mfglib_equal_ours(mfglib):
  """FP is not tested, because there are two best actions in the corner."""
  import torch

  with mfglib.default_dtype(torch.float64):
    (contest,) = mfglib.contests()
    for method in ("OMD", "prior descent"):
      np.testing.assert_allclose(
        contest.ours[method](3), contest.theirs[method](3), rtol=1e-9
      )
