"""Mean Field Four Rooms with a point of interest.

The game of section IV.c of the paper: the four rooms of `four_rooms.py`, with
the additional reward

    max(point_bonus - point_slope * d(s, point_of_interest), 0)

near one cell, where d is the l1 distance of the cells' coordinates.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import grid as grid_lib
from mftrpo_openspiel.games import parameters as parameters_lib
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.utils import validation

BOTTOM_RIGHT = "bottom_right"

DEFAULT_PARAMS = {
  **four_rooms.DEFAULT_PARAMS,
  "crowd_aversion": 0.4,
  # A cell "row|column", or the last free cell in row-major order.
  "point_of_interest": BOTTOM_RIGHT,
  "point_bonus": 0.3,
  "point_slope": 0.1,
}

_GAME_TYPE = mdp_game.game_type(
  "python_mfg_four_rooms_poi",
  "Python Mean Field Four Rooms with a Point of Interest",
  DEFAULT_PARAMS,
)


class FourRoomsPOIGame(mdp_game.MDPGame):
  """Four rooms, or another grid, with a point of interest."""

  def __init__(self, params: Mapping[str, Any] | None = None):
    params = four_rooms.normalized(
      parameters_lib.with_defaults(params, DEFAULT_PARAMS)
    )
    bonus = validation.check_real("point_bonus", params["point_bonus"])
    slope = validation.check_real("point_slope", params["point_slope"], 0)
    grid = four_rooms.grid_of(params)
    target = len(grid.cells) - 1
    if params["point_of_interest"] != BOTTOM_RIGHT:
      target = grid_lib.cell_index(
        "point_of_interest", params["point_of_interest"], grid
      )
    distance = np.abs(grid.cells - grid.cells[target]).sum(axis=1)
    attraction = np.maximum(bonus - slope * distance, 0.0)
    grid = dataclasses.replace(grid, marks={"point of interest": target})
    mdp = four_rooms.build_mdp(params, grid, attraction)
    super().__init__(mdp, params["horizon"], _GAME_TYPE, params)


pyspiel.register_game(_GAME_TYPE, FourRoomsPOIGame)
