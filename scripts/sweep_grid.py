"""The runs of a sweep: a grid over the flags of a run.

    axes = parse(["setting=four_rooms,two_islands", "game_parameters.seed=1,2"])
    runs, notes = expand(axes, FLAGS)

What an algorithm does not take, or a parameter that a game does not have, is
left out there, and runs that are then the same are one run.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import re
from typing import Any

from absl import flags
import pyspiel

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import event_files
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import sweep_runs
from mftrpo_openspiel.scripts import experiment_flags

# Before the name of a game parameter in the name of an axis.
PARAMETER = "game_parameters."
_OPTION_FLAGS = {
  algorithm: frozenset(flag_names.values())
  for algorithm, flag_names in experiment_flags.OPTIONS.items()
}
# Stand in for larger ones when a run is checked.
_SMALL_MDP_GAME = "python_mfg_two_islands(horizon=1)"
_SMALL_GAME = "mfg_crowd_modelling(size=3,horizon=1)"
# Longer ones are cut; file systems take 255 bytes.
_LONGEST_NAME = 200


def parse(texts: Iterable[str]) -> dict[str, list[str]]:
  """Returns the values along each axis, as texts.

  Args:
    texts: Each "name=value,value,..." for a flag of a run, or for a parameter
      of the game by the name game_parameters.NAME. Commas in brackets are part
      of a value.

  Raises:
    ValueError: If a text is not of this form, or a name is unknown or there
      twice.
  """
  known = sorted(_new_flags())
  axes = {}
  for text in texts:
    name, equals, values = text.partition("=")
    name = name.strip().lstrip("-")
    if name == PARAMETER.rstrip("."):
      raise ValueError(
        f"grid must name parameters of games one by one, as {PARAMETER}NAME,"
        f" got {text!r}."
      )
    if not name.startswith(PARAMETER) and name not in known:
      raise ValueError(
        f"grid must be over flags of a run, {', '.join(known)}, or"
        f" {PARAMETER}NAME, got {text!r}."
      )
    if name in axes:
      raise ValueError(f"grid must have {name} once, got it twice.")
    axes[name] = game_parameters.split_at_commas(values)
    if not equals or not all(axes[name]):
      raise ValueError(f"grid must be name=value,value,..., got {text!r}.")
  if not axes:
    raise ValueError("grid must be given, as name=value,value,..., got none.")
  return axes


def expand(
  axes: Mapping[str, Sequence[str]], flag_values: flags.FlagValues
) -> tuple[list[sweep_runs.SweepRun], list[str]]:
  """Returns the runs of a grid, each checked, and notes for the user.

  Args:
    axes: Values along each axis.
    flag_values: What is the same in all runs, with the flags of an experiment.

  Raises:
    ValueError: If a run is refused, an axis is given as a flag too, or
      something is given that no run takes.
  """
  fixed = _fixed(flag_values)
  for name in axes:
    if name in fixed:
      raise ValueError(
        f"{name} must be given by grid or by a flag of its own, got both."
      )
  points = [
    dict(zip(axes, values)) for values in itertools.product(*axes.values())
  ]
  runs, taken, left_out = {}, set(), {}
  for point in points:
    given = {**fixed, **point}
    with _explained(point):
      absent = dict(_absent(given))
      kept = {name: x for name, x in given.items() if name not in absent}
      experiment, values = _experiment(kept)
      _check(experiment)
    for name, where in absent.items():
      left_out.setdefault(name, {})[where] = None
    taken.update(kept)
    varied = {name: values.get(name) for name in axes}
    run = sweep_runs.SweepRun(_name(varied), varied, experiment)
    runs.setdefault(run.name, run)
  notes = []
  for name, places in left_out.items():
    if name not in taken:
      raise ValueError(f"{name} is not known to {', '.join(places)}.")
    notes.append(f"{name} is left out for {', '.join(places)}.")
  if len(runs) < len(points):
    notes.append(f"{len(points)} combinations are {len(runs)} different runs.")
  return list(runs.values()), notes


@contextlib.contextmanager
def _explained(point: Mapping[str, str]) -> Iterator[None]:
  """Adds to a ValueError which point of the grid it is of."""
  try:
    yield
  except ValueError as error:
    where = ", ".join(f"{name}={value}" for name, value in point.items())
    raise ValueError(f"grid, at {where}: {error}") from None


def _new_flags() -> flags.FlagValues:
  new = flags.FlagValues()
  experiment_flags.define_flags(new)
  return new


def _fixed(flag_values: flags.FlagValues) -> dict[str, str]:
  """Returns the flags that are given, and the parameters as axes have them."""
  fixed = {}
  for name in _new_flags():
    flag = flag_values[name]
    if name + "." == PARAMETER:
      for text in flag.value:
        parameter, equals, value = text.partition("=")
        if not equals or PARAMETER + parameter in fixed:
          raise ValueError(
            f"{name} must be name=value, each name once, got {text!r}."
          )
        fixed[PARAMETER + parameter] = value
    elif flag.present and flag.value is not None:
      # A text that is parsed to the same value; bool flags know "True".
      fixed[name] = str(flag.value)
  return fixed


def _absent(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
  """Yields what the run does not take, and who is without it."""
  algorithm = given.get("algorithm", experiment_lib.Experiment.algorithm)
  options = frozenset().union(*_OPTION_FLAGS.values())
  # Every run measures with regularization, whatever its algorithm takes.
  not_taken = (
    options - {"regularization"} - _OPTION_FLAGS.get(algorithm, options)
  )
  game_type = _game(given.get("game_name"), given.get("setting")).get_type()
  for name in given:
    if name in not_taken:
      yield name, algorithm
    elif name.startswith(PARAMETER):
      if name.removeprefix(PARAMETER) not in game_type.parameter_specification:
        yield name, game_type.short_name


@functools.lru_cache(maxsize=64)
def _game(game_name: str | None, setting: str | None) -> pyspiel.Game:
  return game_factory.create_game(game_name, setting)


def _experiment(
  given: Mapping[str, str],
) -> tuple[experiment_lib.Experiment, dict[str, Any]]:
  """Returns the experiment that texts ask for, and their values."""
  texts = {
    name: x for name, x in given.items() if not name.startswith(PARAMETER)
  }
  flag_values = _new_flags()
  try:
    flag_values(["sweep", *(f"--{name}={x}" for name, x in texts.items())])
  except flags.Error as error:
    raise ValueError(f"{error}.") from None
  experiment = experiment_flags.from_flags(flag_values)
  parameters = game_parameters.parse(
    [
      f"{name.removeprefix(PARAMETER)}={x}"
      for name, x in given.items()
      if name not in texts
    ],
    _game(experiment.game_name, experiment.setting),
  )
  values = {name: flag_values[name].value for name in texts}
  values.update({PARAMETER + name: x for name, x in parameters.items()})
  experiment = dataclasses.replace(experiment, game_parameters=parameters)
  return experiment, values


def _check(experiment: experiment_lib.Experiment) -> None:
  """Raises a ValueError if the game, the model or the algorithm is refused.

  Large games take long to be written into arrays, so that model and options are
  tried on a small game of the same kind.
  """
  if experiment.tensorboard:
    event_files.check_available()
  game = _changed_game(
    experiment.game_name,
    experiment.setting,
    tuple(experiment.game_parameters.items()),
  )
  if game.get_type().dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD:
    has_mdp = hasattr(game, "mean_field_mdp")
    game = _game(_SMALL_MDP_GAME if has_mdp else _SMALL_GAME, None)
  experiment.create_algorithm(game)


@functools.lru_cache(maxsize=64)
def _changed_game(
  game_name: str | None,
  setting: str | None,
  parameters: tuple[tuple[str, Any], ...],
) -> pyspiel.Game:
  return game_parameters.changed(_game(game_name, setting), dict(parameters))


def _name(varied: Mapping[str, Any]) -> str:
  """Returns the name of a run's folder.

  It does not depend on the other runs, so that a grid can be made larger. What
  a shell or a file system may not like becomes "-", with a digest at the end.
  """
  full = ",".join(
    f"{name.removeprefix(PARAMETER)}={_text(value)}"
    for name, value in varied.items()
    if value is not None
  )
  name = re.sub(r"[^\w.,=+-]+", "-", full, flags=re.ASCII)[:_LONGEST_NAME]
  if name == full:
    return name
  return f"{name}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def _text(value: Any) -> str:
  return str(value).lower() if isinstance(value, bool) else str(value)
