"""Which module draws which kind of drawing.

Each has `PANEL_WIDTH`, in inches, and the functions `check(drawing)`, which
returns the number S of states, `aspect(drawing)`, and `draw(axes, drawing,
values, colors_of)` of (S,) values. Those that draw policies have
`draw_policy(axes, drawing, moves, is_reached)` and `policy_key()` too; those in
whose pictures sizes mean something, `draw_size_key(axes, drawing, colors_of)`.
"""

import types

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.plots import graph_drawing
from mftrpo_openspiel.plots import grid_drawing


def drawer_of(drawing: drawing_lib.Drawing) -> types.ModuleType:
  """Returns the module that draws a kind of drawing.

  Raises:
    ValueError: If it is no drawing.
  """
  match drawing:
    case drawing_lib.Grid():
      return grid_drawing
    case drawing_lib.Graph():
      return graph_drawing
  raise ValueError(f"drawing must be a Grid or a Graph, got {drawing!r}.")
