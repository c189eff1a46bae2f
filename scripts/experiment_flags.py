"""The flags that define a run, and the experiment made from them."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
import functools
from typing import Any

from absl import flags

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import program_options

FLAGS = flags.FLAGS

# Names of the flags that define an experiment and its options.
NAMES = {
  *run_config.FIELDS,
  *(option.flag for option in registry.OPTIONS.values()),
  *experiment_lib.model_flags(),
  experiment_lib.EVALUATION_REGULARIZATION,
} - {"imports", "options", "model_options"}


class _NumberOrAutoParser(flags.FloatParser):
  """Parses a number or "auto"."""

  allowed = "a number or auto"
  syntactic_help = "a number or auto"

  def parse(self, argument):
    return argument if argument == "auto" else super().parse(argument)


_DEFINE: dict[Any, Callable[..., Any]] = {
  bool: flags.DEFINE_bool,
  int: flags.DEFINE_integer,
  float: flags.DEFINE_float,
  float | str: functools.partial(flags.DEFINE, _NumberOrAutoParser()),
}


def define_flags() -> None:
  """Defines the flags of an experiment."""
  programs.define_import_flag()
  programs.define_game_flags()
  flags.DEFINE_list(
    "game_parameters",
    [],
    "Game parameters that override those of --game_name or --setting, as in"
    " seed=3,crowd_aversion=0.4.",
  )
  flags.DEFINE_enum(
    "model",
    None,
    sorted(from_game.MODELS),
    "The model with which the game is solved.\nstationary: over an infinite"
    " horizon; the default of games defined by a mean-field MDP."
    "\ncompiled: over a finite horizon, on arrays; the default of all other"
    " games.\nopenspiel: over a finite horizon, by OpenSpiel's utilities; the"
    " default of OpenSpiel's own algorithms.\nsampled: action values and mean"
    " fields are estimated from simulated plays; exploitability is still"
    " measured exactly.",
  )
  flags.DEFINE_string(
    "algorithm",
    experiment_lib.Experiment.algorithm,
    "The learning algorithm. mf_trpo is the paper's algorithm as printed, or"
    " with --warm_start a variant; annealed_mf_trpo is this package's method,"
    " whose regularization decreases so that no bias remains."
    f"\nOne of: {', '.join(sorted(registry.ALGORITHMS))}; or the name of one"
    " that a module of --import registers; or package.module:Class.",
  )
  flags.DEFINE_multi_string(
    "algorithm_options",
    [],
    "Options of the algorithm, by the parameter names of its constructor, as in"
    " step=0.1,rounds=3.",
  )
  flags.DEFINE_integer(
    "num_iterations",
    experiment_lib.Experiment.num_iterations,
    "Number of iterations.",
  )
  flags.DEFINE_float(
    experiment_lib.EVALUATION_REGULARIZATION,
    None,
    "The eta of the regularized exploitability phi_eta that is measured. By"
    " default the value of --regularization if that is given and positive,"
    f" else {experiment_lib.Experiment.regularization:g}.",
  )
  flags.DEFINE_integer(
    "record_every",
    None,
    "Number of iterations between two records. If not given, records are"
    " log-spaced, see --num_records.",
  )
  flags.DEFINE_integer(
    "num_records",
    10,
    "Number of log-spaced records per factor of ten in iterations.",
  )
  flags.DEFINE_float(
    "checkpoint_seconds",
    30.0,
    "Minimum time between two checkpoints in seconds. The time is longer if"
    " writing checkpoints would take more than 2 % of the run.",
  )
  flags.DEFINE_float(
    "stop_below",
    None,
    "Ends the run once a recorded exploitability (phi_0) is below this value."
    " If not given, the run ends after --num_iterations.",
  )
  flags.DEFINE_bool(
    "log_distribution", False, "Stores the mean field at each record."
  )
  flags.DEFINE_bool("log_policy", False, "Stores the policy at each record.")
  flags.DEFINE_bool(
    "tensorboard",
    False,
    "Also writes a TensorBoard event file; needs the package tensorboardX.",
  )
  flags.DEFINE_integer(
    experiment_lib.BUDGET,
    None,
    "Budget of simulated environment steps, for --model=sampled. The run ends"
    " after the iteration that reaches it, or after --num_iterations.",
  )
  for option in registry.OPTIONS.values():
    _define_option(option, "")
  for model, options in from_game.OPTIONS.items():
    for option in options.values():
      _define_option(option, f"For --model={model}: ")


def _define_option(option: program_options.Option, start: str) -> None:
  """Defines the flag of an option; its help text begins with `start`."""
  text = start + option.text
  if option.choices:
    flags.DEFINE_enum(option.flag, None, sorted(option.choices), text)
  else:
    _DEFINE[option.kind](option.flag, None, text)


def given_values(others: Collection[str] = ()) -> dict[str, Any]:
  """Returns the values of the given flags for `experiment.create_experiment`.

  Args:
    others: Names of flags that the program uses for other purposes.

  Raises:
    ValueError: If --game_parameters or --algorithm_options are not name=value
      pairs, or a name occurs twice.
  """
  values: dict[str, Any] = {
    name: FLAGS[name].value
    for name in sorted(NAMES.difference(others))
    if FLAGS[name].present and FLAGS[name].value is not None
  }
  parameters = values.pop("game_parameters", ())
  values |= _named("game_parameters", experiment_lib.PARAMETER, parameters)
  options = [
    part
    for text in FLAGS.algorithm_options
    for part in game_parameters.split_at_commas(text)
  ]
  values |= _named("algorithm_options", experiment_lib.OPTION, options)
  if FLAGS["import"].value:
    values["imports"] = FLAGS["import"].value
  return values


def _named(flag: str, start: str, texts: Iterable[str]) -> dict[str, str]:
  """Parses "name=value" texts; returns the values by `start` + name."""
  values: dict[str, str] = {}
  for text in texts:
    name, equals, value = text.partition("=")
    if not equals:
      raise ValueError(f"{flag} must be name=value, got {text!r}.")
    if start + name in values:
      raise ValueError(f"{flag} must have {name} once, got it twice.")
    values[start + name] = value
  return values


def from_flags(
  resumed: str | None = None, others: Collection[str] = ()
) -> experiment_lib.Experiment:
  """Returns the experiment that the flags define.

  Args:
    resumed: The folder of a run that is to be resumed, if it has one. Its
      modules are imported if --import names none.
    others: Names of flags that the program uses for other purposes.

  Raises:
    ValueError: If a flag is given that the algorithm or the model does not
      take, or that has no effect together with the others, or if the game does
      not have a given game parameter.
  """
  values = given_values(others)
  if resumed and "imports" not in values and run_directory.has_run(resumed):
    values["imports"] = run_directory.import_plugins(resumed)
  algorithm = FLAGS.algorithm
  taken = {option.flag for option in registry.options_of(algorithm).values()}
  known = {option.flag for option in registry.OPTIONS.values()}
  for flag in sorted(known - taken):
    if flag in values:
      default = "" if FLAGS["algorithm"].present else " (the default)"
      raise ValueError(experiment_lib.untaken_option(flag, algorithm + default))
  model = values.get("model")
  untaken = experiment_lib.model_flags() - experiment_lib.flags_of_model(model)
  for flag in sorted(untaken):
    if flag in values:
      raise ValueError(experiment_lib.untaken_model_option(flag, model))
  return experiment_lib.create_experiment(values)
