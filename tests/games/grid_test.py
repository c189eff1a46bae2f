"""Tests of grids and of the transition kernels on them."""

import numpy as np
import pytest

from mftrpo_openspiel.games import grid as grid_lib

LAYOUTS = {
  "one_cell": ".",
  "one_row": "....",
  "one_column": ".\n.\n.",
  "open": "...\n...",
  "corner": "..#\n#..\n...",
  "ring": "....\n.##.\n....",
  "four_rooms_1": grid_lib.four_rooms_layout(1),
  "four_rooms_2": grid_lib.four_rooms_layout(2),
  "four_rooms_5": grid_lib.four_rooms_layout(5),
}

DIRECTIONS = {
  "left": (0, -1),
  "right": (0, 1),
  "up": (-1, 0),
  "down": (1, 0),
}


def free_cells(layout):
  rows = layout.split("\n")
  return [
    (i, j) for i in range(len(rows)) for j in range(len(rows[i]))
    if rows[i][j] == "."
  ]  # fmt: skip


def simulate(layout, cell, action, slip):
  """Returns {next cell: probability}, directly from the rules of the game."""
  rows = layout.split("\n")

  def step(direction):
    row = cell[0] + DIRECTIONS[direction][0]
    column = cell[1] + DIRECTIONS[direction][1]
    inside = 0 <= row < len(rows) and 0 <= column < len(rows[0])
    if inside and rows[row][column] == ".":
      return row, column
    return cell

  if action == "stay":
    return {cell: 1.0}
  law = {}
  for direction in DIRECTIONS:
    probability = 1 - slip if direction == action else slip / 3
    law[step(direction)] = law.get(step(direction), 0.0) + probability
  return law


@pytest.mark.parametrize("slip", [0.0, 0.1, 0.75, 1.0])
@pytest.mark.parametrize("name", LAYOUTS)
def test_kernel_is_that_of_a_simulator(name, slip):
  layout = LAYOUTS[name]
  cells = free_cells(layout)
  expected = np.zeros((len(cells), len(grid_lib.ACTION_NAMES), len(cells)))
  for i, cell in enumerate(cells):
    for a, action in enumerate(grid_lib.ACTION_NAMES):
      for target, probability in simulate(layout, cell, action, slip).items():
        expected[i, a, cells.index(target)] = probability
  kernel = grid_lib.slippery_kernel(grid_lib.parse(layout), slip).toarray()
  np.testing.assert_allclose(
    kernel.reshape(expected.shape), expected, atol=1e-15
  )


@pytest.mark.parametrize(
  ("cell", "action", "law"),
  [
    # In the corner: up and left hit walls.
    ((0, 0), "stay", {(0, 0): 1.0}),
    ((0, 0), "right", {(0, 1): 0.9, (1, 0): 0.1 / 3, (0, 0): 0.2 / 3}),
    ((0, 0), "up", {(0, 0): 0.9 + 0.1 / 3, (0, 1): 0.1 / 3, (1, 0): 0.1 / 3}),
    # Next to the wall, with the door one row below.
    ((1, 4), "right", {(1, 4): 0.9, (1, 3): 0.1 / 3, (0, 4): 0.1 / 3,
                       (2, 4): 0.1 / 3}),
    # In the door: walls above and below.
    ((2, 5), "left", {(2, 4): 0.9, (2, 6): 0.1 / 3, (2, 5): 0.2 / 3}),
    # Away from walls.
    ((8, 8), "down", {(9, 8): 0.9, (7, 8): 0.1 / 3, (8, 7): 0.1 / 3,
                      (8, 9): 0.1 / 3}),
  ],
)  # fmt: skip
def test_moves_in_the_four_rooms(cell, action, law):
  grid = grid_lib.parse(grid_lib.four_rooms_layout(5))
  states = {tuple(map(int, cell)): i for i, cell in enumerate(grid.cells)}
  row = states[cell] * 5 + grid_lib.ACTION_NAMES.index(action)
  kernel = grid_lib.slippery_kernel(grid, 0.1).toarray()[row]
  expected = np.zeros(104)
  for target, probability in law.items():
    expected[states[target]] = probability
  np.testing.assert_allclose(kernel, expected, atol=1e-15)


def test_four_rooms_of_the_paper():
  grid = grid_lib.parse(grid_lib.four_rooms_layout(5))
  assert grid.walls.shape == (11, 11)
  assert len(grid.cells) == 104
  doors = {(2, 5), (8, 5), (5, 2), (5, 8)}
  for row, column in np.ndindex(11, 11):
    in_wall = row == 5 or column == 5
    assert grid.walls[row, column] == (in_wall and (row, column) not in doors)


@pytest.mark.parametrize(
  ("room_size", "layout"),
  [
    (1, "...\n.#.\n..."),
    (2, "..#..\n.....\n#.##.\n..#..\n....."),
    (3, "...#...\n.......\n...#...\n#.###.#\n...#...\n.......\n...#..."),
  ],
)
def test_small_four_rooms(room_size, layout):
  assert grid_lib.four_rooms_layout(room_size) == layout


def test_cells_are_in_row_major_order():
  grid = grid_lib.parse("..#\n#..")
  assert grid.cells.tolist() == [[0, 0], [0, 1], [1, 1], [1, 2]]
  assert grid.walls.tolist() == [[False, False, True], [True, False, False]]


@pytest.mark.parametrize(
  "text",
  ["..#|#..", "[..#|#..]", "..#\n#..", "[..#\n#..]", "\n  ..#\n  #..\n"],
)
def test_ways_to_write_a_layout(text):
  grid = grid_lib.parse(text)
  assert grid.cells.tolist() == [[0, 0], [0, 1], [1, 1], [1, 2]]


@pytest.mark.parametrize(
  ("layout", "match"),
  [
    ("..a", "consist of '.' and '#', got 'a'"),
    (".. ..", "consist of '.' and '#', got ' '"),
    ("...\n..", r"lines of equal length, got lengths \[3, 2\]"),
    ("..\n\n..", r"lines of equal length, got lengths \[2, 0, 2\]"),
    ("", "lines of equal length"),
    ("[]", "lines of equal length"),
    ("|", "lines of equal length"),
    ("##\n##", "have a free cell"),
    (".#.", r"connected, cell \(0, 2\) cannot be reached from \(0, 0\)"),
    (".#\n#.", r"connected, cell \(1, 1\) cannot be reached"),
    ("..#..\n..#..", r"connected, cell \(0, 3\) cannot be reached"),
  ],
)
def test_bad_layout(layout, match):
  with pytest.raises(ValueError, match=f"^layout must .*{match}") as info:
    grid_lib.parse(layout)
  assert "\n" not in str(info.value)


@pytest.mark.parametrize(
  ("text", "state"),
  [("0|0", 0), ("[0|1]", 1), ("1|1", 2), ("[ 1 | 2 ]", 3)],
)
def test_cell_index(text, state):
  grid = grid_lib.parse("..#\n#..")
  assert grid_lib.cell_index("start", text, grid) == state


@pytest.mark.parametrize(
  "text",
  ["0|2", "1|0", "2|0", "0|3", "-1|1", "0", "0|0|0", "a|b", "", "|", "0.0|0"],
)
def test_bad_cell(text):
  grid = grid_lib.parse("..#\n#..")
  with pytest.raises(
    ValueError,
    match=r"^start must be a free cell 'row\|column' of the 2x3 grid",
  ) as info:
    grid_lib.cell_index("start", text, grid)
  assert repr(text) in str(info.value)
  assert "\n" not in str(info.value)
