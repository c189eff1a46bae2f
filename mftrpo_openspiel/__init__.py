"""Mean-field games and Mean-Field TRPO for OpenSpiel.

Importing the package registers its games with OpenSpiel. The public names of
the package are listed in `__all__`; each is loaded when it is first used.
"""

from mftrpo_openspiel import startup  # isort: skip (Before slow imports.)

import importlib
import importlib.metadata
import typing

from mftrpo_openspiel import finite_population
from mftrpo_openspiel import games
from mftrpo_openspiel.finite_population import n_player_game

if typing.TYPE_CHECKING:
  from mftrpo_openspiel import plots
  from mftrpo_openspiel.algorithms.annealed_mf_trpo import AnnealedMFTRPO
  from mftrpo_openspiel.algorithms.boltzmann_policy_iteration import (
    BoltzmannPolicyIteration,
  )
  from mftrpo_openspiel.algorithms.fictitious_play import FictitiousPlay
  from mftrpo_openspiel.algorithms.fixed_point import FixedPoint
  from mftrpo_openspiel.algorithms.interior_point import InteriorPoint
  from mftrpo_openspiel.algorithms.line_search_fictitious_play import (
    LineSearchFictitiousPlay,
  )
  from mftrpo_openspiel.algorithms.mf_trpo import MFTRPO
  from mftrpo_openspiel.algorithms.mirror_descent import MirrorDescent
  from mftrpo_openspiel.algorithms.munchausen_mirror_descent import (
    MunchausenMirrorDescent,
  )
  from mftrpo_openspiel.algorithms.openspiel_algorithm import OpenSpielAlgorithm
  from mftrpo_openspiel.algorithms.prior_descent import PriorDescent
  from mftrpo_openspiel.algorithms.proximal_point import ProximalPoint
  from mftrpo_openspiel.algorithms.registry import register_algorithm
  from mftrpo_openspiel.compiler.lint import lint_game
  from mftrpo_openspiel.finite_population.n_player_game import NPlayerGame
  from mftrpo_openspiel.mdp.declared_rewards import LinearReward
  from mftrpo_openspiel.mdp.declared_rewards import LocalReward
  from mftrpo_openspiel.mdp.mdp_game import MDPGame
  from mftrpo_openspiel.mdp.mean_field_mdp import CrowdAversion
  from mftrpo_openspiel.mdp.mean_field_mdp import MeanFieldMDP
  from mftrpo_openspiel.models.compiled_game import CompiledGame
  from mftrpo_openspiel.models.openspiel_model import OpenSpielModel
  from mftrpo_openspiel.models.sampled_model import SampledModel
  from mftrpo_openspiel.models.stationary_model import StationaryModel
  from mftrpo_openspiel.runs.experiment import Experiment
  from mftrpo_openspiel.runs.experiment import run_experiment
  from mftrpo_openspiel.runs.run_directory import load_run
  from mftrpo_openspiel.runs.solutions import load_solution

# The module that each public name comes from.
_MODULES = {
  "AnnealedMFTRPO": "algorithms.annealed_mf_trpo",
  "BoltzmannPolicyIteration": "algorithms.boltzmann_policy_iteration",
  "CompiledGame": "models.compiled_game",
  "CrowdAversion": "mdp.mean_field_mdp",
  "Experiment": "runs.experiment",
  "FictitiousPlay": "algorithms.fictitious_play",
  "FixedPoint": "algorithms.fixed_point",
  "InteriorPoint": "algorithms.interior_point",
  "LineSearchFictitiousPlay": "algorithms.line_search_fictitious_play",
  "LinearReward": "mdp.declared_rewards",
  "LocalReward": "mdp.declared_rewards",
  "MDPGame": "mdp.mdp_game",
  "MFTRPO": "algorithms.mf_trpo",
  "MeanFieldMDP": "mdp.mean_field_mdp",
  "MirrorDescent": "algorithms.mirror_descent",
  "MunchausenMirrorDescent": "algorithms.munchausen_mirror_descent",
  "NPlayerGame": "finite_population.n_player_game",
  "OpenSpielAlgorithm": "algorithms.openspiel_algorithm",
  "OpenSpielModel": "models.openspiel_model",
  "PriorDescent": "algorithms.prior_descent",
  "SampledModel": "models.sampled_model",
  "ProximalPoint": "algorithms.proximal_point",
  "StationaryModel": "models.stationary_model",
  "lint_game": "compiler.lint",
  "load_run": "runs.run_directory",
  "load_solution": "runs.solutions",
  "register_algorithm": "algorithms.registry",
  "run_experiment": "runs.experiment",
}

# Subpackages whose functions users call as `mftrpo_openspiel.plots.policy`.
_ROOMS = ("plots",)

__all__ = ["__version__", *_MODULES, *_ROOMS]

# The version is defined in setup.py only.
__version__ = importlib.metadata.version(__name__)


def __getattr__(name: str) -> typing.Any:
  if name in _ROOMS:
    return importlib.import_module(f"{__name__}.{name}")
  if name not in _MODULES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
  value = globals()[name] = getattr(module, name)
  return value


def __dir__() -> list[str]:
  return sorted(__all__)
