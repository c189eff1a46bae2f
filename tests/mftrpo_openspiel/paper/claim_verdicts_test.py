"""Tests of the comparison of MF-TRPO with baselines, on made-up records."""

import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import claim_figures
from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import claim_verdicts

ITERATIONS = (0, 1, 10, 100)
RunName = claim_grid.RunName
GRID = claim_grid.Grid(
  settings=("four_rooms", "two_islands"),
  etas=(0.3,),
  num_policy_updates=(1, 5),
  num_population_steps=(1, None),
)


def records(phi_eta, phi_0=None):
  """Records with given values of phi_eta, and of phi_0 = 2 phi_eta."""
  phi_0 = phi_0 or [2 * value for value in phi_eta]
  return [
    iteration_loop.Record(iteration, 0.0, plain, regularized, 0.0, 0.0, 0.0)
    for iteration, regularized, plain in zip(
      ITERATIONS, phi_eta, phi_0, strict=True
    )
  ]


@pytest.mark.parametrize(
  ("ours", "theirs", "ratio", "since"),
  [
    # Below from the start, later, at the end only, and not at the end.
    ((1, 1, 1, 1), (2, 2, 2, 2), 2.0, 0),
    ((2, 2, 1, 1), (1, 1, 2, 4), 4.0, 10),
    ((1, 1, 3, 1), (2, 2, 2, 2), 2.0, 100),
    ((1, 1, 1, 4), (2, 2, 2, 2), 0.5, None),
    # Equal, and different by a rounding error.
    ((1, 1, 1, 1), (1, 1, 1, 1), 1.0, None),
    ((1, 1, 1, 0), (2, 2, 2, 1e-14), 1.0, None),
    # A baseline at 0, and a rounding error below 0.
    ((1, 1, 1, 1e-6), (2, 2, 2, 0), 1e-6, None),
    ((3, 1, 1, -1e-16), (2, 2, 2, 1e-6), 1e6, 1),
  ],
)
def test_comparisons(ours, theirs, ratio, since):
  found = claim_verdicts.compare(records(ours), records(theirs), "phi_eta")
  assert found.ratio == pytest.approx(ratio)
  assert found.since == since


def test_metrics_are_read_from_their_fields():
  (record, *_) = records((1, 1, 1, 1), (3, 3, 3, 3))
  assert claim_verdicts.value(record, "phi_eta") == 1
  assert claim_verdicts.value(record, "phi_0") == 3


@pytest.fixture
def results():
  """Two cases; L = 5 is better than one baseline in the first case only."""
  made = {}
  for setting, plain in (("four_rooms", 0.4), ("two_islands", 0.05)):
    case = (setting, 0.3)
    for start, shift in (("one_state", 0.0), ("uniform", 0.5)):
      for method, updates, final in (
        (claim_grid.MF_TRPO_WARM, 1, 0.01),
        (claim_grid.MF_TRPO, 1, 0.3),
        (claim_grid.MF_TRPO, 5, 0.1),
      ):
        for steps in (1, None):
          is_main = (steps, start) == (None, "one_state")
          if not is_main and (steps is None or final == 0.3):
            continue
          name = RunName(*case, method, None, updates, steps, start)
          value = final + shift + (1.0 if steps else 0.0)
          made[name] = records((9, 5, 2, value))
    made[RunName(*case, claim_grid.OMD, 0.01)] = records((8, 4, 3, plain))
    made[RunName(*case, claim_grid.OMD, 0.1)] = records((8, 4, 3, 7))
    made[RunName(*case, claim_grid.FP)] = records((8, 4, 3, 0.02))
  return made


