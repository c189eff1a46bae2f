"""Knowledge about OpenSpiel's games from their source code.

No number of trials proves that the transitions of a game never depend on the
mean field. For the games listed here, the source code does: the distribution
stored by `update_distribution` is used for rewards, and for the chance outcomes
at the very beginning, but not for legal actions, other chance outcomes, or next
states. (For `mean_field_lin_quad` this is true without mean reversion.)

The rewards of most of these games depend on the mean field in one of a few ways
that need only array operations, see `DensityFormula`.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp

# The constant that OpenSpiel's C++ games add to a density, in 32 bits.
_FLOOR_CPP = float(np.float32(mean_field_mdp.DENSITY_FLOOR))


@dataclasses.dataclass(frozen=True)
class DensityFormula:
  """How the rewards of a game depend on the mean field.

      r(s, mu) = constant(s) + log_weight * log(mu(s) + floor)
                 + sum over populations p of weight_p * mu_p(place of s)

  Attributes:
    log_weight: The weight of the logarithm of the density.
    floor: The constant added to the density.
    weights: (P, P), the weights of the densities of all P populations in the
      reward of each population; (1, 1) zeros if not given.
  """

  log_weight: float
  floor: float
  weights: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((1, 1))
  )


def _parameters(game: pyspiel.Game) -> dict[str, Any]:
  """Returns all parameters of a game, including default values."""
  return {**game.get_type().parameter_specification, **game.get_parameters()}


def has_fixed_moves(game: pyspiel.Game) -> bool:
  """Returns whether transitions are known not to depend on the mean field."""
  name = game.get_type().short_name
  if name == "mean_field_lin_quad":
    return _parameters(game)["mean_revert"] == 0
  return name == "mean_field_nfg" or name in FORMULAS


def has_quadratic_rewards(game: pyspiel.Game) -> bool:
  """Returns whether rewards are known to be quadratic in the mean field.

  In the linear-quadratic game they are quadratic in the mean position, in the
  normal-form games in the fractions of players per action.
  """
  return game.get_type().short_name in ("mean_field_lin_quad", "mean_field_nfg")


def density_formula(game: pyspiel.Game) -> DensityFormula | None:
  """Returns how rewards depend on densities; None if this is not known."""
  formula = FORMULAS.get(game.get_type().short_name)
  return formula and formula(_parameters(game))


def _crowd_modelling_2d(parameters: Mapping[str, Any]) -> DensityFormula | None:
  if parameters["with_congestion"]:
    return None  # The weight of the density depends on the last action.
  return DensityFormula(-parameters["crowd_aversion_coef"], _FLOOR_CPP)


def _matrix(parameters: Mapping[str, Any], name: str) -> np.ndarray:
  players = parameters["players"]
  numbers = [float(number) for number in parameters[name].split()]
  return np.reshape(numbers, (players, players))


def _predator_prey(parameters: Mapping[str, Any]) -> DensityFormula:
  return DensityFormula(
    -parameters["congestion_coeff"],
    mean_field_mdp.DENSITY_FLOOR,
    _matrix(parameters, "reward_matrix"),
  )


def _crowd_avoidance(parameters: Mapping[str, Any]) -> DensityFormula:
  congestion = _matrix(parameters, "congestion_matrix")
  return DensityFormula(0.0, 1.0, -parameters["coef_congestion"] * congestion)


def _periodic_aversion(parameters: Mapping[str, Any]) -> DensityFormula:
  width = (parameters["xmax"] - parameters["xmin"]) / (parameters["size"] - 1)
  # The game takes the logarithm of mu(s) / width + 1e-15.
  return DensityFormula(
    -parameters["coef_aversion"] * parameters["dt"], 1e-15 * width
  )


# Formulas by the short names of games, all with fixed transitions.
FORMULAS = {
  "mfg_crowd_modelling": lambda _: DensityFormula(-1.0, _FLOOR_CPP),
  "mfg_crowd_modelling_2d": _crowd_modelling_2d,
  "mfg_garnet": lambda parameters: DensityFormula(
    -parameters["eta"], _FLOOR_CPP
  ),
  "python_mfg_crowd_avoidance": _crowd_avoidance,
  "python_mfg_crowd_modelling": lambda _: DensityFormula(
    -1.0, mean_field_mdp.DENSITY_FLOOR
  ),
  "python_mfg_periodic_aversion": _periodic_aversion,
  "python_mfg_predator_prey": _predator_prey,
}
