"""Drawings of OpenSpiel's own mean-field games.

Each function takes a game of one kind. Locations are read from observation
strings, whose formats are defined in `open_spiel/games/mfg` (C++) and
`open_spiel/python/mfg/games`. Walls and sizes are read from the parameters of
the game.
"""

from collections.abc import Callable
import re

import numpy as np
from open_spiel.python.games import dynamic_routing_data
from open_spiel.python.games import dynamic_routing_utils
import pyspiel
from scipy import sparse

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import placement

# Formats of the strings of decision nodes.
_TWO_DIMENSIONAL = re.compile(r"\((\d+), (\d+), (\d+)\)")
_POPULATIONS = re.compile(r"\(pop=(\d+), t=(\d+), pos=\[(\d+) (\d+)\]\)")
_ON_LINK = re.compile(
  r"Location=(.+), waiting[_ ]time=-?\d+, t=(\d+), destination=.*"
)
_ARRIVED = re.compile(r"Arrived at (.+), with arrival time .+, t=(\d+)")
# What each action adds to x (the column) and y (the row).
_MODELLING_STEPS = ((0, -1), (-1, 0), (0, 0), (1, 0), (0, 1))
_POPULATION_STEPS = ((0, 0), (1, 0), (0, 1), (0, -1), (-1, 0))
_RING_STEPS = (-1, 0, 1)
# Distance from a node to the start or end of a link without length, as a
# fraction of the smallest distance of two nodes.
_STUB = 0.35


