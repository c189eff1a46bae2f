"""Tests of the table of a sweep."""

import csv
import sys

import pytest
import sweep_runs

from mftrpo_openspiel.runs import sweep_table


def test_the_table_as_csv_and_parquet(tmp_path):
  runs = sweep_runs.runs_of([*sweep_runs.GRID, "game_parameters.seed=1,2"])
  outcomes, _ = sweep_runs.perform(runs, tmp_path)
  results = [(run, x.records) for run, x in zip(runs, outcomes)]
  axes = ["algorithm", "learning_rate", "game_parameters.seed"]
  sweep_table.write(tmp_path, sweep_table.columns(axes, results))
  with (tmp_path / "results.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  # At 0, 2, 4 and 5.
  assert len(rows) == 4 * 4
  for row, (run, record) in zip(
    rows, [(run, record) for run, records in results for record in records]
  ):
    assert row["run"] == run.name
    assert row["algorithm"] == run.experiment.algorithm
    rate = run.experiment.options.get("lr")
    assert row["learning_rate"] == ("" if rate is None else str(rate))
    assert (
      int(row["game_parameters.seed"])
      == (run.experiment.game_parameters["seed"])
    )
    # What was given for all runs.
    assert (row["setting"], row["num_iterations"]) == ("two_islands", "5")
    assert row["record_every"] == "2"
    for name, value in vars(record).items():
      # A model that simulates nothing has no steps.
      assert value is None or float(row[name]) == value
  parquet = pytest.importorskip("pyarrow.parquet")
  table = parquet.read_table(tmp_path / "results.parquet")
  assert table.column_names == list(rows[0])
  for row, typed in zip(rows, table.to_pylist()):
    assert row == {k: "" if x is None else str(x) for k, x in typed.items()}
  assert [
    str(table.schema.field(name).type) for name in (*axes, "exploitability")
  ] == ["string", "double", "int64", "double"]


def test_what_an_algorithm_does_not_take_is_empty_in_its_rows(tmp_path):
  runs = sweep_runs.runs_of(
    ["algorithm=mf_trpo,mirror_descent"],
    (*sweep_runs.FLAGS, "--learning_rate=0.2", "--game_parameters=seed=3"),
  )
  outcomes, _ = sweep_runs.perform(runs, tmp_path)
  results = [(run, x.records) for run, x in zip(runs, outcomes)]
  table = sweep_table.columns(["algorithm"], results)
  assert list(table)[:2] == ["run", "algorithm"]
  assert table["learning_rate"] == 4 * [None] + 4 * [0.2]
  assert table["game_parameters.seed"] == 8 * [3]


def test_a_parquet_file_of_other_results_does_not_stay(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "pyarrow", None)
  (tmp_path / "results.parquet").write_text("Old.")
  sweep_table.write(tmp_path, sweep_table.columns([], []))
  assert not (tmp_path / "results.parquet").exists()
  assert (tmp_path / "results.csv").read_text().startswith("run,iteration,")
