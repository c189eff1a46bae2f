"""Labels of runs in legends and titles."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import pathlib
from typing import Any

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.runs import run_directory

# Only the values of these are shown, the others as "name = value".
_MAIN_FIELDS = ("game_name", "setting", "model", "algorithm")
_MODEL_OPTIONS = {
  name for options in from_game.OPTIONS.values() for name in options
}
# The eta of phi_eta for algorithms without eta.
_EVALUATION = "evaluation_regularization"
SEED = "seed"


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """A run with its label.

  Attributes:
    label: The label in legends and titles.
    path: Its directory.
    result: Its result.
    group: The group of its curve, see `curve_plots.Curve`.
    style: The style of its curve.
  """

  label: str
  path: str
  result: run_directory.RunResult
  group: str = ""
  style: str = ""


def load_runs(
  paths: Sequence[str],
  names: Sequence[str] | None = None,
  group_by: Sequence[str] | None = None,
) -> list[Run]:
  """Returns the runs in folders, with labels.

  Args:
    paths: Run directories, or folders that contain some, such as those of a
      sweep; then all of them are loaded, in the order of their names.
    names: The labels of the runs; determined automatically if not given.
    group_by: See `labels`.

  Raises:
    ValueError: If a folder has no run, both `names` and `group_by` are given,
      or there is not one name per run; see also `labels`.
  """
  if names is not None and group_by is not None:
    raise ValueError("labels and group_by must not both be given.")
  folders = [folder for path in paths for folder in _run_folders(path)]
  results = [run_directory.load_run(folder) for folder in folders]
  for folder in folders:
    run_directory.import_plugins(folder)
  if names is None:
    configs = [result.config for result in results]
    names = labels(configs, group_by)
    all_looks = looks(configs, group_by)
  else:
    all_looks = [(name, "") for name in names]
  if len(names) != len(folders):
    raise ValueError(
      f"labels must be one per run, {len(folders)} in total, got {len(names)}."
    )
  return [
    Run(name, folder, result, *look)
    for name, folder, result, look in zip(names, folders, results, all_looks)
  ]


def _run_folders(path: str) -> list[str]:
  """Returns `path` if it contains a run, otherwise its folders with runs."""
  if run_directory.has_run(path):
    return [path]
  folder = pathlib.Path(path)
  found = [
    str(inner)
    for inner in (sorted(folder.iterdir()) if folder.is_dir() else [])
    if inner.is_dir() and run_directory.has_run(inner)
  ]
  if not found:
    raise ValueError(
      "RUN_DIR must be a run directory or a folder of them, such as that of a"
      f" sweep, got {path}."
    )
  return found


def labels(
  configs: Sequence[Mapping[str, Any]], group_by: Sequence[str] | None = None
) -> list[str]:
  """Returns the label of each run; runs of the same kind have equal labels.

  Args:
    configs: The configs of the runs, as in their config.json.
    group_by: The fields of the experiments, game parameters and options that
      the labels contain. If not given, all fields that differ between runs,
      except seeds; options of algorithms and models must differ between runs of
      the same algorithm or model.

  Raises:
    ValueError: If a field does not occur in any run.
  """
  runs = [fields(config) for config in configs]
  names = _label_fields(runs, group_by)
  return [_label(run, names) for run in runs]


def looks(
  configs: Sequence[Mapping[str, Any]], group_by: Sequence[str] | None = None
) -> list[tuple[str, str]]:
  """Returns the group and the style of each run, for colours and line styles.

  Each label has its own colour if there are enough colours. Otherwise colours
  show one of the fields in the labels, and line styles the others, if there are
  enough of both.

  Args:
    configs: As in `labels`.
    group_by: As in `labels`.
  """
  runs = [fields(config) for config in configs]
  names = _label_fields(runs, group_by)
  own = [(_label(run, names), "") for run in runs]
  if len(set(own)) <= len(figures.PALETTE):
    return own
  for name in names:
    others = [other for other in names if other != name]
    by_field = [
      (
        str(run.get(name)),
        ", ".join(f"{other} = {run.get(other)}" for other in others),
      )
      for run in runs
    ]
    num_groups, num_styles = (len(set(part)) for part in zip(*by_field))
    if num_groups <= len(figures.PALETTE) and num_styles <= len(
      curve_plots.LINE_STYLES
    ):
      return by_field
  return own


def shared(configs: Sequence[Mapping[str, Any]]) -> str:
  """Returns the fields that all runs share, the game first, for a title.

  An exact model is omitted, because the name of the exploitability implies it.
  """
  runs = [fields(config) for config in configs]
  alike = [
    name
    for name in _ordered(runs)
    if (name != "model" or runs[0].get("model") in from_game.COUNTING_MODELS)
    and name != _EVALUATION
    and not _is_seed(name)
    and len({str(run.get(name)) for run in runs}) == 1
    # A default value is not shown.
    and (
      name != "regularization"
      or all(name in config["experiment"]["options"] for config in configs)
    )
  ]
  return _text(runs[0], alike)


def fields(config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns all fields in which runs can differ, by name."""
  experiment = config["experiment"]
  values = {name: experiment[name] for name in _MAIN_FIELDS}
  of_model = experiment["model_options"]
  for name, value in sorted(experiment["game_parameters"].items()):
    values[f"game_parameters.{name}" if name in of_model else name] = value
  for name in ("model_options", "options"):
    values |= dict(sorted(experiment[name].items()))
  if "regularization" not in values:
    default = _default_regularization(experiment["algorithm"])
    if default:
      values["regularization"] = default
    else:
      values[_EVALUATION] = experiment["regularization"]
  return {name: value for name, value in values.items() if value is not None}


