"""The games of the benchmark, with names for command-line flags."""

from collections.abc import Sequence
import re

import pyspiel

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.openspiel import game_parameters

# OpenSpiel's mean-field games and ours.
ALL = (
  "mfg_crowd_modelling",
  "mfg_crowd_modelling_2d:crowd_modelling_2d_10x10",
  "mfg_crowd_modelling_2d:crowd_modelling_2d_four_rooms",
  "mfg_crowd_modelling_2d:crowd_modelling_2d_maze",
  "mfg_garnet",
  "mfg_garnet(size=100,horizon=50)",
  "python_mfg_crowd_modelling",
  "python_mfg_crowd_avoidance",
  "python_mfg_predator_prey:predator_prey_5x5x3",
  "python_mfg_predator_prey:predator_prey_5x5x4",
  "python_mfg_periodic_aversion",
  "mean_field_lin_quad",
  "python_mfg_dynamic_routing:dynamic_routing_line",
  "python_mfg_dynamic_routing:dynamic_routing_braess",
  "python_mfg_dynamic_routing:dynamic_routing_sioux_falls_dummy_demand",
  "mfg_dynamic_routing:dynamic_routing_line",
  "mfg_dynamic_routing:dynamic_routing_braess",
  "mfg_dynamic_routing:dynamic_routing_sioux_falls_dummy_demand",
  "python_mfg_four_rooms",
  "python_mfg_four_rooms_poi",
  "python_mfg_two_islands",
)
# Games of `head_to_head`: OpenSpiel's four rooms and the games of the paper.
HEAD_TO_HEAD = (
  "mfg_crowd_modelling_2d:crowd_modelling_2d_four_rooms",
  "python_mfg_four_rooms",
  "python_mfg_four_rooms_poi",
  "python_mfg_two_islands",
)


def parse(value: str) -> Sequence[str]:
  """Returns the games of a flag, split at commas outside brackets.

  Raises:
    ValueError: If the flag is empty, or a name is unknown.
  """
  if value == "all":
    return ALL
  names = game_parameters.split_at_commas(value)
  if not all(names):
    raise ValueError(
      f"games must be 'all' or a comma-separated list of games, got {value!r}."
    )
  known = {*factory.mean_field_games(), *factory.settings()}
  for name in names:
    short_name = re.split(r"[(:]", name)[0]
    if short_name in known:
      _check_setting(name)
      continue
    if short_name in pyspiel.registered_names():
      raise ValueError(f"games must be mean-field games, got {name!r}.")
    raise ValueError(
      "games must be registered OpenSpiel games or settings of them, got"
      f" {name!r}."
    )
  return names


def _check_setting(name: str) -> None:
  """Raises a ValueError if a name is a setting of several games."""
  candidates = factory.settings().get(name, ())
  if len(candidates) > 1:
    allowed = " or ".join(f"{game}:{name}" for game in candidates)
    raise ValueError(
      f"games must name the game of a setting, {allowed}, got {name!r}."
    )


def load(name: str) -> pyspiel.Game:
  """Returns a game by its name, name:setting, or a setting of one game.

  Raises:
    ValueError: If there is no such game.
  """
  if name in factory.settings():
    return factory.create_game(setting=name)
  game_name, _, setting = name.partition(":")
  return factory.create_game(game_name, setting or None)
