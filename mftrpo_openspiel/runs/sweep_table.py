"""The results of a sweep as one tidy table: one row per run and record."""

from collections.abc import Mapping
from collections.abc import Sequence
import csv
import importlib
import pathlib
from typing import Any

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import record_lines
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.utils import files

Result = tuple[sweep_grid.SweepRun, Sequence[iteration_loop.Record]]


def columns(
  axes: Sequence[str], results: Sequence[Result]
) -> dict[str, list[Any]]:
  """Returns the columns of the table by name.

  They are the run, the axes, the values given for all runs, and the fields of a
  record; environment steps only if some run counts them.
  """
  fixed = results[0][0].fixed if results else ()
  fields = iteration_loop.field_names(
    record for _, records in results for record in records
  )
  names = ("run", *axes, *fixed, *fields)
  table: dict[str, list[Any]] = {name: [] for name in names}
  for run, records in results:
    for record in records:
      row = {"run": run.name, **run.fixed, **run.varied, **vars(record)}
      for name, values in table.items():
        values.append(row[name])
  return table


def write(logdir: pathlib.Path, table: Mapping[str, Sequence[Any]]) -> None:
  """Writes results.csv, and results.parquet if pyarrow is installed.

  Raises:
    ValueError: If they cannot be written; existing files are unchanged.
  """
  try:
    with files.replacing(logdir / "results.csv") as temporary:
      with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*table.values()))
    _write_parquet(logdir / "results.parquet", table)
  except OSError as error:
    raise ValueError(
      f"results cannot be written to {logdir} ({error.strerror})."
    ) from None


def _write_parquet(
  path: pathlib.Path, table: Mapping[str, Sequence[Any]]
) -> None:
  try:
    pyarrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
  except ImportError:
    path.unlink(missing_ok=True)  # It would contain older results.
    return
  arrays = {}
  for name, values in table.items():
    if any(isinstance(value, str) for value in values):
      # A parameter may be a string in one game and a number in another.
      values = [None if value is None else str(value) for value in values]
    arrays[name] = pyarrow.array(values)
  with files.replacing(path) as temporary:
    parquet.write_table(pyarrow.table(arrays), temporary)


def summary(results: Sequence[Result]) -> str:
  """Returns one line per run with its last record."""
  width = max(len("run"), *(len(run.name) for run, _ in results))
  lasts = [records[-1] for _, records in results]
  has_steps = iteration_loop.STEPS in iteration_loop.field_names(lasts)
  lines = [f"{'run':{width}} {record_lines.titles('phi_eta', has_steps)}"]
  for (run, _), last in zip(results, lasts):
    lines.append(f"{run.name:{width}} {record_lines.line(last, has_steps)}")
  return "\n".join(lines)