def _default_regularization(algorithm: str) -> float | None:
  """Returns the default eta of an algorithm; None if it has no eta."""
  if algorithm not in registry.ALGORITHMS:
    return None
  parameters = registry.ALGORITHMS[algorithm].parameters
  if "regularization" not in parameters:
    return None
  return parameters["regularization"].default


def _ordered(runs: Sequence[Mapping[str, Any]]) -> list[str]:
  """Returns the fields of all runs, in the common order of all labels."""
  names = {name for run in runs for name in run}
  return [name for name in _MAIN_FIELDS if name in names] + sorted(
    names.difference(_MAIN_FIELDS)
  )


def _label_fields(
  runs: Sequence[Mapping[str, Any]], group_by: Sequence[str] | None
) -> list[str]:
  """Returns the fields that labels contain."""
  known = _ordered(runs)
  if group_by is None:
    return [name for name in known if _tells_apart(name, runs)]
  for name in group_by:
    if name not in known:
      raise ValueError(
        f"group_by must be fields of the runs, {', '.join(sorted(known))}, got"
        f" {name!r}."
      )
  return list(group_by)


def _tells_apart(name: str, runs: Sequence[Mapping[str, Any]]) -> bool:
  if _is_seed(name):
    return False
  values: dict[str | None, set[str]] = {}
  # The algorithm or model of an option distinguishes runs itself.
  of_what = "model" if name in _MODEL_OPTIONS else "algorithm"
  for run in runs:
    alike = None if name in _MAIN_FIELDS else run[of_what]
    values.setdefault(alike, set()).add(str(run.get(name)))
  return any(len(different) > 1 for different in values.values())


def _is_seed(name: str) -> bool:
  """Returns whether a field is the seed of the game or of the model."""
  return name.rpartition(".")[2] == SEED


def _label(run: Mapping[str, Any], names: Sequence[str]) -> str:
  return _text(run, names) or registry.title(run["algorithm"])


def _text(run: Mapping[str, Any], names: Sequence[str]) -> str:
  parts = []
  for name in names:
    value = run.get(name)
    if value is not None:
      shown = f"{value:g}" if isinstance(value, float) else str(value)
      if name == "algorithm":
        shown = registry.title(shown)
      parts.append(shown if name in _MAIN_FIELDS else f"{name} = {shown}")
  return ", ".join(parts)
