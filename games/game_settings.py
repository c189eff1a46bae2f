"""Settings of our games, which are added to OpenSpiel's factory.

So OpenSpiel's own programs accept `--game_name=python_mfg_four_rooms
--setting=four_rooms` once this package has been imported. OpenSpiel's factory
imports all of its games, which takes longer than importing this package. So the
factory is not imported here; the settings are added when it is first imported.
"""

from collections.abc import Sequence
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

_ROOMS = "python_mfg_four_rooms"
_POI = "python_mfg_four_rooms_poi"
_ISLANDS = "python_mfg_two_islands"
# Name of the setting -> its game and the parameters.
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
  # The paper's experiments (its section IV).
  "four_rooms": (_ROOMS, {"crowd_aversion": 0.2}),
  "four_rooms_high_aversion": (_ROOMS, {"crowd_aversion": 0.4}),
  "four_rooms_poi": (_POI, {"crowd_aversion": 0.4}),
  "four_rooms_poi_low_aversion": (_POI, {"crowd_aversion": 0.2}),
  "two_islands": (_ISLANDS, {"crowd_aversion": 0.2}),
  # Other settings.
  "four_rooms_poi_5x5": (_POI, {"room_size": 2, "horizon": 20}),
  "open_grid_poi_5x5": (
    _POI,
    {"layout": "[.....|.....|.....|.....|.....]", "horizon": 20},
  ),
  "two_islands_imbalanced": (
    _ISLANDS,
    {"reward_imbalance": 0.2, "bridge_cost": 0.1},
  ),
}

# In the form of OpenSpiel's table; the name of a game stands for its defaults.
GAME_SETTINGS: dict[str, dict[str, Any]] = {
  **{setting: parameters for setting, (_, parameters) in SETTINGS.items()},
  **{game_name: {} for game_name, _ in SETTINGS.values()},
}

_OPENSPIEL_FACTORY = "open_spiel.python.mfg.games.factory"


def _add_to(factory: types.ModuleType) -> None:
  factory.GAME_SETTINGS.update(GAME_SETTINGS)


class _Loader(importlib.machinery.SourceFileLoader):
  """Loads OpenSpiel's factory and adds our settings to its own."""

  def exec_module(self, module: types.ModuleType) -> None:
    super().exec_module(module)
    _add_to(module)


class _Finder(importlib.abc.MetaPathFinder):
  """Finds OpenSpiel's factory, and nothing else, for `_Loader`."""

  def find_spec(
    self,
    fullname: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None = None,
  ) -> importlib.machinery.ModuleSpec | None:
    if fullname != _OPENSPIEL_FACTORY:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is None or spec.origin is None:
      return None
    return importlib.util.spec_from_file_location(
      fullname, spec.origin, loader=_Loader(fullname, spec.origin)
    )


if _OPENSPIEL_FACTORY in sys.modules:
  _add_to(sys.modules[_OPENSPIEL_FACTORY])
else:
  sys.meta_path.insert(0, _Finder())
