"""The algorithms by name, and the options that programs accept for each.

This is the only place where a new algorithm or option of this package is
registered; flags, their help texts, the axes of sweeps and the titles in plots
are derived from it. Users register their algorithms with `register_algorithm`,
or name them without registration, as "package.module:Class".
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import functools
import inspect
from typing import Any

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import boltzmann_policy_iteration
from mftrpo_openspiel.algorithms import constructor_options
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import interior_point
from mftrpo_openspiel.algorithms import line_search_fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.algorithms import prior_descent
from mftrpo_openspiel.algorithms import proximal_point
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import plugins
from mftrpo_openspiel.utils import program_options
from mftrpo_openspiel.utils import validation

# Returns an algorithm on a model or a game, its first argument.
Constructor = Callable[..., algorithm.MeanFieldAlgorithm]


# By the names of the parameters of the algorithms' constructors.
OPTIONS = {
  "regularization": program_options.Option(
    "regularization",
    float,
    "eta, weight of the entropy bonus; for mf_trpo (default 0.05),"
    " mirror_descent, fictitious_play, fixed_point and interior_point (default"
    " 0).",
  ),
  "num_policy_updates": program_options.Option(
    "num_policy_updates",
    int,
    "L, number of policy updates per iteration of mf_trpo (default 10, or 1"
    " with --warm_start).",
  ),
  "num_population_steps": program_options.Option(
    "num_population_steps",
    int,
    "M, number of population steps per iteration of mf_trpo and"
    " annealed_mf_trpo (default: the limit of many).",
  ),
  "population_update_rate": program_options.Option(
    "population_update_rate",
    float | str,
    "beta of mf_trpo (default 0.01); auto: an adaptive rate.",
  ),
  "warm_start": program_options.Option(
    "warm_start", bool, "Whether mf_trpo continues from its previous policy."
  ),
  "max_step_count": program_options.Option(
    "max_step_count",
    int,
    "Bound on the counter l in the step size 1 / (eta (l + 2)) of mf_trpo with"
    " --warm_start (default 0, a constant step size); try 10 if it does not"
    " converge.",
  ),
  "lr": program_options.Option(
    "learning_rate",
    float,
    "Step size of mirror_descent (default 0.01) and proximal_point (default"
    " 0.1); weight of the response in fictitious_play (default 1 / (iteration +"
    " 1)).",
  ),
  "temperature": program_options.Option(
    "temperature",
    float,
    "Temperature of softmax responses, for fictitious_play and fixed_point"
    " (default: best responses), prior_descent and boltzmann_policy_iteration"
    " (default 1).",
  ),
  "num_prior_iterations": program_options.Option(
    "num_prior_iterations",
    int,
    "Number of iterations with the same prior, for prior_descent (default: the"
    " prior is never replaced) and proximal_point (default 10).",
  ),
  "proximal_weight": program_options.Option(
    "proximal_weight",
    float,
    "lambda of proximal_point, weight of the divergence from the prior (default"
    " 1).",
  ),
}


@dataclasses.dataclass(frozen=True)
class Entry:
  """An algorithm as programs know it.

  Attributes:
    constructor: A class, or a function that returns the algorithm.
    title: Its name in legends and titles of plots.
    model: The name in `from_game.MODELS` of the model that it needs; None if it
      runs on all of them.
  """

  constructor: Constructor
  title: str
  model: str | None = None

  @functools.cached_property
  def parameters(self) -> dict[str, inspect.Parameter]:
    """The parameters of the constructor after the first."""
    return constructor_options.parameters(self.constructor)

  @functools.cached_property
  def takes_others(self) -> bool:
    """Whether it also accepts options of any other name."""
    return constructor_options.takes_others(self.constructor)


ALGORITHMS: dict[str, Entry] = {}


def register_algorithm(
  name: str,
  constructor: Constructor,
  *,
  title: str | None = None,
  model: str | None = None,
) -> None:
  """Registers an algorithm under a name for programs, experiments and plots.

  Programs accept it as --algorithm=NAME if --import names the module that
  registers it.

  Args:
    name: Consists of letters, digits and "_".
    constructor: A `MeanFieldAlgorithm` class, or a function that returns an
      instance. Its first argument is a model or a game, the others are its
      options; numbers, bools and strings can be given in programs.
    title: Its name in plots; `name` if not given.
    model: "stationary", "compiled" or "openspiel", if it runs only on this one.

  Raises:
    ValueError: If another algorithm has the name, or an argument is invalid. A
      class that is defined again, as in a notebook, or by a program that is
      also imported as a module, does not count as another one.
  """
  if not isinstance(name, str) or not name.isidentifier():
    raise ValueError(
      "name must consist of letters, digits and '_', such as my_method, got"
      f" {name!r}."
    )
  _check_constructor("constructor", constructor)
  title = validation.check_type("title", name if title is None else title, str)
  if model is not None:
    validation.check_choice("model", model, from_game.MODELS)
  taken = ALGORITHMS.get(name)
  if taken and not _is_same(taken.constructor, constructor):
    raise ValueError(
      f"name must not be that of another algorithm, got {name!r}, which is"
      f" {_origin(taken.constructor)}."
    )
  ALGORITHMS[name] = Entry(constructor, title, model)


def _check_constructor(what: str, constructor: Any) -> None:
  """Raises a ValueError if it cannot construct an algorithm."""
  if inspect.isclass(constructor):
    if not issubclass(constructor, algorithm.MeanFieldAlgorithm):
      raise ValueError(
        f"{what} must be a subclass of MeanFieldAlgorithm, got the class"
        f" {_origin(constructor)}."
      )
    missing = sorted(getattr(constructor, "__abstractmethods__", ()))
    if missing:
      raise ValueError(
        f"{what} must have all methods of MeanFieldAlgorithm, but"
        f" {_origin(constructor)} does not have {', '.join(missing)}."
      )
  elif not callable(constructor):
    raise ValueError(
      f"{what} must be a MeanFieldAlgorithm class, or a function that returns"
      f" an instance of one, got {constructor!r}."
    )
  try:
    constructor_options.parameters(constructor)
  except ValueError as error:
    raise ValueError(
      f"{what} must take a model as its first argument, got"
      f" {_origin(constructor)}: {error}."
    ) from None


def _is_same(one: Constructor, other: Constructor) -> bool:
  """Whether two constructors have the same name and module.

  The module of the program that is run is named "__main__", whatever its file.
  """
  modules, names = (
    {getattr(constructor, attribute, None) for constructor in (one, other)}
    for attribute in ("__module__", "__qualname__")
  )
  if None in names:  # For example a functools.partial.
    return one is other
  return len(names) == 1 and len(modules - {"__main__"}) <= 1


def _origin(constructor: object) -> str:
  """Returns module and name of a class or function."""
  name = getattr(constructor, "__qualname__", repr(constructor))
  return f"{getattr(constructor, '__module__', '')}.{name}"


def _boltzmann_policy_iteration(
  model: model_lib.MeanFieldModel, temperature: float = 1.0
) -> algorithm.MeanFieldAlgorithm:
  validation.check_real("temperature", temperature, 0, low_open=True)
  return boltzmann_policy_iteration.BoltzmannPolicyIteration(
    model, lr=1 / temperature
  )


def _of_openspiel(openspiel_class: Callable[..., Any]) -> Constructor:
  """Returns a constructor of an OpenSpiel algorithm, with its signature."""
  constructor = functools.partial(
    openspiel_algorithm.OpenSpielAlgorithm, openspiel_class=openspiel_class
  )
  return functools.update_wrapper(constructor, openspiel_class)


for _name, _constructor, _title in (
  ("mf_trpo", mf_trpo.MFTRPO, "MF-TRPO"),
  (
    "annealed_mf_trpo",
    annealed_mf_trpo.AnnealedMFTRPO,
    "MF-TRPO (annealed)",
  ),
  ("fictitious_play", fictitious_play.FictitiousPlay, "Fictitious Play"),
  (
    "line_search_fictitious_play",
    line_search_fictitious_play.LineSearchFictitiousPlay,
    "Fictitious Play (line search)",
  ),
  ("mirror_descent", mirror_descent.MirrorDescent, "Mirror Descent"),
  ("proximal_point", proximal_point.ProximalPoint, "Proximal Point"),
  ("fixed_point", fixed_point.FixedPoint, "Fixed Point"),
  ("interior_point", interior_point.InteriorPoint, "Interior Point"),
  ("prior_descent", prior_descent.PriorDescent, "Prior Descent"),
  (
    "boltzmann_policy_iteration",
    _boltzmann_policy_iteration,
    "Boltzmann Policy Iteration",
  ),
):
  register_algorithm(_name, _constructor, title=_title)
for _name, _title in (
  ("openspiel_fictitious_play", "Fictitious Play (OpenSpiel)"),
  ("openspiel_mirror_descent", "Mirror Descent (OpenSpiel)"),
  (
    "openspiel_mirror_descent_frozen_table",
    "Mirror Descent (OpenSpiel, frozen table)",
  ),
):
  register_algorithm(
    _name,
    _of_openspiel(openspiel_algorithm.CLASSES[_name]),
    title=_title,
    model="openspiel",
  )


def find(name: str, what: str = "algorithm") -> Entry:
  """Returns the algorithm with a name, or at "package.module:Class".

  Args:
    name: Name of the algorithm.
    what: Name of the option or argument, for messages.

  Raises:
    ValueError: If there is none.
  """
  validation.check_type(what, name, str)
  if ":" in name:
    constructor = plugins.find(name, what)
    _check_constructor(what, constructor)
    return Entry(constructor, title(name))
  if name not in ALGORITHMS:
    raise ValueError(
      f"{what} must be one of {', '.join(sorted(ALGORITHMS))}, or"
      f" package.module:Class, got {name!r}"
      f"{validation.suggestion(name, ALGORITHMS)}."
    )
  return ALGORITHMS[name]


def title(name: str) -> str:
  """Returns the title of the algorithm `name` in plots.

  If it is not registered (any longer), this is its name, or the name of its
  class.
  """
  if name in ALGORITHMS:
    return ALGORITHMS[name].title
  return name.rpartition(":")[2]


def name_of(algorithm_class: type, openspiel_class: str | None = None) -> str:
  """Returns the name of an algorithm, or "module:Class" if it has none.

  Args:
    algorithm_class: The class of a solver.
    openspiel_class: For an `OpenSpielAlgorithm`, the name of the class that it
      runs.
  """
  for name, known in openspiel_algorithm.CLASSES.items():
    if getattr(known, "__name__", None) == openspiel_class:
      return name
  for name, entry in ALGORITHMS.items():
    if entry.constructor is algorithm_class:
      return name
  where = openspiel_class or algorithm_class.__qualname__
  return f"{algorithm_class.__module__}:{where}"


def options_of(name: str) -> dict[str, program_options.Option]:
  """Returns the entries of `OPTIONS` that the algorithm `name` accepts."""
  known = find(name).parameters
  return {key: option for key, option in OPTIONS.items() if key in known}


def parse_options(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
  """Returns options of an algorithm that are given as strings.

  Args:
    name: Name of the algorithm.
    texts: Values by the names of the parameters of its constructor.

  Raises:
    ValueError: If there is no such algorithm or option, or a value does not
      have the type that the signature of the constructor requires.
  """
  options = {}
  for key, text in texts.items():
    kinds = option_kinds(name, key)
    if not kinds:
      known = [x for x in find(name).parameters if option_kinds(name, x)]
      raise _unknown_option(name, key, known)
    options[key] = constructor_options.parse(
      f"{key} of algorithm {name!r}", text, kinds
    )
  return options


def option_kinds(name: str, option: str) -> constructor_options.Kinds:
  """Returns the types that an option of an algorithm may have in programs.

  Empty if the algorithm has no such option, or it can only be given in Python.
  """
  entry = find(name)
  if option in entry.parameters:
    return constructor_options.kinds(entry.parameters[option])
  return constructor_options.ANY if entry.takes_others else ()


def _unknown_option(
  name: str, option: str, known: Collection[str]
) -> ValueError:
  if not known:
    return ValueError(f"algorithm {name!r} takes no options, got {option!r}.")
  return ValueError(
    f"option of algorithm {name!r} must be one of {', '.join(known)}, got"
    f" {option!r}."
  )


def create_algorithm(
  name: str, model: model_lib.MeanFieldModel, **options: Any
) -> algorithm.MeanFieldAlgorithm:
  """Returns the algorithm `name` on a model.

  Raises:
    ValueError: If there is no such algorithm, or an option is unknown, missing
      or out of range.
  """
  entry = find(name)
  if entry.model and not from_game.is_model(entry.model, model):
    raise ValueError(f"algorithm {name!r} needs model={entry.model!r}.")
  for option in options:
    if option not in entry.parameters and not entry.takes_others:
      raise _unknown_option(name, option, entry.parameters)
  for option, parameter in entry.parameters.items():
    if parameter.default is parameter.empty and option not in options:
      raise ValueError(
        f"option {option!r} of algorithm {name!r} must be given, got nothing."
      )
  try:
    made = entry.constructor(model, **options)
  # For example a function that does not return an algorithm.
  except (AttributeError, TypeError) as error:
    raise ValueError(
      f"algorithm {name!r} cannot be made: {plugins.described(error)}."
    ) from error
  if not isinstance(made, algorithm.MeanFieldAlgorithm):
    raise ValueError(
      f"algorithm {name!r} must return a MeanFieldAlgorithm, got"
      f" {type(made).__name__}."
    )
  return made
