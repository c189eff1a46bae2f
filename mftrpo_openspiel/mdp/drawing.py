"""Positions of the places of a game in plots.

A drawing shows S places. In a game over a mean-field MDP they are its states;
in other games the states of one time and population, see `plots.placement`.
Only plots use drawings.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
  """Places that are cells of a grid.

  Attributes:
    walls: (rows, columns) of bool, True where there is no place.
    cells: (S, 2) of int, the row and column of each place.
    marks: Places that pictures mark, by their names in the legend.
    is_torus: Whether opposite sides of the grid are connected.
  """

  walls: np.ndarray
  cells: np.ndarray
  marks: Mapping[str, int] = dataclasses.field(default_factory=dict)
  is_torus: bool = False

  @property
  def num_places(self) -> int:
    """Number S of places."""
    return _length("cells of Grid", self.cells)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
  """Places that are nodes of a directed graph.

  Attributes:
    positions: (S, 2), x and y of each node.
    edges: (E, 2) of int, the start and end node of each edge.
  """

  positions: np.ndarray
  edges: np.ndarray

  @property
  def num_places(self) -> int:
    """Number S of places."""
    return _length("positions of Graph", self.positions)


@dataclasses.dataclass(frozen=True, eq=False)
class Ring:
  """Places around a circle: place 0 at the top, the others clockwise.

  Attributes:
    num_places: Number S of places.
  """

  num_places: int


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
  """Places along an axis.

  Attributes:
    positions: (S,), increasing, such as `np.arange(S)`.
    label: The label of the axis.
    is_continuous: Whether a curve through the values of the places makes sense.
  """

  positions: np.ndarray
  label: str = "x"
  is_continuous: bool = True

  @property
  def num_places(self) -> int:
    """Number S of places."""
    return _length("positions of Line", self.positions)


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
  """Places that are the links of a road network.

  Attributes:
    nodes: (V, 2), x and y of each node.
    links: (S, 2) of int, the start and end node of each link.
    node_names: One name per node; "" for no name.
  """

  nodes: np.ndarray
  links: np.ndarray
  node_names: tuple[str, ...]

  @property
  def num_places(self) -> int:
    """Number S of places."""
    return _length("links of Network", self.links)


Drawing = Grid | Graph | Ring | Line | Network
KINDS = (Grid, Graph, Ring, Line, Network)


def _length(name: str, rows: np.ndarray) -> int:
  """Returns the number of rows of an array.

  Raises:
    ValueError: If it is a single number.
  """
  if np.ndim(rows) == 0:
    raise ValueError(
      f"{name} must be an array with one row per place, got {rows!r}."
    )
  return len(rows)


def check_size(drawing: Drawing, num_states: int) -> None:
  """Checks the type of a drawing, and that it has one place per state.

  Raises:
    ValueError: If the type or the number of places is wrong.
  """
  if not isinstance(drawing, KINDS):
    kinds = ", ".join(kind.__name__ for kind in KINDS)
    raise ValueError(
      f"drawing must be one of {kinds}, got {type(drawing).__name__}."
    )
  if drawing.num_places != num_states:
    raise ValueError(
      f"drawing must have one place per state, {num_states} in total, got a"
      f" {type(drawing).__name__} with {drawing.num_places}."
    )
