"""All pictures: curves, mean fields, policies, and animations.

This subpackage draws arrays, and runs from their directories, as Matplotlib
figures. It imports `runs`, `algorithms`, `models`, `mdp` and others below them.
Only programs, `paper` and `benchmarks` import it, so that Matplotlib is loaded
only if something is drawn. Start reading at `figures`, which all figures share;
`game_drawings` defines the positions of the states of a game.

The public names are the functions of `shortcuts`, which draw solvers or runs in
one line: `exploitability`, `mean_field`, `policy` and `difference`. Each is
loaded when it is first used.
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
