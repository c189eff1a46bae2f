"""The table of modules that draw each kind of drawing.

Each module has the constant `PANEL_WIDTH`, in inches, and the functions
`check(drawing)`, which returns the number S of states, `aspect(drawing)`, and
`draw(axes, drawing, values, colors_of)` for (S,) values. Modules that can draw
policies also have `draw_policy(axes, drawing, moves, is_reached)` and
`policy_key()`. Modules whose symbols have different sizes also have
`draw_size_key(axes, drawing, colors_of)`.
"""

import types

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.plots import graph_drawing
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.plots import line_drawing
from mftrpo_openspiel.plots import network_drawing
from mftrpo_openspiel.plots import ring_drawing
from mftrpo_openspiel.utils import validation

_DRAWERS: dict[type, types.ModuleType] = {
  drawing_lib.Grid: grid_drawing,
  drawing_lib.Graph: graph_drawing,
  drawing_lib.Ring: ring_drawing,
  drawing_lib.Line: line_drawing,
  drawing_lib.Network: network_drawing,
}


def drawer_of(drawing: drawing_lib.Drawing) -> types.ModuleType:
  """Returns the module that draws a kind of drawing.

  Raises:
    ValueError: If it is not a drawing.
  """
  validation.check_type("drawing", drawing, *_DRAWERS)
  return _DRAWERS[type(drawing)]
