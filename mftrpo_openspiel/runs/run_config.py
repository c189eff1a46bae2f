"""config.json: the experiment and versions of a run, and comparison of runs."""

from collections.abc import Iterator
from collections.abc import Mapping
import functools
import hashlib
from importlib import metadata
import json
import os
import pathlib
import platform
import reprlib
import subprocess
from typing import Any
import warnings

from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import validation

# Version of the format of run directories. Format 1 had no checksums. Format 2,
# which can still be read, did not have the fields of ADDED_FIELDS.
FORMAT = 3
_READABLE_FORMATS = (2, FORMAT)
# Fields of an experiment that older runs do not have, with the values that are
# assumed for them.
ADDED_FIELDS: dict[str, Any] = {
  "imports": [],
  "log_policy": False,
  "stop_below": None,
  "model_options": {},
  "max_environment_steps": None,
}
# Fields of an experiment that may change when a run is resumed.
CHANGEABLE_FIELDS = (
  "checkpoint_seconds",
  "imports",
  "max_environment_steps",
  "num_iterations",
  "stop_below",
  "tensorboard",
)
# All fields of an experiment, with their types.
FIELDS = {
  "game_name": (str, type(None)),
  "setting": (str, type(None)),
  "game_parameters": (dict,),
  "model": (str,),
  "model_options": (dict,),
  "algorithm": (str,),
  "options": (dict,),
  "num_iterations": (int,),
  "regularization": (int, float),
  "record_every": (int, type(None)),
  "num_records": (int,),
  "log_distribution": (bool,),
  "log_policy": (bool,),
  "checkpoint_seconds": (int, float),
  "tensorboard": (bool,),
  "imports": (list,),
  "stop_below": (int, float, type(None)),
  "max_environment_steps": (int, type(None)),
}

_TYPES = {
  "experiment": (dict,),
  "game": (str,),
  "model": (str,),
  "versions": (dict,),
  "commit": (str, type(None)),
}
# The folder that contains this package.
_CHECKOUT = pathlib.Path(__file__).parents[2]
# Packages that results may depend on.
_PACKAGES = ("mftrpo_openspiel", "open_spiel", "numpy", "scipy")


def create_config(
  experiment: Mapping[str, Any], game: str, model: str
) -> dict[str, Any]:
  """Returns the contents of config.json for an experiment.

  Args:
    experiment: Its FIELDS by name.
    game: String representation of the game.
    model: Name of the model.

  Raises:
    ValueError: If a field is missing or has a wrong type, or contains anything
      but texts, numbers, None, and lists and dictionaries of them.
  """
  try:
    fields = json.loads(json.dumps(experiment, allow_nan=False))
  except (TypeError, ValueError) as error:
    raise ValueError(
      f"experiment must consist of texts and numbers ({error}), got"
      f" {dict(experiment)}."
    ) from None
  _check_types(fields, FIELDS)
  return {
    "format": FORMAT,
    "experiment": fields,
    "game": game,
    "model": model,
    "versions": versions(),
    "commit": commit(),
  }


def read(path: str | os.PathLike) -> dict[str, Any]:
  """Returns the contents of a file that `write` wrote, in the current format.

  Raises:
    ValueError: If it cannot be read, has an unknown format, or was changed.
  """
  try:
    config = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    if not isinstance(config, dict):
      raise ValueError("it is not a JSON object")
    if config.get("format") not in _READABLE_FORMATS:
      raise ValueError(
        f"its format is {reprlib.repr(config.get('format'))}, but this version"
        f" of the package uses format {FORMAT}"
      )
    _check_types(config, _TYPES)
    experiment = {**ADDED_FIELDS, **config["experiment"]}
    _check_types(experiment, FIELDS)
    if config.pop("checksum", None) != _checksum(config):
      raise ValueError(
        "it was changed after it had been written, its checksum does not match"
      )
  except RecursionError:
    raise ValueError(
      f"{path} cannot be read: it is nested too deeply."
    ) from None
  except (OSError, ValueError) as error:
    reason = getattr(error, "strerror", None) or str(error).rstrip(".")
    raise ValueError(f"{path} cannot be read: {reason}.") from None
  return {**config, "format": FORMAT, "experiment": experiment}


