"""The flags of a run, and the experiment that they ask for."""

from collections.abc import Callable
from typing import Any

from absl import flags

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

# Those of all runs, with their default and what --help says.
_RUN_FLAGS = {
  "num_iterations": (int, 1000, "Number of iterations."),
  "record_every": (
    int,
    None,
    "Records at every so many iterations; not given: log-spaced.",
  ),
  "num_records": (
    int,
    10,
    "Records per factor of ten iterations, where log-spaced.",
  ),
  "checkpoint_seconds": (
    float,
    30.0,
    "Least time between two checkpoints; longer where writing them would take"
    " more than 2 % of the time.",
  ),
  "log_distribution": (
    bool,
    False,
    "Whether the mean field is kept at each record.",
  ),
  "tensorboard": (
    bool,
    False,
    "Whether a TensorBoard event file is written too; needs tensorboardX.",
  ),
}


class _NumberOrAutoParser(flags.FloatParser):
  """Takes numbers and "auto"."""

  syntactic_help = "a number or auto"

  def parse(self, argument):
    return argument if argument == "auto" else super().parse(argument)


def _define_number_or_auto(
  name: str, default: float | str | None, text: str, **keywords: Any
) -> None:
  flags.DEFINE(_NumberOrAutoParser(), name, default, text, **keywords)


_DEFINE: dict[Any, Callable[..., Any]] = {
  bool: flags.DEFINE_bool,
  int: flags.DEFINE_integer,
  float: flags.DEFINE_float,
  float | str: _define_number_or_auto,
}


def define_flags(flag_values: flags.FlagValues = FLAGS) -> None:
  """Defines the flags of an experiment."""
  programs.define_game_flags(flag_values)
  flags.DEFINE_list(
    "game_parameters",
    [],
    "Parameters of the game on top of --game_name or --setting, as in"
    " seed=3,crowd_aversion=0.4.",
    flag_values=flag_values,
  )
  flags.DEFINE_enum(
    "model",
    None,
    sorted(from_game.MODELS),
    "stationary: infinite horizon, for games over a mean-field MDP, and their"
    " default; compiled: finite horizon on arrays, the default of all others;"
    " openspiel: finite horizon by OpenSpiel's utilities, the default of its"
    " own algorithms.",
    flag_values=flag_values,
  )
  flags.DEFINE_enum(
    "algorithm",
    "mf_trpo",
    sorted(registry.ALGORITHMS),
    "What learns.",
    flag_values=flag_values,
  )
  for name, (kind, default, text) in _RUN_FLAGS.items():
    _DEFINE[kind](name, default, text, flag_values=flag_values)
  for option in registry.OPTIONS.values():
    _DEFINE[option.kind](
      option.flag, None, option.text, flag_values=flag_values
    )


def given_values(flag_values: flags.FlagValues = FLAGS) -> dict[str, Any]:
  """Returns what is given, as `experiment.create_experiment` takes it.

  Raises:
    ValueError: If --game_parameters are not name=value, each name once.
  """
  known = flags.FlagValues()
  define_flags(known)
  values: dict[str, Any] = {
    name: flag_values[name].value
    for name in known.flag_values_dict()
    if flag_values[name].present and flag_values[name].value is not None
  }
  for text in values.pop("game_parameters", ()):
    name, equals, value = text.partition("=")
    if not equals:
      raise ValueError(f"game_parameters must be name=value, got {text!r}.")
    if experiment_lib.PARAMETER + name in values:
      raise ValueError(f"game_parameters must have {name} once, got it twice.")
    values[experiment_lib.PARAMETER + name] = value
  return values


def from_flags(
  flag_values: flags.FlagValues = FLAGS,
) -> experiment_lib.Experiment:
  """Returns the experiment that the flags ask for.

  Raises:
    ValueError: If a flag is given that the algorithm does not take, or that the
      others make pointless, or a game parameter is none of the game.
  """
  values = given_values(flag_values)
  algorithm = flag_values.algorithm
  taken = {option.flag for option in registry.options_of(algorithm).values()}
  # Every run is measured with regularization.
  known = {option.flag for option in registry.OPTIONS.values()}
  for flag in sorted(known - taken - {"regularization"}):
    if flag in values:
      raise ValueError(f"--{flag} is not an option of algorithm {algorithm!r}.")
  return experiment_lib.create_experiment(values)
