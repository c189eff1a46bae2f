"""The flags of a run, and the experiment that they ask for."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
from typing import Any

from absl import flags

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
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


def from_flags(
  flag_values: flags.FlagValues = FLAGS,
) -> experiment_lib.Experiment:
  """Returns the experiment that the flags ask for.

  Raises:
    ValueError: If a flag is given that the algorithm does not take, or that the
      others make pointless, or a game parameter is none of the game.
  """
  values = flag_values.flag_values_dict()
  if values["record_every"] is not None and flag_values["num_records"].present:
    raise ValueError("num_records must not be given with record_every.")
  fields = {
    field.name: values[field.name]
    for field in dataclasses.fields(experiment_lib.Experiment)
    if field.name in values
  }
  if fields["regularization"] is None:
    fields["regularization"] = experiment_lib.DEFAULT_REGULARIZATION
  fields["options"] = _options(values["algorithm"], values)
  fields["game_parameters"] = {}
  experiment = experiment_lib.Experiment(**fields)
  if not values["game_parameters"]:
    return experiment
  parameters = game_parameters.parse(
    values["game_parameters"], experiment.create_game()
  )
  return dataclasses.replace(experiment, game_parameters=parameters)


def flags_not_taken(algorithm: str) -> set[str]:
  """Returns the flags of other algorithms, which one does not take.

  --regularization is none of them: every run is measured with it.
  """
  taken = {option.flag for option in registry.options_of(algorithm).values()}
  known = {option.flag for option in registry.OPTIONS.values()}
  return known - taken - {"regularization"}


def _options(algorithm: str, values: Mapping[str, Any]) -> dict[str, Any]:
  for flag in sorted(flags_not_taken(algorithm)):
    if values[flag] is not None:
      raise ValueError(f"--{flag} is not an option of algorithm {algorithm!r}.")
  return {
    name: values[option.flag]
    for name, option in registry.options_of(algorithm).items()
    if values[option.flag] is not None
  }
