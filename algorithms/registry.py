"""The algorithms by name, and the options that programs take for each.

This is the one place where a new algorithm or option is entered; flags, their
help texts and the axes of sweeps follow from it.
"""

from collections.abc import Callable
import dataclasses
import functools
import inspect
import types
from typing import Any

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.algorithms import prior_descent
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True)
class Option:
  """An option of algorithms, as programs take it.

  Attributes:
    flag: Its name in programs.
    kind: Of its values.
    text: What --help says.
  """

  flag: str
  kind: type | types.UnionType
  text: str


# By the names of the parameters of the algorithms' constructors.
OPTIONS = {
  "regularization": Option(
    "regularization",
    float,
    "eta, weight of the entropy bonus; for mf_trpo (default 0.05),"
    " mirror_descent, fictitious_play and fixed_point (default 0). Also that of"
    " the regularized exploitability (default 0.05).",
  ),
  "num_policy_updates": Option(
    "num_policy_updates",
    int,
    "L, policy updates in an iteration of mf_trpo (default 10, or 1 with"
    " --warm_start).",
  ),
  "num_population_steps": Option(
    "num_population_steps",
    int,
    "M, population steps in an iteration of mf_trpo and annealed_mf_trpo; not"
    " given: the limit of many.",
  ),
  "population_update_rate": Option(
    "population_update_rate",
    float | str,
    "beta of mf_trpo (default 0.01), or auto: one that adapts itself.",
  ),
  "warm_start": Option(
    "warm_start", bool, "Whether mf_trpo goes on from its previous policy."
  ),
  "max_step_count": Option(
    "max_step_count",
    int,
    "Bound on the step counter of mf_trpo with --warm_start (default 0); about"
    " 10 where it does not settle.",
  ),
  "lr": Option(
    "learning_rate",
    float,
    "For mirror_descent (default 0.01) and fictitious_play (default 1 /"
    " (iteration + 1)).",
  ),
  "temperature": Option(
    "temperature",
    float,
    "Of softmax responses, for fictitious_play and fixed_point (default: best"
    " ones), prior_descent and boltzmann_policy_iteration (default 1).",
  ),
  "num_prior_iterations": Option(
    "num_prior_iterations",
    int,
    "Iterations of prior_descent with one prior; not given: all of them.",
  ),
}


def _boltzmann_policy_iteration(
  model: model_lib.MeanFieldModel, temperature: float = 1.0
) -> algorithm.MeanFieldAlgorithm:
  return prior_descent.PriorDescent(model, temperature, best_response=False)


ALGORITHMS: dict[str, Callable[..., algorithm.MeanFieldAlgorithm]] = {
  "mf_trpo": mf_trpo.MFTRPO,
  "annealed_mf_trpo": annealed_mf_trpo.AnnealedMFTRPO,
  "fictitious_play": fictitious_play.FictitiousPlay,
  "mirror_descent": mirror_descent.MirrorDescent,
  "fixed_point": fixed_point.FixedPoint,
  "prior_descent": prior_descent.PriorDescent,
  "boltzmann_policy_iteration": _boltzmann_policy_iteration,
  **{
    name: functools.partial(
      openspiel_algorithm.OpenSpielAlgorithm, openspiel_class=openspiel_class
    )
    for name, openspiel_class in openspiel_algorithm.CLASSES.items()
  },
}


def options_of(name: str) -> dict[str, Option]:
  """Returns the options that programs take for the algorithm `name`.

  They are those of `OPTIONS` that its constructor has, or OpenSpiel's own.
  """
  create = openspiel_algorithm.CLASSES.get(name, ALGORITHMS[name])
  parameters = inspect.signature(create).parameters
  return {key: option for key, option in OPTIONS.items() if key in parameters}


def create_algorithm(
  name: str, model: model_lib.MeanFieldModel, **options: Any
) -> algorithm.MeanFieldAlgorithm:
  """Returns the algorithm `name` on a model.

  Raises:
    ValueError: If there is no such algorithm, or an option is out of range.
  """
  validation.check_choice("algorithm", name, ALGORITHMS)
  if name in openspiel_algorithm.CLASSES and not isinstance(
    model, openspiel_model.OpenSpielModel
  ):
    raise ValueError(f"algorithm {name!r} needs model='openspiel'.")
  return ALGORITHMS[name](model, **options)
