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
* accuracy: wall seconds to an exploitability, on six games, of our methods with
  their step sizes tuned over grids; with a figure in --logdir. Each point of a
  grid has --seconds on each game, so that it takes some 250 times as long.
* methods: those methods and grids.
* monotone: how far those of our methods that should settle, OMD and FP get on
  300 random monotone games; it takes some twenty minutes.
* scale: the stationary model from 10^4 to 10^6 cells: seconds and memory of an
  iteration, how values and laws are computed, and how well. It takes some
  minutes and 6 GB.
* peers: solvers of other packages, where they are installed, and ours on the
  same arrays.

With --logdir each table is written there too, as CSV, and with --document into
a Markdown document that has a place for it. So `docs/solvers.md` is written, by
the command that it names.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import csv
import datetime
import math
import os
import pathlib
import shlex
import sys
from typing import Any
import warnings

from absl import flags

from mftrpo_openspiel.benchmarks import accuracy
from mftrpo_openspiel.benchmarks import benchmark_games
from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import document
from mftrpo_openspiel.benchmarks import growth
from mftrpo_openspiel.benchmarks import head_to_head
from mftrpo_openspiel.benchmarks import monotone
from mftrpo_openspiel.benchmarks import peers
from mftrpo_openspiel.benchmarks import scale
from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS

ALGORITHMS = ("fictitious_play", "mirror_descent", "mf_trpo")
MODELS = ("compiled", "openspiel")


def comparison_table() -> Iterator[dict[str, Any]]:
  """Yields a row for each game, model and thing that is compared."""
  for name in benchmark_games.parse(FLAGS.games):
    for model_name in FLAGS.models:
      start = {"game": name, "model": model_name}
      try:
        for row in _comparisons(name, model_name):
          yield {
            **start,
            "what": row.what,
            "OpenSpiel, s": row.openspiel_seconds,
            "ours, s": row.seconds,
            "ratio": row.ratio,
            "count": row.count,
            "difference": row.difference,
            "OpenSpiel reached": row.openspiel_reached,
            "ours reached": row.reached,
            "phi_eta": row.regularized,
            "note": row.note,
          }
      except ValueError as error:
        # Not every game can be loaded, or has every model.
        yield {**start, "note": str(error)}


def _comparisons(name: str, model_name: str) -> Iterator[comparison.Row]:
  game = benchmark_games.load(name)
  clock = comparison.Clock()
  model = clock.time(lambda: from_game.create_model(model_name, game))
  yield comparison.Row(
    "set-up", seconds=clock.seconds, note=f"N = {len(model.discounts)}"
  )
  yield comparison.compare_nash_conv(model)
  limits = comparison.Limits(FLAGS.num_iterations, FLAGS.seconds)
  # OpenSpiel's algorithms do not run on all of OpenSpiel's games.
  if "fictitious_play" in FLAGS.algorithms:
    try:
      yield comparison.compare_fictitious_play(model, limits)
    except KeyError as error:
      yield comparison.Row("FP", note=f"OpenSpiel's raises KeyError({error})")
  if "mirror_descent" in FLAGS.algorithms:
    try:
      yield comparison.compare_mirror_descent(
        model, limits, FLAGS.learning_rate
      )
    except KeyError as error:
      yield comparison.Row("OMD", note=f"OpenSpiel's raises KeyError({error})")
  if "mf_trpo" in FLAGS.algorithms:
    yield comparison.run_mf_trpo(
      model,
      FLAGS.seconds,
      FLAGS.regularization,
      {
        "population_update_rate": FLAGS.population_update_rate,
        "max_step_count": FLAGS.max_step_count,
      },
    )


def lint_table() -> Iterator[dict[str, Any]]:
  """Yields the linter's verdicts on each game."""
  for name in benchmark_games.parse(FLAGS.games):
    try:
      report = lint.lint_game(benchmark_games.load(name))
    except ValueError as error:
      yield {"game": name, "note": str(error)}
      continue
    verdicts = {f.check: f.verdict for f in report.findings}
    yield {"game": name, **verdicts}


