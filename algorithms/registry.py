"""Algorithms by name, for the programs."""

from collections.abc import Callable
import functools
from typing import Any

from open_spiel.python.mfg.algorithms import (
  fictitious_play as openspiel_fictitious_play,
)
from open_spiel.python.mfg.algorithms import (
  mirror_descent as openspiel_mirror_descent,
)

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.algorithms import prior_descent
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.utils import validation

ALGORITHMS: dict[str, Callable[..., algorithm.MeanFieldAlgorithm]] = {
  "mf_trpo": mf_trpo.MFTRPO,
  "fictitious_play": fictitious_play.FictitiousPlay,
  "mirror_descent": mirror_descent.MirrorDescent,
  "fixed_point": fixed_point.FixedPoint,
  "prior_descent": prior_descent.PriorDescent,
  "boltzmann_policy_iteration": functools.partial(
    prior_descent.PriorDescent, best_response=False
  ),
  "openspiel_fictitious_play": functools.partial(
    openspiel_algorithm.OpenSpielAlgorithm,
    openspiel_class=openspiel_fictitious_play.FictitiousPlay,
  ),
  "openspiel_mirror_descent": functools.partial(
    openspiel_algorithm.OpenSpielAlgorithm,
    openspiel_class=openspiel_mirror_descent.MirrorDescent,
  ),
  "openspiel_mirror_descent_frozen_table": functools.partial(
    openspiel_algorithm.OpenSpielAlgorithm,
    openspiel_class=openspiel_algorithm.FrozenTableMirrorDescent,
  ),
}


def create_algorithm(
  name: str, model: model_lib.MeanFieldModel, **options: Any
) -> algorithm.MeanFieldAlgorithm:
  """Returns the algorithm `name` on a model.

  Raises:
    ValueError: If there is no such algorithm, or an option is out of range.
  """
  validation.check_choice("algorithm", name, ALGORITHMS)
  if name.startswith("openspiel") and not isinstance(
    model, openspiel_model.OpenSpielModel
  ):
    raise ValueError(f"algorithm {name!r} needs model='openspiel'.")
  return ALGORITHMS[name](model, **options)