def _check_types(
  values: Mapping[str, Any], types: Mapping[str, tuple[type, ...]]
) -> None:
  for name, kinds in types.items():
    if name not in values:
      raise ValueError(f"{name} must be given, but it is missing.")
    value = values[name]
    if type(value) not in kinds:  # A bool does not count as an int here.
      allowed = " or ".join(kind.__name__ for kind in kinds)
      raise ValueError(
        f"{name} must be of type {allowed}, got {reprlib.repr(value)}."
      )
    if type(value) in (int, float):
      validation.check_real(name, value, 0)


def _checksum(config: Mapping[str, Any]) -> str:
  text = json.dumps(config, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def write(path: str | os.PathLike, config: Mapping[str, Any]) -> None:
  """Writes `config` atomically.

  If a run is resumed, the versions with which it was started stay in the file,
  and a warning names packages whose version has changed since.
  """
  path = pathlib.Path(path)
  if path.exists():
    begun = read(path)
    for name, version in config["versions"].items():
      if begun["versions"].get(name) != version:
        warnings.warn(
          f"{path.parent} was started with {name}"
          f" {begun['versions'].get(name)} and is resumed with {version}:"
          " results may differ.",
          stacklevel=2,
        )
    config = {**begun, "experiment": config["experiment"]}
    if config == begun:
      return
  with files.replacing(path) as temporary:
    text = json.dumps({**config, "checksum": _checksum(config)}, indent=2)
    temporary.write_text(text + "\n", encoding="utf-8")


def run_id(config: Mapping[str, Any]) -> str:
  """Returns an identifier; runs that can resume each other have the same."""
  return _checksum(dict(_unchangeable_fields(config)))


def check_same_run(
  begun: Mapping[str, Any], config: Mapping[str, Any], path: str | os.PathLike
) -> None:
  """Raises a ValueError that names a difference between two runs, if any.

  Args:
    begun: The configuration in the run directory.
    config: The configuration with which it is to be resumed.
    path: The run directory, for messages.
  """
  there, here = map(dict, map(_unchangeable_fields, (begun, config)))
  for name in sorted(there.keys() | here.keys()):
    unsaid = ADDED_FIELDS.get(name)
    ours, theirs = here.get(name, unsaid), there.get(name, unsaid)
    if ours != theirs:
      # The name of its flag; --regularization is an option of the algorithm.
      if name == "regularization":
        name = "evaluation_regularization"
      allowed = "not be given" if theirs is None else f"be {theirs!r}"
      raise ValueError(
        f"{name} must {allowed} to resume the run in {path}, got"
        f" {'nothing' if ours is None else repr(ours)}."
      )
  before = begun["experiment"]["num_iterations"]
  if config["experiment"]["num_iterations"] < before:
    raise ValueError(
      f"num_iterations must be at least {before} to resume the run in {path},"
      f" got {config['experiment']['num_iterations']}."
    )


def _unchangeable_fields(
  config: Mapping[str, Any],
) -> Iterator[tuple[str, Any]]:
  """Yields the names and values that must not change in a run.

  ADDED_FIELDS with their assumed values are omitted, so that the checkpoints of
  older runs remain valid.
  """
  yield "game", config["game"]
  for name, value in config["experiment"].items():
    if name in CHANGEABLE_FIELDS:
      continue
    if name in ADDED_FIELDS and value == ADDED_FIELDS[name]:
      continue
    if isinstance(value, dict):
      for key, entry in value.items():
        yield f"{name}.{key}", entry
    else:
      yield name, value


@functools.cache
def versions() -> dict[str, str | None]:
  """Returns the versions of Python and of the packages that results depend on.

  The version is None for a package that is not installed as a distribution.
  """
  found: dict[str, str | None] = {"python": platform.python_version()}
  for package in _PACKAGES:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = None
  return found


@functools.cache
def commit(root: pathlib.Path = _CHECKOUT) -> str | None:
  """Returns the git commit of the checkout that this package is run from.

  It ends in "-dirty" if the checkout has uncommitted changes. None if `root` is
  not the root of a checkout, or git fails.
  """
  if not (root / ".git").exists():
    return None
  command = ("git", "--no-optional-locks", "-C", str(root), "describe")
  try:
    result = subprocess.run(
      [*command, "--always", "--dirty", "--abbrev=40", "--exclude=*"],
      capture_output=True,
      text=True,
      timeout=5,
      check=True,
    )
  except (OSError, subprocess.SubprocessError):
    return None
  return result.stdout.strip() or None
