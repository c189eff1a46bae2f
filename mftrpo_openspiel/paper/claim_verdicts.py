"""Where MF-TRPO ends below FP and OMD, by the results of `claim_grid`.

Each table is a list of rows, with columns and formats as `markdown_tables` of
the benchmarks reads them.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import claims

Records = Sequence[iteration_loop.Record]
Results = Mapping[claim_grid.RunName, Records]
Row = dict[str, Any]

# Name of an exploitability -> its field in records.
METRICS = {
  "phi_eta": "regularized_exploitability",
  "phi_0": "exploitability",
}
# A baseline -> its method and learning rate in OpenSpiel by default, and the
# same methods with the regularization of MF-TRPO.
DEFAULT_BASELINES = {
  "OMD": (claim_grid.OMD, claim_grid.OMD_LEARNING_RATE),
  "FP": (claim_grid.FP, None),
  "OMD regularized": (
    claim_grid.OMD_REGULARIZED,
    claim_grid.OMD_LEARNING_RATE,
  ),
  "FP softmax": (claim_grid.FP_SOFTMAX, None),
}
TABLES: dict[str, dict[str, str]] = {
  "beaten": {
    "metric": "<8",
    "baseline": "<36",
    "smallest": ">9.1e",
    "largest": ">9.1e",
  },
  "finals": {"metric": "<8", "game": "<15", "eta": ">5g"},
  "since": {"game": "<15", "eta": ">5g", "MF-TRPO": "<8"},
  "population": {
    "MF-TRPO": "<8",
    "M": ">6",
    "initial distribution": "<10",
  },
}


# Runs that differ by less than this are tied: methods that converge to the same
# equilibrium end at different small distances from it.
TIE = 1e-9


class Comparison(NamedTuple):
  """How a run of MF-TRPO compares with a run of a baseline.

  Attributes:
    ratio: Final value of the baseline divided by that of MF-TRPO.
    since: The first recorded iteration from which on all values of MF-TRPO are
      below those of the baseline by more than `TIE`; None if it does not end
      below it.
  """

  ratio: float
  since: int | None


def compare(ours: Records, theirs: Records, metric: str) -> Comparison:
  """Compares two runs with the same iterations in their records.

  Args:
    ours: The records of MF-TRPO.
    theirs: The records of a baseline.
    metric: One of `METRICS`.
  """
  since = None
  for mine, other in reversed(list(zip(ours, theirs, strict=True))):
    assert mine.iteration == other.iteration
    if value(mine, metric) >= value(other, metric) - TIE:
      break
    since = mine.iteration
  # Rounding errors, and 0, count as the smallest value that is significant.
  ours_final, theirs_final = (
    max(value(records[-1], metric), claims.ROUNDING)
    for records in (ours, theirs)
  )
  return Comparison(theirs_final / ours_final, since)


def value(record: iteration_loop.Record, metric: str) -> float:
  """Returns an exploitability of a record, without negative rounding errors."""
  return max(getattr(record, METRICS[metric]), 0.0)


def mf_trpo_label(name: claim_grid.RunName) -> str:
  """Returns the name of a run of MF-TRPO in tables: its L, or "warm"."""
  if name.method == claim_grid.MF_TRPO_WARM:
    return "warm"
  return f"L = {name.num_policy_updates}"


def baseline_label(name: claim_grid.RunName) -> str:
  """Returns the name of a baseline in tables."""
  if name.learning_rate is not None:
    return f"{name.method}, lr = {name.learning_rate:g}"
  return f"{name.method}, lr = 1/(k+1)"


def default_run(setting: str, eta: float, baseline: str) -> claim_grid.RunName:
  """Returns the name of the run of one of `DEFAULT_BASELINES`."""
  return claim_grid.RunName(setting, eta, *DEFAULT_BASELINES[baseline])


def cases(results: Results) -> list[tuple[str, float]]:
  """Returns the pairs of game setting and eta, in order."""
  return list(dict.fromkeys((name.setting, name.eta) for name in results))


def beaten(results: Results, grid: claim_grid.Grid) -> list[Row]:
  """Returns in how many cases MF-TRPO ends below each baseline.

  A row has the smallest and largest final value of a baseline over the games
  and etas, and for each L the number of cases in which MF-TRPO ends below it.
  """
  baselines: dict[str, list[claim_grid.RunName]] = {}
  for name in sorted(
    (name for name in results if not name.is_mf_trpo),
    key=lambda name: (name.method, name.learning_rate or 0),
  ):
    baselines.setdefault(baseline_label(name), []).append(name)
  rows = []
  for metric in METRICS:
    for label, names in baselines.items():
      finals = [value(results[name][-1], metric) for name in names]
      row: Row = {
        "metric": metric,
        "baseline": label,
        "smallest": min(finals),
        "largest": max(finals),
      }
      counts: dict[str, int] = {}
      for name in names:
        for run in grid.main_runs(name.setting, name.eta):
          ours = mf_trpo_label(run)
          found = compare(results[run], results[name], metric)
          counts[ours] = counts.get(ours, 0) + (found.since is not None)
      rows.append(
        row | {ours: f"{n} of {len(names)}" for ours, n in counts.items()}
      )
  return rows


def finals(results: Results, grid: claim_grid.Grid) -> list[Row]:
  """Returns the final values of MF-TRPO and of the baselines in each case.

  A row has MF-TRPO for each L, `DEFAULT_BASELINES`, and the smallest values of
  all runs of OMD and of FP.
  """
  rows = []
  for metric in METRICS:
    for setting, eta in cases(results):
      row: Row = {"metric": metric, "game": setting, "eta": eta}
      for run in grid.main_runs(setting, eta):
        row[mf_trpo_label(run)] = value(results[run][-1], metric)
      for label in DEFAULT_BASELINES:
        name = default_run(setting, eta, label)
        if name in results:
          row[label] = value(results[name][-1], metric)
      for family in ("OMD", "FP"):
        row[f"best {family}"] = min(
          value(records[-1], metric)
          for name, records in results.items()
          if name.method.startswith(family)
          and (name.setting, name.eta) == (setting, eta)
        )
      rows.append(row)
  return rows


def since(results: Results, grid: claim_grid.Grid) -> list[Row]:
  """Returns from which iteration on MF-TRPO is below `DEFAULT_BASELINES`.

  Measured by phi_eta. A cell is "no" where MF-TRPO does not end below the
  baseline, else the iteration and the ratio of the final values.
  """
  rows = []
  for setting, eta in cases(results):
    for run in grid.main_runs(setting, eta):
      row: Row = {"game": setting, "eta": eta, "MF-TRPO": mf_trpo_label(run)}
      for baseline in DEFAULT_BASELINES:
        name = default_run(setting, eta, baseline)
        if name in results:
          found = compare(results[run], results[name], "phi_eta")
          row[baseline] = _text(found)
      rows.append(row)
  return rows


def _text(comparison: Comparison) -> str:
  """Returns a comparison as text."""
  if comparison.since is None:
    return "no"
  ratio = comparison.ratio
  if ratio < 10:
    times = f"{ratio:.3g}"
  elif ratio < 1e5:
    times = f"{float(f'{ratio:.2g}'):,.0f}"
  else:
    times = f"{ratio:.0e}"
  return f"from {comparison.since:,}, {times} times"


def population(results: Results, grid: claim_grid.Grid) -> list[Row]:
  """Returns the final phi_eta of MF-TRPO for each M and initial distribution.

  A row is for the printed algorithm with the L for which M was varied, or for
  the warm start.
  """
  rows: dict[tuple[str, ...], Row] = {}
  for name, records in results.items():
    if name.method == claim_grid.MF_TRPO:
      if name.num_policy_updates != grid.main_policy_updates:
        continue
    elif name.method != claim_grid.MF_TRPO_WARM:
      continue
    row: Row = {
      "MF-TRPO": mf_trpo_label(name),
      "M": name.population_steps_text,
      "initial distribution": name.initial_distribution,
    }
    case = f"{name.setting}, {name.eta:g}"
    rows.setdefault(tuple(row.values()), row)[case] = value(
      records[-1], "phi_eta"
    )
  return sorted(rows.values(), key=lambda row: row["MF-TRPO"])


def table(
  name: str, results: Results, grid: claim_grid.Grid
) -> tuple[list[Row], dict[str, str]]:
  """Returns the rows of one of `TABLES`, and their columns with formats."""
  rows = _ROWS[name](results, grid)
  columns = dict(TABLES[name])
  for row in rows:
    for column, cell in row.items():
      columns.setdefault(column, ">9" if isinstance(cell, str) else ">9.1e")
  return rows, columns


_ROWS = {
  "beaten": beaten,
  "finals": finals,
  "since": since,
  "population": population,
}


def run_rows(results: Results) -> Iterator[Row]:
  """Yields a row for each run, with the final values."""
  for name, records in results.items():
    yield {
      "setting": name.setting,
      "eta": name.eta,
      "method": name.method,
      "learning_rate": name.learning_rate,
      "num_policy_updates": name.num_policy_updates,
      "num_population_steps": (
        name.population_steps_text if name.is_mf_trpo else None
      ),
      "initial_distribution": name.initial_distribution,
      "num_iterations": records[-1].iteration,
      "phi_eta": records[-1].regularized_exploitability,
      "phi_0": records[-1].exploitability,
    }
