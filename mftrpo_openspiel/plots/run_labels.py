"""What runs are called in legends and titles."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.runs import run_directory

# Shown by their values alone, the others as "name = value".
_MAIN_FIELDS = ("game_name", "setting", "model", "algorithm")
# By which runs are no different from each other.
_BOOKKEEPING = {
  "checkpoint_seconds",
  "imports",
  "log_distribution",
  "log_policy",
  "num_iterations",
  "num_records",
  "record_every",
  "stop_below",
  "tensorboard",
}
SEED = "seed"


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """A run and what it is called.

  Attributes:
    label: For legends and titles.
    path: Its directory.
    result: What is in it.
  """

  label: str
  path: str
  result: run_directory.RunResult


def labels(
  configs: Sequence[Mapping[str, Any]], group_by: Sequence[str] | None = None
) -> list[str]:
  """Returns what each run is called; alike where runs belong together.

  Args:
    configs: Of the runs, as in their config.json.
    group_by: The fields of the experiments, game parameters and options in the
      labels. If not given, all that tell runs apart, among runs of the same
      algorithm where they are its options, except the seed.

  Raises:
    ValueError: If a field is in no run.
  """
  runs = [fields(config) for config in configs]
  known = list(dict.fromkeys(name for run in runs for name in run))
  if group_by is None:
    group_by = [name for name in known if _tells_apart(name, runs)]
  for name in group_by:
    if name not in known:
      raise ValueError(
        f"group_by must be fields of the runs, {', '.join(sorted(known))}, got"
        f" {name!r}."
      )
  return [_label(run, group_by) for run in runs]


def fields(config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns all that can tell a run apart, by name."""
  experiment = {**config["experiment"], "model": config["model"]}
  for name in ("game_parameters", "options"):
    experiment |= experiment.pop(name)
  ordered = {name: experiment[name] for name in _MAIN_FIELDS} | experiment
  return {name: value for name, value in ordered.items() if value is not None}


def _tells_apart(name: str, runs: Sequence[Mapping[str, Any]]) -> bool:
  if name == SEED or name in _BOOKKEEPING:
    return False
  values: dict[str | None, set[str]] = {}
  for run in runs:
    alike = None if name in _MAIN_FIELDS else run["algorithm"]
    values.setdefault(alike, set()).add(str(run.get(name)))
  return any(len(different) > 1 for different in values.values())


def _label(run: Mapping[str, Any], names: Sequence[str]) -> str:
  parts = []
  for name in names:
    value = run.get(name)
    if value is not None:
      shown = f"{value:g}" if isinstance(value, float) else str(value)
      if name == "algorithm":
        shown = registry.title(shown)
      parts.append(shown if name in _MAIN_FIELDS else f"{name} = {shown}")
  return ", ".join(parts) or registry.title(run["algorithm"])
