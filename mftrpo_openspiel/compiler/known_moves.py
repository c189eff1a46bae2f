"""The games of OpenSpiel whose moves are known not to depend on the mean field.

No number of trials shows that the moves of a game never depend on the mean
field. For the games here their source does: what `update_distribution` stores
is read for rewards, and for the chance outcomes at the very beginning, but not
for legal actions, other chance outcomes, or where they lead to. (Of
`mean_field_lin_quad` that is so if nothing reverts to the mean.)
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pyspiel

# By their short names, from the parameters.
_ARE_FIXED: dict[str, Callable[[Mapping[str, Any]], bool]] = {
  "mean_field_lin_quad": lambda parameters: parameters["mean_revert"] == 0,
  "mean_field_nfg": lambda _: True,
  "mfg_crowd_modelling": lambda _: True,
  "mfg_crowd_modelling_2d": lambda _: True,
  "mfg_garnet": lambda _: True,
  "python_mfg_crowd_avoidance": lambda _: True,
  "python_mfg_crowd_modelling": lambda _: True,
  "python_mfg_periodic_aversion": lambda _: True,
  "python_mfg_predator_prey": lambda _: True,
}


def parameters_of(game: pyspiel.Game) -> dict[str, Any]:
  """Returns all parameters of a game, with those that were not given."""
  return {**game.get_type().parameter_specification, **game.get_parameters()}


def are_fixed(game: pyspiel.Game) -> bool:
  """Returns whether moves are known not to depend on the mean field."""
  known = _ARE_FIXED.get(game.get_type().short_name)
  return known is not None and known(parameters_of(game))
