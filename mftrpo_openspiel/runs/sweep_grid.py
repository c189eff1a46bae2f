"""The runs of a sweep: all combinations of values along several axes.

An axis is the name of any value that `experiment.create_experiment` takes.

Options that an algorithm or a model does not take, and parameters that a game
does not have, are ignored for it. Combinations that are then equal become one
run.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import hashlib
import itertools
import re
from typing import Any

import pyspiel

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.runs import event_files
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.utils import plugins

# Small games with which experiments are checked, instead of larger ones.
_SMALL_MDP_GAME = "python_mfg_two_islands(horizon=1)"
_SMALL_GAME = "mfg_crowd_modelling(size=3,horizon=1)"
# Longer names are cut; file systems allow 255 bytes.
_LONGEST_NAME = 200


@dataclasses.dataclass(frozen=True)
class SweepRun:
  """A point of the grid.

  Attributes:
    name: Name of its folder: the axes with their values.
    varied: Values by the names of the axes; None if ignored for this run.
    experiment: The experiment to run.
    fixed: Values that were given for all runs, in the form of `varied`.
  """

  name: str
  varied: Mapping[str, Any]
  experiment: experiment_lib.Experiment
  fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def expand(
  axes: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any]
) -> tuple[list[SweepRun], list[str]]:
  """Returns the runs of a grid, each checked, and notes for the user.

  Args:
    axes: Values along each axis; those of game parameters, and of options by
      their own names, are texts.
    fixed: Values that are the same in all runs, by names as of axes.

  Raises:
    ValueError: If a run is refused, a value is both fixed and varied, or a
      value is given that no run takes.
  """
  for name in axes:
    if name in fixed:
      raise ValueError(
        f"{name} must be given by grid or by a flag of its own, got both."
      )
  plugins.import_modules(fixed.get("imports", ()))
  runs: dict[str, SweepRun] = {}
  taken: set[str] = set()
  left_out: dict[str, dict[str, None]] = {}
  points = [
    dict(zip(axes, values)) for values in itertools.product(*axes.values())
  ]
  for point in points:
    given = {**fixed, **point}
    try:
      absent = dict(_not_taken(given))
      kept = {name: x for name, x in given.items() if name not in absent}
      experiment = experiment_lib.create_experiment(kept)
      _check(experiment)
    except ValueError as error:
      where = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in point.items()
      )
      raise ValueError(f"grid, at {where}: {error}") from None
    taken.update(kept)
    for name, place in absent.items():
      left_out.setdefault(name, {})[place] = None
    # Replaces texts by the parsed values.
    for start, typed in (
      (experiment_lib.PARAMETER, experiment.game_parameters),
      (experiment_lib.OPTION, experiment.options),
    ):
      kept.update({start + name: value for name, value in typed.items()})
    varied = {name: kept.get(name) for name in axes}
    constant = {name: kept.get(name) for name in fixed if name != "imports"}
    run = SweepRun(_folder_name(varied), varied, experiment, constant)
    runs.setdefault(run.name, run)
  notes = []
  for name, places in left_out.items():
    if name not in taken:
      raise ValueError(_refusal(name, list(places)))
    notes.append(f"{name} is ignored for {', '.join(places)}.")
  if len(runs) < len(points):
    notes.append(f"{len(points)} combinations give {len(runs)} different runs.")
  return list(runs.values()), notes


def _not_taken(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
  """Yields values that a run does not take, and what does not take them."""
  algorithm = given.get("algorithm", experiment_lib.Experiment.algorithm)
  taken = {option.flag for option in registry.options_of(algorithm).values()}
  flags = {option.flag for option in registry.OPTIONS.values()}
  model = given.get("model")
  model_flags = experiment_lib.model_flags()
  taken |= experiment_lib.flags_of_model(model)
  game_type = _game(given.get("game_name"), given.get("setting")).get_type()
  for name in given:
    if name.startswith(experiment_lib.PARAMETER):
      if (
        name.removeprefix(experiment_lib.PARAMETER)
        not in game_type.parameter_specification
      ):
        yield name, game_type.short_name
    elif name.startswith(experiment_lib.OPTION):
      option = name.removeprefix(experiment_lib.OPTION)
      if not registry.option_kinds(algorithm, option):
        yield name, algorithm
    elif name in flags and name not in taken:
      yield name, algorithm
    elif name in model_flags and name not in taken:
      yield name, model or "the default model"


def _refusal(name: str, places: Sequence[str]) -> str:
  """Returns the message for a value that none of `places` takes."""
  if name.startswith(experiment_lib.PARAMETER):
    return f"{name} is not a parameter of {', '.join(places)}."
  if name.startswith(experiment_lib.OPTION):
    return f"{name} is not an option of {', '.join(places)}."
  if name in experiment_lib.model_flags():
    return experiment_lib.untaken_model_option(name, *places)
  return experiment_lib.untaken_option(name, *places)


@functools.lru_cache(maxsize=64)
def _game(
  game_name: str | None,
  setting: str | None,
  parameters: tuple[tuple[str, Any], ...] = (),
) -> pyspiel.Game:
  return experiment_lib.Experiment(
    game_name, setting, dict(parameters)
  ).create_game()


def _check(experiment: experiment_lib.Experiment) -> None:
  """Raises a ValueError if the game, the model or the algorithm is refused.

  Models of large games take long to create, so the model and the options are
  tested on a small game of the same kind.
  """
  if experiment.tensorboard:
    event_files.check_available()
  game = _game(
    experiment.game_name,
    experiment.setting,
    tuple(experiment.game_parameters.items()),
  )
  if game.get_type().dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
    has_mdp = hasattr(game, "mean_field_mdp")
    game = _game(_SMALL_MDP_GAME if has_mdp else _SMALL_GAME, None)
  # Without its budget, which could be too small for the plays of that game.
  unlimited = dataclasses.replace(experiment, max_environment_steps=None)
  unlimited.create_algorithm(game)


def _folder_name(varied: Mapping[str, Any]) -> str:
  """Returns the name of a run's folder.

  It does not depend on the other runs, so that a grid can be extended later.
  Characters that are special in a shell or a file system become "-", and a
  digest is appended.
  """
  short = {name: _short_name(name) for name in varied}
  shared = [
    name for name in short.values() if [*short.values()].count(name) > 1
  ]
  full = ",".join(
    f"{name if short[name] in shared else short[name]}="
    + (str(value).lower() if isinstance(value, bool) else str(value))
    for name, value in varied.items()
    if value is not None
  )
  name = re.sub(r"[^\w.,=+-]+", "-", full, flags=re.ASCII)[:_LONGEST_NAME]
  if name == full:
    return name
  return f"{name}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def _short_name(axis: str) -> str:
  """Returns the name of an axis without its prefix."""
  for start in (experiment_lib.PARAMETER, experiment_lib.OPTION):
    axis = axis.removeprefix(start)
  return axis
