"""Games by name and setting, and settings of the experiments of the paper."""

from collections.abc import Callable
import re
from typing import Any

from open_spiel.python.mfg.games import factory as openspiel_factory
import pyspiel

from mftrpo_openspiel import games  # noqa: F401 (registers the games)
from mftrpo_openspiel.games import game_settings
from mftrpo_openspiel.utils import validation

_SETTINGS = game_settings.SETTINGS
_OUR_GAMES = dict.fromkeys(game_name for game_name, _ in _SETTINGS.values())
# Our settings, in the form of OpenSpiel's table of settings.
GAME_SETTINGS = game_settings.GAME_SETTINGS
# OpenSpiel's function, which also accepts our games and settings.
create_game_with_setting = openspiel_factory.create_game_with_setting

# Start of the name of an OpenSpiel setting -> the games to which it applies,
# which OpenSpiel does not record.
_OPENSPIEL_SETTINGS = {
  "crowd_avoidance": ("python_mfg_crowd_avoidance",),
  "crowd_modelling_2d": ("mfg_crowd_modelling_2d",),
  "dynamic_routing": ("mfg_dynamic_routing", "python_mfg_dynamic_routing"),
  "linear_quadratic": ("mean_field_lin_quad",),
  "periodic_aversion": ("python_mfg_periodic_aversion",),
  "predator_prey": ("python_mfg_predator_prey",),
}

# From the table in section IV.d of the paper, which gives neither the number of
# policy updates L nor the number of population steps M. These two are ours and
# were chosen by the study in docs/mf_trpo_parameters.md.
PAPER_HYPERPARAMETERS: dict[str, Any] = {
  "regularization": (0.05, 0.3),
  "num_iterations": 5000,
  "population_update_rate": 0.01,
  "num_policy_updates": 10,
  "num_population_steps": None,
}


def mean_field_games() -> list[str]:
  """Returns the names of all mean-field games that are registered."""
  return [
    game_type.short_name
    for game_type in pyspiel.registered_games()
    if game_type.dynamics == pyspiel.GameType.Dynamics.MEAN_FIELD
  ]


def settings() -> dict[str, tuple[str, ...]]:
  """Returns all settings that are not names of games, with their games.

  (The name of a game is a setting too, that of its default parameters.)
  """
  names = openspiel_factory.GAME_SETTINGS.keys() - {*pyspiel.registered_names()}
  return {setting: games_of_setting(setting) for setting in sorted(names)}


def games_of_setting(setting: str) -> tuple[str, ...]:
  """Returns the games to which a setting applies; empty if unknown."""
  if setting in _SETTINGS:
    return (_SETTINGS[setting][0],)
  if setting in pyspiel.registered_names():
    return (setting,)
  for start, game_names in _OPENSPIEL_SETTINGS.items():
    if setting.startswith(start):
      return game_names
  return ()


def create_game(
  game_name: str | None = None, setting: str | None = None
) -> pyspiel.Game:
  """Returns a game by its name (with parameters or a setting) or by a setting.

  Args:
    game_name: As for `pyspiel.load_game`; may be omitted with a setting that
      applies to only one game.
    setting: One of our settings or of OpenSpiel's, or None.

  Raises:
    ValueError: If neither is given, one of them is unknown, or the setting
      alone applies to several games.
  """
  if setting is None:
    if not game_name:
      raise ValueError(
        "game_name or setting must be given, such as the setting four_rooms;"
        " got neither."
      )
    validation.check_type("game_name", game_name, str)
    short_name = game_name.partition("(")[0]
    if short_name in settings():
      raise ValueError(
        f"game_name must not be a setting, got {game_name!r}; give"
        f" setting={game_name} instead."
      )
    if short_name not in pyspiel.registered_names():
      raise ValueError(
        f"game_name must be a registered OpenSpiel game, got {game_name!r}"
        f"{validation.suggestion(short_name, mean_field_games())}; ours are"
        f" {', '.join(_OUR_GAMES)}."
      )
    _check_whole_numbers(game_name)
    return _loaded(game_name, pyspiel.load_game, game_name)
  validation.check_choice("setting", setting, openspiel_factory.GAME_SETTINGS)
  if game_name and "(" in game_name:
    raise ValueError(
      "game_name must have no parameters if a setting is given, got"
      f" {game_name!r} and {setting!r}."
    )
  if not game_name:
    candidates = games_of_setting(setting)
    if len(candidates) != 1:
      raise ValueError(
        f"game_name must be given with setting {setting!r}, which applies to"
        f" {' and '.join(candidates) or 'an unknown game'}."
      )
    (game_name,) = candidates
  elif setting in _SETTINGS and _SETTINGS[setting][0] != game_name:
    raise ValueError(
      f"setting {setting!r} applies to {_SETTINGS[setting][0]}, got game_name"
      f" {game_name!r}."
    )
  return _loaded(
    f"{game_name}, setting {setting}",
    openspiel_factory.create_game_with_setting,
    game_name,
    setting,
  )


def _check_whole_numbers(game_name: str) -> None:
  low, high = validation.INT32
  for text in re.findall(r"[(,] *(\w+ *= *[+-]?\d+) *(?=[,)])", game_name):
    if not low <= int(text.partition("=")[2]) <= high:
      raise ValueError(
        f"game_name must have whole numbers in [{low}, {high}], and other"
        f" numbers with a decimal point, got {text}."
      )


def _loaded(
  what: str, load: Callable[..., pyspiel.Game], *arguments: str
) -> pyspiel.Game:
  try:
    return load(*arguments)
  # The last two errors come from settings that a game of OpenSpiel lacks.
  except (pyspiel.SpielError, IndexError, KeyError) as error:
    reason = " ".join(str(error).split())
    raise ValueError(f"game_name {what!r} cannot be loaded: {reason}") from None
