"""All tables of the benchmark, by name."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import math
from typing import Any

from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import growth_table
from mftrpo_openspiel.benchmarks import head_to_head
from mftrpo_openspiel.benchmarks import large_grids
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.benchmarks import other_packages
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.utils import validation

# What ours can run on in a comparison.
MODELS = ("compiled", "openspiel")


@dataclasses.dataclass(frozen=True)
class Options:
  """What the tables are made of; each takes what it needs.

  Attributes:
    games: Of the comparison and the linter, see `game_names.parse`.
    models: Of `MODELS`.
    algorithms: Of `comparison.ALGORITHMS`.
    num_iterations: Of OpenSpiel's algorithms.
    seconds: Wall time of an algorithm, or at a point of a grid.
    learning_rate: Of mirror descent.
    regularization: eta of MF-TRPO.
    population_update_rate: beta of MF-TRPO.
    max_step_count: Bound on the step counter of MF-TRPO.
    logdir: Folder for figures, or None.

  Raises:
    ValueError: If one of them is not allowed.
  """

  games: str
  models: Sequence[str]
  algorithms: Sequence[str]
  num_iterations: int
  seconds: float
  learning_rate: float
  regularization: float
  population_update_rate: float
  max_step_count: int
  logdir: str | None

  def __post_init__(self):
    for name, allowed in (
      ("algorithms", comparison.ALGORITHMS),
      ("models", MODELS),
    ):
      check_choices(name, getattr(self, name), allowed)
    if not self.models:
      raise ValueError(
        f"models must be one or more of {', '.join(MODELS)}, got none."
      )
    for name, high in (
      ("seconds", math.inf),
      ("learning_rate", math.inf),
      ("regularization", math.inf),
      ("population_update_rate", 1),
    ):
      validation.check_real(name, getattr(self, name), 0, high, low_open=True)
    validation.check_int("max_step_count", self.max_step_count, 0)
    game_names.parse(self.games)


def check_choices(
  name: str, values: Sequence[str], allowed: Mapping[str, Any] | Sequence[str]
) -> None:
  """Raises a ValueError unless all values are allowed."""
  for value in values:
    validation.check_choice(name, value, allowed)


def _comparison(options: Options) -> Iterator[dict[str, Any]]:
  return comparison.table(
    game_names.parse(options.games),
    options.models,
    options.algorithms,
    options.num_iterations,
    options.seconds,
    options.learning_rate,
    {
      "regularization": options.regularization,
      "population_update_rate": options.population_update_rate,
      "max_step_count": options.max_step_count,
    },
  )


def _lint(options: Options) -> Iterator[dict[str, Any]]:
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
    figure: File in the log directory that stands with it in a document.
  """

  rows: Callable[[Options], Iterator[dict[str, Any]]]
  columns: Mapping[str, str]
  figure: str | None = None


TABLES = {
  "comparison": Table(_comparison, comparison.COLUMNS),
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
  "peers": Table(lambda _: other_packages.table(), other_packages.COLUMNS),
}