_COMPARISON_COLUMNS = {
  "game": "<52",
  "model": "<9",
  "what": "<9",
  "OpenSpiel, s": ">12.4g",
  "ours, s": ">10.3g",
  "ratio": ">8.0f",
  "count": ">6",
  "difference": ">10.1e",
  "OpenSpiel reached": ">17.5g",
  "ours reached": ">12.5g",
  "phi_eta": ">8.1e",
  "note": "<",
}
TABLES = {
  "comparison": (comparison_table, _COMPARISON_COLUMNS),
  "lint": (
    lint_table,
    {"game": "<70"}
    | {check: f"<{len(check)}" for check in lint.QUESTIONS}
    | {"note": "<"},
  ),
  "growth": (growth.table, growth.COLUMNS),
  "head_to_head": (
    lambda: head_to_head.table(FLAGS.seconds, FLAGS.logdir),
    head_to_head.COLUMNS,
  ),
  "accuracy": (
    lambda: accuracy.table(FLAGS.seconds, FLAGS.logdir),
    accuracy.COLUMNS,
  ),
  "methods": (
    accuracy.method_table,
    accuracy.METHOD_COLUMNS,
  ),
  "monotone": (monotone.table, monotone.COLUMNS),
  "scale": (scale.table, scale.COLUMNS),
  "peers": (peers.table, peers.COLUMNS),
}
# Those in --logdir that stand with the table in a document.
FIGURES = {"accuracy": accuracy.FIGURE}


def main() -> None:
  """Prints the tables that the flags ask for, row by row."""
  for flag, allowed in (
    ("algorithms", ALGORITHMS),
    ("models", MODELS),
    ("tables", TABLES),
  ):
    for value in FLAGS[flag].value:
      validation.check_choice(flag, value, allowed)
    if not FLAGS[flag].value and flag != "algorithms":
      raise ValueError(
        f"{flag} must be one or more of {', '.join(allowed)}, got none."
      )
  for flag, high in (
    ("seconds", math.inf),
    ("learning_rate", math.inf),
    ("regularization", math.inf),
    ("population_update_rate", 1),
  ):
    validation.check_real(flag, FLAGS[flag].value, 0, high, low_open=True)
  validation.check_int("max_step_count", FLAGS.max_step_count, 0)
  benchmark_games.parse(FLAGS.games)
  if FLAGS.document:
    document.check(FLAGS.document, FLAGS.tables)
  logdir = files.folder(FLAGS.logdir) if FLAGS.logdir else None
  for name in FLAGS.tables:
    rows, columns = TABLES[name]
    with warnings.catch_warnings():
      # That a game is path-dependent is in the table of the linter.
      warnings.simplefilter("ignore", UserWarning)
      path = logdir / f"{name}.csv" if logdir else None
      shown = _show(rows(), columns, path)
    if FLAGS.document:
      block = document.markdown(shown, columns, least=accuracy.LEVELS)
      if logdir and name in FIGURES:
        folder = pathlib.Path(FLAGS.document).parent
        picture = os.path.relpath(logdir / FIGURES[name], folder)
        block = f"![{name}]({picture})\n\n{block}"
      document.replace(FLAGS.document, name, f"{_origin()}\n\n{block}")


def _show(
  rows: Iterable[dict[str, Any]],
  columns: dict[str, str],
  path: pathlib.Path | None,
) -> list[dict[str, Any]]:
  """Returns rows, printed as they come and written to `path` if given."""
  widths = {
    name: f"{form[0]}{form[1:].partition('.')[0]}"
    for name, form in columns.items()
  }
  print("  ".join(f"{name:{widths[name]}}" for name in columns), flush=True)
  shown = []
  for row in rows:
    cells = [
      f"{document.cell(row, name, form):{widths[name]}}"
      for name, form in columns.items()
    ]
    print("  ".join(cells).rstrip(), flush=True)
    shown.append(row)
    if path:
      _write(path, shown, columns)
  print()
  return shown


def _origin() -> str:
  """Returns when, on what and by which command a table was made."""
  command = shlex.join(["mftrpo-benchmark", *sys.argv[1:]])
  return f"{datetime.date.today()}, {os.cpu_count()} cores: `{command}`"


def _write(
  path: pathlib.Path,
  rows: Iterable[dict[str, Any]],
  columns: Iterable[str],
) -> None:
  with (
    files.replacing(path) as temporary,
    temporary.open("w", newline="") as file,
  ):
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_list("tables", ["comparison"], f"Which of {', '.join(TABLES)}.")
  flags.DEFINE_string(
    "games",
    ",".join(benchmark_games.HEAD_TO_HEAD),
    "Games to compare on, with commas between: a game, game:setting, or one of"
    " our settings; 'all' for all mean-field games of OpenSpiel and ours, which"
    " takes about half an hour.",
  )
  flags.DEFINE_list(
    "algorithms", list(ALGORITHMS), f"Which of {', '.join(ALGORITHMS)}."
  )
  flags.DEFINE_list(
    "models", ["compiled"], f"Ours run on which of {', '.join(MODELS)}."
  )
  flags.DEFINE_integer(
    "num_iterations",
    10,
    "Iterations of OpenSpiel's algorithms.",
    lower_bound=1,
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
  flags.DEFINE_integer(
    "max_step_count", 10, "Bound on the step counter of MF-TRPO."
  )
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