def ring(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws mfg_crowd_modelling and python_mfg_crowd_modelling."""
  size = game.get_parameters()["size"]
  return placement.GameDrawing(
    drawing.Ring(size),
    placement.locate_place_and_time,
    placement.certain_moves((np.arange(size)[:, None] + _RING_STEPS) % size),
  )


def modelling_grid(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws mfg_crowd_modelling_2d: a torus with walls, x right, y down.

  The states and `forbidden_states` have x first. (`initial_distribution`, which
  is not used here, has y first.)
  """
  parameters = game.get_parameters()
  grid = _grid(parameters["size"], parameters["forbidden_states"], True)
  numbers = _numbers(grid)

  def locate(string: str) -> placement.Location | None:
    match = _TWO_DIMENSIONAL.fullmatch(string)
    if match is None:
      return None
    x, y, time = map(int, match.groups())
    return placement.Location(time, 0, numbers[y, x])

  moves = _grid_moves(grid, _MODELLING_STEPS)
  return placement.GameDrawing(grid, locate, moves)


def population_grid(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws python_mfg_predator_prey and python_mfg_crowd_avoidance."""
  parameters = game.get_parameters()
  grid = _grid(
    parameters["size"],
    parameters.get("forbidden_states", "[]"),
    is_torus=parameters["geometry"] == 1,
  )
  numbers = _numbers(grid)

  def locate(string: str) -> placement.Location | None:
    match = _POPULATIONS.fullmatch(string)
    if match is None:
      return None
    population, time, x, y = map(int, match.groups())
    return placement.Location(time, population, numbers[y, x])

  return placement.GameDrawing(
    grid,
    locate,
    _grid_moves(grid, _POPULATION_STEPS),
    num_populations=game.num_players(),
  )


def aversion_line(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws python_mfg_periodic_aversion: a periodic interval."""
  parameters = game.get_parameters()
  return _line(
    np.linspace(parameters["xmin"], parameters["xmax"], parameters["size"]),
    parameters["n_actions_per_side"],
  )


def quadratic_line(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws mean_field_lin_quad: integers, of which the last is next to 0."""
  parameters = game.get_parameters()
  return _line(np.arange(parameters["size"]), parameters["n_actions_per_side"])


def garnet_line(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws mfg_garnet, whose states have no positions, in numerical order."""
  parameters = game.get_parameters()
  return placement.GameDrawing(
    drawing.Line(np.arange(parameters["size"]), "State", is_continuous=False),
    placement.locate_place_and_time,
    action_names=tuple(map(str, range(parameters["num_action"]))),
  )


def network(game: pyspiel.Game) -> placement.GameDrawing:
  """Draws python_mfg_dynamic_routing and mfg_dynamic_routing.

  Places are the links, in the order of their actions, which are counted from 1.
  Action 0 means to wait, or to have arrived. A car that has arrived, or has no
  next link, stays on its last link.
  """
  roads = _roads(game)
  names = [
    roads.get_road_section_from_action_id(action)
    for action in range(1, roads.num_actions())
  ]
  ends = [tuple(name.split("->")) for name in names]
  nodes = sorted({node for link in ends for node in link})
  numbers = {node: number for number, node in enumerate(nodes)}
  places = {name: place for place, name in enumerate(names)}
  links = np.array([[numbers[a], numbers[b]] for a, b in ends])
  targets = np.full((len(names), len(names) + 1), -1)
  targets[:, 0] = np.arange(len(names))
  follows = links[:, 1, None] == links[:, 0]
  targets[:, 1:][follows] = np.nonzero(follows)[1]

  def locate(string: str) -> placement.Location | None:
    match = _ON_LINK.fullmatch(string) or _ARRIVED.fullmatch(string)
    if match is None:
      return None
    return placement.Location(int(match[2]), 0, places[match[1]])

  positions, shown = _node_positions(roads, nodes, links)
  return placement.GameDrawing(
    drawing.Network(positions, links, shown),
    locate,
    placement.certain_moves(targets),
    action_names=("wait", *names),
  )


DRAWINGS: dict[str, Callable[[pyspiel.Game], placement.GameDrawing]] = {
  "mfg_crowd_modelling": ring,
  "python_mfg_crowd_modelling": ring,
  "mfg_crowd_modelling_2d": modelling_grid,
  "python_mfg_predator_prey": population_grid,
  "python_mfg_crowd_avoidance": population_grid,
  "python_mfg_periodic_aversion": aversion_line,
  "mean_field_lin_quad": quadratic_line,
  "python_mfg_dynamic_routing": network,
  "mfg_dynamic_routing": network,
  "mfg_garnet": garnet_line,
}


def _line(
  positions: np.ndarray, actions_per_side: int
) -> placement.GameDrawing:
  steps = range(-actions_per_side, actions_per_side + 1)
  return placement.GameDrawing(
    drawing.Line(positions),
    placement.locate_place_and_time,
    action_names=tuple(f"{step:+d}" if step else "0" for step in steps),
  )


def _grid(size: int, forbidden_states: str, is_torus: bool) -> drawing.Grid:
  """Returns a square grid with walls, given as "[x|y;x|y]"."""
  walls = np.zeros((size, size), dtype=bool)
  for pair in filter(None, forbidden_states.strip("[]").split(";")):
    x, y = map(int, pair.split("|"))
    walls[y, x] = True
  return drawing.Grid(walls, np.argwhere(~walls), is_torus=is_torus)


def _numbers(grid: drawing.Grid) -> np.ndarray:
  """Returns the place of each cell by row and column, -1 for walls."""
  numbers = np.full(grid.walls.shape, -1)
  numbers[tuple(grid.cells.T)] = np.arange(len(grid.cells))
  return numbers


def _grid_moves(
  grid: drawing.Grid, steps: tuple[tuple[int, int], ...]
) -> sparse.csr_array:
  """Returns the (S * A, S) moves by one step for each action.

  A player that would enter a wall, or leave a grid that is not a torus, stays.
  """
  shape = np.array(grid.walls.shape)
  # (S, A, 2), by row and column.
  cells = grid.cells[:, None] + np.array(steps)[:, ::-1]
  cells = cells % shape if grid.is_torus else np.clip(cells, 0, shape - 1)
  places = _numbers(grid)[cells[..., 0], cells[..., 1]]
  stay = np.arange(len(places))[:, None]
  return placement.certain_moves(np.where(places < 0, stay, places))


def _roads(game: pyspiel.Game) -> dynamic_routing_utils.Network:
  """Returns the network of a game; games in C++ only have its name."""
  if hasattr(game, "network"):
    return game.network
  return {
    "line": dynamic_routing_data.LINE_NETWORK,
    "braess": dynamic_routing_data.BRAESS_NETWORK,
  }[game.get_parameters()["network"]]


def _node_positions(
  roads: dynamic_routing_utils.Network, nodes: list[str], links: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
  """Returns (V, 2), all different, and the names that are shown.

  Positions are those of OpenSpiel, or columns by distance if there are none. In
  OpenSpiel's Sioux Falls, the nodes before and after a node have the same
  position: they are shifted, and not named.
  """
  known = roads._node_position
  if known is None:
    return _by_distance(len(nodes), links), tuple(nodes)
  positions = np.array([known[node] for node in nodes], dtype=float)
  distinct, counts = np.unique(positions, axis=0, return_counts=True)
  if counts.max() == 1:
    return positions, tuple(nodes)
  gaps = np.linalg.norm(distinct[:, None] - distinct, axis=2)
  stub = _STUB * gaps[gaps > 0].min()
  sides = {"bef": (-stub, stub), "aft": (stub, stub)}
  names = list(nodes)
  for row, node in enumerate(nodes):
    side = sides.get(node.partition("_")[0])
    if side is not None:
      positions[row] += side
      names[row] = ""
  return positions, tuple(names)


def _by_distance(num_nodes: int, links: np.ndarray) -> np.ndarray:
  """Returns (V, 2): x counts the links from nodes without predecessors."""
  columns = np.zeros(num_nodes, dtype=int)
  for _ in range(num_nodes):
    for tail, head in links:
      # In a cycle, columns would increase without bound.
      columns[head] = min(max(columns[head], columns[tail] + 1), num_nodes - 1)
  rows = np.zeros(num_nodes)
  for column in np.unique(columns):
    members = np.flatnonzero(columns == column)
    rows[members] = np.arange(len(members)) - (len(members) - 1) / 2
  return np.stack([columns, rows], axis=1).astype(float)
