"""Grids drawn in characters, and transition kernels on them."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.utils import memory

WALL = "#"
FREE = "."

ACTION_NAMES = ("stay", "left", "right", "up", "down")
STAY = 0
# Upper bound on the memory per cell of the grid while a game is created.
CELL_BYTES = 1000
# Displacement by each action, in rows and columns.
_MOVES = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])


def four_rooms_layout(room_size: int) -> str:
  """Returns four rooms of room_size x room_size cells, as text.

  The middle row and column are walls, with a door in the middle of each of
  their four parts. With room_size 5 these are the 104 free cells of the four
  rooms of Geist et al. (2021), arXiv:2106.03787:

      .....#.....
      .....#.....
      ...........
      .....#.....
      .....#.....
      ##.#####.##
      .....#.....
      .....#.....
      ...........
      .....#.....
      .....#.....
  """
  middle, size = room_size, 2 * room_size + 1
  doors = [room_size // 2, middle + 1 + room_size // 2]
  cells = np.full((size, size), FREE)
  cells[middle] = cells[:, middle] = WALL
  cells[middle, doors] = cells[doors, middle] = FREE
  return "\n".join(map("".join, cells))


def parse(layout: str) -> drawing.Grid:
  """Returns the grid that `layout` shows.

  Args:
    layout: One line per row of cells: "." is free, "#" is a wall. Lines are
      separated by newlines or by "|"; brackets around the layout are optional.

  Raises:
    ValueError: If a character is unknown, the lines differ in length, no cell
      is free, or a free cell cannot be reached from another.
  """
  lines = layout.strip().strip("[]").replace("\n", "|").split("|")
  lines = [line.strip() for line in lines]
  characters = "".join(lines)
  memory.check("layout", f"{len(lines)} lines", len(characters) * CELL_BYTES)
  unknown = sorted(set(characters) - {WALL, FREE})
  if unknown:
    raise ValueError(
      f"layout must consist of {FREE!r} and {WALL!r}, got {unknown[0]!r} in"
      f" {layout!r}."
    )
  lengths = [len(line) for line in lines]
  if len(set(lengths)) != 1 or not lines[0]:
    raise ValueError(
      f"layout must have lines of equal length, got lengths {lengths}."
    )
  text = np.frombuffer(characters.encode("ascii"), dtype=np.uint8)
  walls = (text == ord(WALL)).reshape(len(lines), -1)
  cells = np.argwhere(~walls)
  if not len(cells):
    raise ValueError(f"layout must have a free cell, got {layout!r}.")
  grid = drawing.Grid(walls, cells)
  next_cells = _next_cells(grid)
  rows = np.repeat(np.arange(len(cells)), next_cells.shape[1])
  adjacency = sparse.coo_array(
    (np.ones(rows.size), (rows, next_cells.ravel())), (len(cells),) * 2
  )
  num_parts, labels = csgraph.connected_components(adjacency, directed=False)
  if num_parts > 1:
    cut_off = tuple(map(int, cells[labels != labels[0]][0]))
    raise ValueError(
      "layout must be connected, cell"
      f" {cut_off} cannot be reached from {tuple(map(int, cells[0]))}."
    )
  return grid


def _next_cells(grid: drawing.Grid) -> np.ndarray:
  """Returns (S, A): the next cell of each action without slipping."""
  # The index type that SciPy uses for this number of transitions.
  num_transitions = len(grid.cells) * len(_MOVES) ** 2
  index_type = np.int32 if num_transitions < 2**31 else np.int64
  index = np.full(np.add(grid.walls.shape, 2), -1, dtype=index_type)
  index[1:-1, 1:-1][~grid.walls] = np.arange(len(grid.cells))
  targets = grid.cells[:, None, :] + _MOVES + 1
  next_cells = index[targets[..., 0], targets[..., 1]]
  return np.where(next_cells < 0, next_cells[:, [STAY]], next_cells)


def slippery_kernel(
  grid: drawing.Grid, slip_probability: float
) -> sparse.csr_array:
  """Returns the (S * A, S) kernel of moving on a slippery grid.

  A move succeeds with probability 1 - slip_probability. Otherwise it goes in
  one of the three other directions, with equal probability. A player who moves
  against a wall stays in its cell. The action "stay" never slips.
  """
  next_cells = _next_cells(grid)
  num_states, num_actions = next_cells.shape
  outcome_law = np.full((num_actions, num_actions), slip_probability / 3)
  outcome_law[STAY] = outcome_law[:, STAY] = 0.0
  np.fill_diagonal(outcome_law, 1.0 - slip_probability)
  outcome_law[STAY, STAY] = 1.0
  # Each action has all moves as outcomes, including those of probability 0.
  kernel = sparse.csr_array(
    (
      np.tile(outcome_law.ravel(), num_states),
      np.repeat(next_cells, num_actions, axis=0).ravel(),
      num_actions
      * np.arange(num_states * num_actions + 1, dtype=next_cells.dtype),
    ),
    shape=(num_states * num_actions, num_states),
  )
  kernel.sum_duplicates()
  return kernel


def cell_index(name: str, text: str, grid: drawing.Grid) -> int:
  """Returns the state at the cell written as "row|column".

  Args:
    name: The name of the parameter in error messages.
    text: The cell, such as "0|0"; brackets around it are optional.
    grid: The grid with the cell.

  Raises:
    ValueError: If it is not a free cell of the grid.
  """
  try:
    row, column = map(int, text.strip("[]").split("|"))
    return int(np.flatnonzero((grid.cells == (row, column)).all(axis=1))[0])
  except (ValueError, IndexError):
    raise ValueError(
      f"{name} must be a free cell 'row|column' of the"
      f" {grid.walls.shape[0]}x{grid.walls.shape[1]} grid, got {text!r}."
    ) from None
