"""Mean Field Four Rooms: players on a grid who avoid crowded cells.

The game of section IV.a of the paper, inspired by the four rooms of Geist et
al. (2021), arXiv:2106.03787. A player stands in a cell and stays or moves left,
right, up or down on slippery ground (`grid.slippery_kernel`). It earns

    r(s, a, mu) = -crowd_aversion * log mu(s) + stay_reward if a is "stay"
                                              + move_reward otherwise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel.games import grid as grid_lib
from mftrpo_openspiel.games import parameters as parameters_lib
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.utils import memory
from mftrpo_openspiel.utils import validation

FOUR_ROOMS = "four_rooms"

DEFAULT_PARAMS = {
  # Side length of a room in cells. It is limited by the memory, of which each
  # cell of the grid takes about 1 kB.
  "room_size": 5,
  # Another grid instead of the four rooms, see `grid.parse`.
  "layout": FOUR_ROOMS,
  "crowd_aversion": 0.2,
  "slip_probability": 0.1,
  "stay_reward": 0.2,
  "move_reward": -0.2,
  "discount": 0.9,
  "horizon": 40,
  # A cell "row|column", "uniform", or probabilities "[p_0;p_1;...]" of the free
  # cells in row-major order.
  "initial_distribution": "[0|0]",
}

_GAME_TYPE = mdp_game.game_type(
  "python_mfg_four_rooms", "Python Mean Field Four Rooms", DEFAULT_PARAMS
)


def normalized(parameters: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the parameters with text values in a form that round-trips."""
  texts = ("layout", "initial_distribution", "point_of_interest")
  keywords = (FOUR_ROOMS, "uniform", "bottom_right")
  return {
    name: parameters_lib.bracketed(value)
    if name in texts and value not in keywords
    else value
    for name, value in parameters.items()
  }


def grid_of(parameters: Mapping[str, Any]) -> drawing.Grid:
  """Returns the grid that room_size or layout describes."""
  room_size = validation.check_int("room_size", parameters["room_size"], 1)
  if parameters["layout"] == FOUR_ROOMS:
    num_cells = (2 * room_size + 1) ** 2
    memory.check("room_size", room_size, num_cells * grid_lib.CELL_BYTES)
    return grid_lib.parse(grid_lib.four_rooms_layout(room_size))
  if room_size != DEFAULT_PARAMS["room_size"]:
    raise ValueError(
      "room_size must be left at its default if layout is given, got"
      f" {room_size}."
    )
  return grid_lib.parse(parameters["layout"])


def build_mdp(
  parameters: Mapping[str, Any],
  grid: drawing.Grid,
  bonus: np.ndarray | float = 0.0,
) -> mdp_lib.MeanFieldMDP:
  """Returns the mean-field MDP on a grid.

  Args:
    parameters: All of `DEFAULT_PARAMS`.
    grid: A grid with S free cells.
    bonus: (S,), added to the reward of each cell.

  Raises:
    ValueError: If a parameter is out of range.
  """
  check = validation.check_real
  for name in ("stay_reward", "move_reward"):
    check(name, parameters[name])
  crowd_aversion = check("crowd_aversion", parameters["crowd_aversion"], 0)
  slip = check("slip_probability", parameters["slip_probability"], 0, 1)
  num_states = len(grid.cells)
  shape = num_states, len(grid_lib.ACTION_NAMES)
  base = np.full(shape, parameters["move_reward"])
  base[:, grid_lib.STAY] = parameters["stay_reward"]
  base += np.reshape(bonus, (-1, 1))
  return mdp_lib.MeanFieldMDP(
    kernel=grid_lib.slippery_kernel(grid, slip),
    reward=mdp_lib.CrowdAversion(base, crowd_aversion),
    discount=parameters["discount"],
    initial_distribution=parameters_lib.initial_distribution(
      parameters["initial_distribution"],
      num_states,
      lambda text: grid_lib.cell_index("initial_distribution", text, grid),
    ),
    drawing=grid,
    action_names=grid_lib.ACTION_NAMES,
  )


class FourRoomsGame(mdp_game.MDPGame):
  """Four rooms, or another grid."""

  def __init__(self, params: Mapping[str, Any] | None = None):
    params = normalized(parameters_lib.with_defaults(params, DEFAULT_PARAMS))
    mdp = build_mdp(params, grid_of(params))
    super().__init__(mdp, params["horizon"], _GAME_TYPE, params)


pyspiel.register_game(_GAME_TYPE, FourRoomsGame)
