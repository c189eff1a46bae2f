"""The flags of a run, and the experiment that they ask for."""

import dataclasses
from typing import Any

from absl import flags

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

# Which flags each algorithm takes, by the names of its own parameters.
OPTIONS = {
  "mf_trpo": {
    "regularization": "regularization",
    "num_policy_updates": "num_policy_updates",
    "num_population_steps": "num_population_steps",
    "population_update_rate": "population_update_rate",
    "warm_start": "warm_start",
    "max_step_count": "max_step_count",
    "annealing": "annealing",
  },
  "fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
    "regularization": "regularization",
  },
  "mirror_descent": {"lr": "learning_rate", "regularization": "regularization"},
  "fixed_point": {
    "temperature": "temperature",
    "regularization": "regularization",
  },
  "prior_descent": {
    "temperature": "temperature",
    "num_prior_iterations": "num_prior_iterations",
  },
  "boltzmann_policy_iteration": {"temperature": "temperature"},
  "openspiel_fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
  },
  "openspiel_mirror_descent": {"lr": "learning_rate"},
  "openspiel_mirror_descent_frozen_table": {"lr": "learning_rate"},
}


class _RateParser(flags.FloatParser):
  """Takes numbers and "auto"."""

  syntactic_help = "a number or auto"

  def parse(self, argument):
    return argument if argument == "auto" else super().parse(argument)


def _define_rate(
  name: str, default: float | None, text: str, flag_values: flags.FlagValues
) -> None:
  flags.DEFINE(_RateParser(), name, default, text, flag_values=flag_values)


# Flags with their default and what --help says.
_FLAGS = {
  flags.DEFINE_integer: {
    "num_iterations": (1000, "Number of iterations."),
    "num_policy_updates": (
      None,
      "L, policy updates in an iteration of mf_trpo (default 10, or 1 with"
      " --warm_start).",
    ),
    "num_population_steps": (
      None,
      "M, population steps in an iteration of mf_trpo; not given: the limit of"
      " many.",
    ),
    "max_step_count": (
      None,
      "Bound on the step counter of mf_trpo with --warm_start (default 0);"
      " about 10 where it does not settle.",
    ),
    "num_prior_iterations": (
      None,
      "Iterations of prior_descent with one prior; not given: all of them.",
    ),
    "record_every": (
      None,
      "Records at every so many iterations; not given: log-spaced.",
    ),
    "num_records": (
      10,
      "Records per factor of ten iterations, where log-spaced.",
    ),
  },
  flags.DEFINE_float: {
    "regularization": (
      None,
      "eta, weight of the entropy bonus; for mf_trpo (default 0.05),"
      " mirror_descent, fictitious_play and fixed_point (default 0). Also that"
      " of the regularized exploitability (default 0.05).",
    ),
    "learning_rate": (
      None,
      "For mirror_descent (default 0.01) and fictitious_play (default 1 /"
      " (iteration + 1)).",
    ),
    "temperature": (
      None,
      "Of softmax responses, for fictitious_play and fixed_point (default: best"
      " ones), prior_descent and boltzmann_policy_iteration (default 1).",
    ),
    "checkpoint_seconds": (
      30.0,
      "Least time between two checkpoints; longer where writing them would take"
      " more than 2 % of the time.",
    ),
  },
  _define_rate: {
    "population_update_rate": (
      None,
      "beta of mf_trpo (default 0.01), or auto: one that finds itself.",
    ),
  },
  flags.DEFINE_bool: {
    "warm_start": (None, "Whether mf_trpo goes on from its previous policy."),
    "annealing": (
      None,
      "Whether regularization and population_update_rate of mf_trpo go to 0: it"
      " then ends without the bias of the regularization.",
    ),
    "log_distribution": (
      False,
      "Whether the mean field is kept at each record.",
    ),
    "tensorboard": (
      False,
      "Whether a TensorBoard event file is written too; needs tensorboardX.",
    ),
  },
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
    sorted(algorithm_factory.ALGORITHMS),
    "What learns.",
    flag_values=flag_values,
  )
  for define, table in _FLAGS.items():
    for name, (default, text) in table.items():
      define(name, default, text, flag_values=flag_values)


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
  fields["options"] = _options(values["algorithm"], flag_values)
  fields["game_parameters"] = {}
  experiment = experiment_lib.Experiment(**fields)
  if not values["game_parameters"]:
    return experiment
  parameters = game_parameters.parse(
    values["game_parameters"], experiment.create_game()
  )
  return dataclasses.replace(experiment, game_parameters=parameters)


def _options(algorithm: str, flag_values: flags.FlagValues) -> dict[str, Any]:
  taken = OPTIONS[algorithm]
  all_flags = {flag for names in OPTIONS.values() for flag in names.values()}
  # Every run measures with --regularization.
  for flag in sorted(all_flags - {"regularization"} - set(taken.values())):
    if flag_values[flag].value is not None:
      raise ValueError(f"--{flag} is not an option of algorithm {algorithm!r}.")
  options = {
    option: flag_values[flag].value
    for option, flag in taken.items()
    if flag_values[flag].value is not None
  }
  if options.get("annealing"):  # Has no regularization of its own.
    options.pop("regularization", None)
  return options
