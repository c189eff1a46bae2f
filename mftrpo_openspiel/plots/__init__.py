"""All pictures: curves, mean fields, policies, and animations.

It draws arrays, and runs from their directories, into Matplotlib figures. It
imports `runs`, `games`, `mdp` and `utils`; nothing but programs, `paper` and
`benchmarks` imports it, so that Matplotlib is loaded only where something is
drawn. A newcomer starts with `figures`, which all figures share; where the
states of a game lie is the matter of `game_drawings`.

Users find here what `shortcuts` has, a picture in one line of a solver or a
run: `exploitability`, `mean_field`, `policy` and `difference`. Each is loaded
when it is first used.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
  from mftrpo_openspiel.plots.shortcuts import difference
  from mftrpo_openspiel.plots.shortcuts import exploitability
  from mftrpo_openspiel.plots.shortcuts import mean_field
  from mftrpo_openspiel.plots.shortcuts import policy

__all__ = ["difference", "exploitability", "mean_field", "policy"]


def __getattr__(name: str) -> typing.Any:
  if name not in __all__:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  shortcuts = importlib.import_module(f"{__name__}.shortcuts")
  value = globals()[name] = getattr(shortcuts, name)
  return value


def __dir__() -> list[str]:
  return sorted(__all__)