def test_beaten_baselines_are_counted(results):
  rows = [
    row
    for row in claim_verdicts.beaten(results, GRID)
    if row["metric"] == "phi_eta"
  ]
  found = {row["baseline"]: row for row in rows}
  assert found.keys() == {"FP, lr = 1/(k+1)", "OMD, lr = 0.01", "OMD, lr = 0.1"}
  default = found["OMD, lr = 0.01"]
  assert (default["smallest"], default["largest"]) == (0.05, 0.4)
  # In the limit of many population steps.
  assert (default["L = 1"], default["L = 5"]) == ("1 of 2", "1 of 2")
  assert default["warm"] == "2 of 2"
  assert found["OMD, lr = 0.1"]["L = 1"] == "2 of 2"
  fp = found["FP, lr = 1/(k+1)"]
  assert (fp["L = 5"], fp["warm"]) == ("0 of 2", "2 of 2")


def test_final_values(results):
  rows = claim_verdicts.finals(results, GRID)
  assert [(row["metric"], row["game"]) for row in rows] == [
    ("phi_eta", "four_rooms"),
    ("phi_eta", "two_islands"),
    ("phi_0", "four_rooms"),
    ("phi_0", "two_islands"),
  ]
  row = rows[1]
  assert (row["L = 1"], row["L = 5"], row["warm"]) == (0.3, 0.1, 0.01)
  assert (row["OMD"], row["FP"]) == (0.05, 0.02)
  assert (row["best OMD"], row["best FP"]) == (0.05, 0.02)
  assert "OMD regularized" not in row  # It has no run.
  assert rows[3]["L = 1"] == 0.6


def test_iterations_from_which_mf_trpo_is_below(results):
  rows = claim_verdicts.since(results, GRID)
  cells = {
    (row["game"], row["MF-TRPO"]): (row["OMD"], row["FP"]) for row in rows
  }
  assert cells["four_rooms", "L = 5"] == ("from 10, 4 times", "no")
  assert cells["two_islands", "L = 5"] == ("no", "no")
  warm = cells["two_islands", "warm"]
  assert warm == ("from 10, 5 times", "from 10, 2 times")


def test_population_steps(results):
  rows = [
    row
    for row in claim_verdicts.population(results, GRID)
    if row["MF-TRPO"] == "L = 5"
  ]
  assert {
    (row["M"], row["initial distribution"]): row["two_islands, 0.3"]
    for row in rows
  } == {
    ("1", "one_state"): 1.1,
    ("1", "uniform"): 1.6,
    ("limit", "one_state"): 0.1,
  }


@pytest.mark.parametrize("name", claim_verdicts.TABLES)
def test_all_columns_have_a_format(name, results):
  rows, columns = claim_verdicts.table(name, results, GRID)
  assert rows
  for row in rows:
    for column, cell in row.items():
      assert f"{cell:{columns[column]}}".strip()


def test_rows_of_runs(results):
  rows = {
    (row["setting"], row["method"], row["learning_rate"]): row
    for row in claim_verdicts.run_rows(results)
  }
  row = rows["two_islands", "OMD", 0.01]
  assert (row["phi_eta"], row["phi_0"], row["num_iterations"]) == (
    0.05,
    0.1,
    100,
  )
  assert row["num_population_steps"] is None
  assert rows["two_islands", "MF-TRPO", None]["num_population_steps"] == "1"


def test_the_figure_shows_final_values(results):
  figure = claim_figures.learning_rate_figure(results, GRID)
  assert len(figure.axes) == 4
  axes = figure.axes[1]
  assert axes.get_title() == "Two islands\n$\\phi_\\eta$, eta = 0.3"
  lines = {line.get_label(): line for line in axes.lines}
  assert lines["OMD"].get_xdata() == pytest.approx([0.01, 0.1])
  assert lines["OMD"].get_ydata() == pytest.approx([0.05, 7])
  assert set(lines["MF-TRPO, L = 5"].get_ydata()) == {0.1}
  assert set(lines["MF-TRPO warm"].get_ydata()) == {0.01}
  assert set(lines["FP"].get_ydata()) == {0.02}
  # phi_0 is twice phi_eta here.
  other = {line.get_label(): line for line in figure.axes[3].lines}
  assert set(other["FP"].get_ydata()) == {0.04}
