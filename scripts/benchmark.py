"""Compares OpenSpiel's mean-field utilities and algorithms with this package's.

    mftrpo-benchmark --games=mfg_garnet,python_mfg_two_islands
    mftrpo-benchmark --games=all --logdir=benchmark
    mftrpo-benchmark --tables=growth,head_to_head --logdir=benchmark

Tables, selected by --tables:

* comparison: for each game, the seconds that NashConv, Fictitious Play and
  Mirror Descent take in OpenSpiel and in this package, their ratio, the largest
  relative difference between the two NashConv values (of policies, or of the
  iterates), and NashConv after equal wall time; also the NashConv and the
  regularized exploitability phi_eta that MF-TRPO with a warm start reaches. For
  OMD, the difference refers to OpenSpiel's class with a frozen table, and
  NashConv to OpenSpiel's class as shipped (see
  `algorithms/openspiel_algorithm.py`).
* lint: the answers of `mftrpo-lint`.
* growth: seconds and memory per iteration, depending on the number of cells.
* head_to_head: all methods on four games, with figures in --logdir.
* accuracy: CPU seconds until an exploitability is reached, on six games, for
  this package's methods with step sizes tuned over grids; with a figure in
  --logdir. Each point of a grid runs for a share of --seconds on each game, and
  the best one for twenty times as long: about 2,000 times --seconds in total.
* methods: the methods and grids of accuracy.
* monotone: the exploitability that OMD, FP and the methods expected to converge
  reach on 300 random monotone games. Takes about twenty minutes.
* scale: the stationary model with 10^4 to 10^6 cells: seconds and memory per
  iteration, and how, and how accurately, values and invariant distributions are
  computed. Takes several minutes and 6 GB.
* estimators: the error of action values estimated from simulated plays,
  compared with the cost of the estimate.
* samples: the exploitability of each algorithm after 10^5, 10^6 and 10^7
  simulated environment steps, tuned over grids; with a figure in --logdir.
  Takes about five minutes.
* sample_methods: the methods and grids of samples.
* peers: solvers of other packages, where they are installed, and this package's
  on the same arrays.

With --logdir each table is also written to that folder as CSV, and with
--document into a Markdown document with markers for it. `docs/solvers.md` was
written this way, by the command that is quoted there.
"""

from collections.abc import Iterable
from collections.abc import Mapping
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
  """Prints the requested tables row by row."""
  comparison.check_some("tables", FLAGS.tables, tables.TABLES)
  names = inspect.signature(comparison.Options).parameters
  values: dict[str, Any] = {name: FLAGS[name].value for name in names}
  options = comparison.Options(**values)
  if FLAGS.document:
    markdown_tables.check(FLAGS.document, FLAGS.tables)
  logdir = files.folder(FLAGS.logdir) if FLAGS.logdir else None
  for name in FLAGS.tables:
    table = tables.TABLES[name]
    # The lint table says which games have path-dependent rewards.
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
  """Prints rows one by one; writes them to `path` if given; returns them."""
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
      files.write_csv(path, shown, list(columns))
  print()
  return shown


def _origin() -> str:
  """Returns the date, the number of cores and the command of a table."""
  command = shlex.join(["mftrpo-benchmark", *sys.argv[1:]])
  return f"{datetime.date.today()}, {os.cpu_count()} cores: `{command}`"


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_import_flag()
  programs.define_lists()
  flags.DEFINE_list(
    "tables",
    ["comparison"],
    f"Tables to print, one or more of {', '.join(tables.TABLES)}.",
  )
  flags.DEFINE_string(
    "games",
    ",".join(game_names.HEAD_TO_HEAD),
    "Comma-separated games to compare on. Each is a game, game:setting, or a"
    " setting that belongs to one game; 'all' for all mean-field games of"
    " OpenSpiel, except for mean_field_nfg, and of this package, which takes"
    " about half an hour.",
  )
  flags.DEFINE_list(
    "algorithms",
    list(comparison.ALGORITHMS),
    f"Algorithms to compare, of {', '.join(comparison.ALGORITHMS)}. Any other"
    " algorithm of mftrpo-solve is run without a counterpart in OpenSpiel, as"
    " mf_trpo is.",
  )
  flags.DEFINE_list(
    "models",
    ["compiled"],
    "Models on which this package's algorithms run, of"
    f" {', '.join(comparison.MODELS)}.",
  )
  flags.DEFINE_integer(
    "num_iterations",
    10,
    "Number of iterations of OpenSpiel's algorithms.",
    lower_bound=1,
  )
  flags.DEFINE_float(
    "seconds",
    60.0,
    "Time limit in seconds: of OpenSpiel's algorithms and of MF-TRPO in"
    " comparison, of each method in head_to_head, and of each point of a grid"
    " in accuracy.",
    lower_bound=0.0,
  )
  flags.DEFINE_float("learning_rate", 0.1, "Learning rate of mirror descent.")
  flags.DEFINE_float("regularization", 0.05, "eta of MF-TRPO.")
  flags.DEFINE_float("population_update_rate", 0.03, "beta of MF-TRPO.")
  flags.DEFINE_integer(
    "max_step_count", 10, "Upper bound of MF-TRPO's step counter."
  )
  flags.DEFINE_string(
    "logdir",
    None,
    "Folder for CSV files and figures. If not given, none are written.",
  )
  flags.DEFINE_string(
    "document",
    None,
    "Markdown document into which the tables are written. For each table it"
    " must have the lines '<!-- begin NAME -->' and '<!-- end NAME -->'.",
  )


def run() -> None:
  """Entry point of mftrpo-benchmark."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
