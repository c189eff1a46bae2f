"""OpenSpiel's mean-field utilities and algorithms head to head with ours.

    mftrpo-benchmark --games=mfg_garnet,python_mfg_two_islands
    mftrpo-benchmark --games=all --logdir=benchmark
    mftrpo-benchmark --tables=growth,head_to_head --logdir=benchmark

Tables, chosen by --tables:

* comparison: for each game, seconds of OpenSpiel's NashConv, Fictitious Play
  and Mirror Descent and of ours, their ratio, the largest relative difference
  of NashConv between the two (of policies, or of the iterates), and NashConv
  after equal wall time; and how far warm MF-TRPO gets, also by its regularized
  exploitability phi_eta. OMD's difference is to
  OpenSpiel's with a frozen table, its NashConv that of OpenSpiel's as shipped
  (see `algorithms/openspiel_algorithm.py`).
* lint: the verdicts of `mftrpo-lint`.
* growth: seconds and memory of an iteration by the number of cells.
* head_to_head: all methods on four games, with figures in --logdir.
* accuracy: CPU seconds to an exploitability, on six games, of our methods with
  their step sizes tuned over grids; with a figure in --logdir. Each point of a
  grid has --seconds on each game, times a share, and the best one twenty times
  that: some 2,000 times --seconds in all.
* methods: those methods and grids.
* monotone: how far those of our methods that should settle, OMD and FP get on
  300 random monotone games; it takes some twenty minutes.
* scale: the stationary model from 10^4 to 10^6 cells: seconds and memory of an
  iteration, how values and laws are computed, and how well. It takes some
  minutes and 6 GB.
* estimators: how far estimates of action values from simulated play are off,
  against what they cost.
* samples: what each algorithm has learnt from simulated play after 10^5, 10^6
  and 10^7 environment steps, tuned over grids; with a figure in --logdir. It
  takes some five minutes.
* sample_methods: those methods and grids.
* peers: solvers of other packages, where they are installed, and ours on the
  same arrays.

With --logdir each table is written there too, as CSV, and with --document into
a Markdown document that has a place for it. So `docs/solvers.md` is written, by
the command that it names.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import csv
import datetime
import inspect
import os
import pathlib
import shlex
import sys
from typing import Any
import warnings

from absl import flags

from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import markdown_tables
from mftrpo_openspiel.benchmarks import tables
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files

FLAGS = flags.FLAGS


def main() -> None:
  """Prints the tables that the flags ask for, row by row."""
  comparison.check_some("tables", FLAGS.tables, tables.TABLES)
  names = inspect.signature(comparison.Options).parameters
  values: dict[str, Any] = {name: FLAGS[name].value for name in names}
  options = comparison.Options(**values)
  if FLAGS.document:
    markdown_tables.check(FLAGS.document, FLAGS.tables)
  logdir = files.folder(FLAGS.logdir) if FLAGS.logdir else None
  for name in FLAGS.tables:
    table = tables.TABLES[name]
    # That a game is path-dependent is in the table of the linter.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
      path = logdir / f"{name}.csv" if logdir else None
      shown = _show(table.rows(options), table.columns, path)
    if FLAGS.document:
      block = markdown_tables.markdown(
        shown, table.columns, least=[*time_to_accuracy.LEVELS, "median"]
      )
      if logdir and table.figure:
        folder = pathlib.Path(FLAGS.document).parent
        picture = os.path.relpath(logdir / table.figure, folder)
        block = f"![{name}]({picture})\n\n{block}"
      markdown_tables.replace(FLAGS.document, name, f"{_origin()}\n\n{block}")


def _show(
  rows: Iterable[dict[str, Any]],
  columns: Mapping[str, str],
  path: pathlib.Path | None,
) -> list[dict[str, Any]]:
  """Returns rows, printed as they come and written to `path` if given."""
  widths = {
    name: f"{form[0]}{form[1:].partition('.')[0].rstrip(',')}"
    for name, form in columns.items()
  }
  print("  ".join(f"{name:{widths[name]}}" for name in columns), flush=True)
  shown = []
  for row in rows:
    cells = [
      f"{markdown_tables.cell(row, name, form):{widths[name]}}"
      for name, form in columns.items()
    ]
    print("  ".join(cells).rstrip(), flush=True)
    shown.append(row)
    if path:
      with (
        files.replacing(path) as temporary,
        temporary.open("w", newline="") as file,
      ):
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(shown)
  print()
  return shown


def _origin() -> str:
  """Returns when, on what and by which command a table was made."""
  command = shlex.join(["mftrpo-benchmark", *sys.argv[1:]])
  return f"{datetime.date.today()}, {os.cpu_count()} cores: `{command}`"


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_import_flag()
  programs.define_lists()
  flags.DEFINE_list(
    "tables", ["comparison"], f"Which of {', '.join(tables.TABLES)}."
  )
  flags.DEFINE_string(
    "games",
    ",".join(game_names.HEAD_TO_HEAD),
    "Games to compare on, with commas between: a game, game:setting, or a"
    " setting of one game; 'all' for all mean-field games of OpenSpiel and"
    " ours, which takes about half an hour.",
  )
  flags.DEFINE_list(
    "algorithms",
    list(comparison.ALGORITHMS),
    f"Which of {', '.join(comparison.ALGORITHMS)}; any other algorithm of"
    " mftrpo-solve is run by itself, as mf_trpo is.",
  )
  flags.DEFINE_list(
    "models",
    ["compiled"],
    f"Ours run on which of {', '.join(comparison.MODELS)}.",
  )
  flags.DEFINE_integer(
    "num_iterations", 10, "Of OpenSpiel's algorithms.", lower_bound=1
  )
  flags.DEFINE_float(
    "seconds",
    60.0,
    "After which OpenSpiel's algorithms, and MF-TRPO, are stopped in a"
    " comparison; what each method has in head_to_head, and at each point of"
    " its grid in accuracy.",
    lower_bound=0.0,
  )
  flags.DEFINE_float("learning_rate", 0.1, "Of mirror descent.")
  flags.DEFINE_float("regularization", 0.05, "eta of MF-TRPO.")
  flags.DEFINE_float("population_update_rate", 0.03, "beta of MF-TRPO.")
  flags.DEFINE_integer("max_step_count", 10, "Bound on MF-TRPO's step counter.")
  flags.DEFINE_string(
    "logdir", None, "Folder for CSV files and figures; none if not given."
  )
  flags.DEFINE_string(
    "document",
    None,
    "Markdown document with lines '<!-- begin NAME -->' and '<!-- end NAME -->'"
    " for each of the tables, which are put there; none if not given.",
  )


def run() -> None:
  """Entry point of mftrpo-benchmark."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
