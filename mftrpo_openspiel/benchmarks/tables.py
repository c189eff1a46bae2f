"""All tables of the benchmark, by name."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
from typing import Any

from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import estimator_variance
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import growth_table
from mftrpo_openspiel.benchmarks import head_to_head
from mftrpo_openspiel.benchmarks import large_grids
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.benchmarks import other_packages
from mftrpo_openspiel.benchmarks import sampled_contest
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.compiler import lint


def _lint(options: comparison.Options) -> Iterator[dict[str, Any]]:
  """Yields the linter's verdicts on each game."""
  for name in game_names.parse(options.games):
    try:
      report = lint.lint_game(game_names.load(name))
    except ValueError as error:
      yield {"game": name, "note": str(error)}
      continue
    yield {"game": name, **{f.check: f.verdict for f in report.findings}}


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of the benchmark.

  Attributes:
    rows: Yields its rows.
    columns: Name -> format.
    figure: File in the log directory that is shown with it in a document.
  """

  rows: Callable[[comparison.Options], Iterator[dict[str, Any]]]
  columns: Mapping[str, str]
  figure: str | None = None


TABLES = {
  "comparison": Table(comparison.table, comparison.COLUMNS),
  "lint": Table(
    _lint,
    {
      "game": "<70",
      **{check: f"<{len(check)}" for check in lint.QUESTIONS},
      "note": "<",
    },
  ),
  "growth": Table(lambda _: growth_table.table(), growth_table.COLUMNS),
  "head_to_head": Table(
    lambda options: head_to_head.table(options.seconds, options.logdir),
    head_to_head.COLUMNS,
  ),
  "accuracy": Table(
    lambda options: time_to_accuracy.table(options.seconds, options.logdir),
    time_to_accuracy.COLUMNS,
    time_to_accuracy.FIGURE,
  ),
  "methods": Table(
    lambda _: time_to_accuracy.method_table(), time_to_accuracy.METHOD_COLUMNS
  ),
  "monotone": Table(lambda _: monotone_games.table(), monotone_games.COLUMNS),
  "scale": Table(lambda _: large_grids.table(), large_grids.COLUMNS),
  "estimators": Table(
    lambda _: estimator_variance.table(), estimator_variance.COLUMNS
  ),
  "samples": Table(
    lambda options: sampled_contest.table(options.logdir),
    sampled_contest.COLUMNS,
    sampled_contest.FIGURE,
  ),
  "sample_methods": Table(
    lambda _: sampled_contest.method_table(), sampled_contest.METHOD_COLUMNS
  ),
  "peers": Table(lambda _: other_packages.table(), other_packages.COLUMNS),
}
