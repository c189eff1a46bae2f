"""Where the states of a game lie on paper; used by plots only."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
  """States that are cells of a grid.

  Attributes:
    walls: (rows, columns) of bool, True where no state is.
    cells: (S, 2) of int, the row and column of each state.
  """

  walls: np.ndarray
  cells: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
  """States that are nodes of a directed graph.

  Attributes:
    positions: (S, 2), x and y of each node.
    edges: (E, 2) of int, from and to.
  """

  positions: np.ndarray
  edges: np.ndarray


Drawing = Grid | Graph
