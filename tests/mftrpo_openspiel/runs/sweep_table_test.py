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
    # Values that were given for all runs.
    assert (row["setting"], row["num_iterations"]) == ("two_islands", "5")
    assert row["record_every"] == "2"
    for name, value in vars(record).items():
      # A model that does not simulate has no environment steps.
      assert value is None or float(row[name]) == value
  parquet = pytest.importorskip("pyarrow.parquet")
  table = parquet.read_table(tmp_path / "results.parquet")
  assert table.column_names == list(rows[0])
  for row, typed in zip(rows, table.to_pylist()):
    assert row == {k: "" if x is None else str(x) for k, x in typed.items()}
  assert [
    str(table.schema.field(name).type) for name in (*axes, "exploitability")
  ] == ["string", "double", "int64", "double"]


def test_an_option_that_an_algorithm_does_not_take_is_empty(tmp_path):
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


def test_environment_steps_have_a_column_if_some_run_counts_them(tmp_path):
  runs = sweep_runs.runs_of(
    ["model=sampled,stationary", "seed=0,1"],
    (*sweep_runs.FLAGS, "--num_particles=50", "--num_trajectories=20"),
  )
  outcomes, _ = sweep_runs.perform(runs, tmp_path)
  results = [(run, x.records) for run, x in zip(runs, outcomes)]
  table = sweep_table.columns(["model", "seed"], results)
  assert list(table)[-1] == "environment_steps"
  of_first = [record.environment_steps for record in results[0][1]]
  assert of_first[-1] > of_first[1] > of_first[0] >= 0
  assert table["environment_steps"][:4] == of_first
  assert table["environment_steps"][8:] == 4 * [None]
  assert table["seed"] == 4 * [0] + 4 * [1] + 4 * [None]
  first, *lines = sweep_table.summary(results).splitlines()
  assert first.split() == [
    *("run", "iteration", "steps", "phi_0", "phi_eta", "seconds"),
  ]
  assert lines[0].split()[:3] == [
    "model=sampled,seed=0",
    "5",
    f"{of_first[-1]:,}",
  ]
  assert lines[2].split()[:3] == ["model=stationary", "5", "-"]
  assert len({len(line) for line in (first, *lines)}) == 1
  sweep_table.write(tmp_path, table)
  with (tmp_path / "results.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert rows[3]["environment_steps"] == str(of_first[-1])
  assert rows[-1]["environment_steps"] == ""
  parquet = pytest.importorskip("pyarrow.parquet")
  typed = parquet.read_table(tmp_path / "results.parquet")
  assert str(typed.schema.field("environment_steps").type) == "int64"
  assert typed["environment_steps"].to_pylist() == table["environment_steps"]


def test_a_parquet_file_of_older_results_is_removed(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "pyarrow", None)
  (tmp_path / "results.parquet").write_text("Old.")
  sweep_table.write(tmp_path, sweep_table.columns([], []))
  assert not (tmp_path / "results.parquet").exists()
  assert (tmp_path / "results.csv").read_text().startswith("run,iteration,")
