"""Where the states of a game are on paper: time, population and place.

A `GameDrawing` says it of a game; `placed` says it of the N states of a model
or of a solution, and turns arrays over them into arrays over places.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import re
from typing import NamedTuple

import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.utils import validation

# How OpenSpiel's games, and those over a mean-field MDP, name decision nodes.
_PLACE_AND_TIME = re.compile(r"\((\d+), (\d+)\)")


class Location(NamedTuple):
  """Where a state is.

  Attributes:
    time: Its time step, counted from 0.
    population: Which one the player is of, counted from 0.
    place: Its number on the drawing.
  """

  time: int
  population: int
  place: int


def locate_place_and_time(string: str) -> Location | None:
  """Returns the location of a node "(place, time)", None of any other."""
  match = _PLACE_AND_TIME.fullmatch(string)
  if match is None:
    return None
  place, time = map(int, match.groups())
  return Location(time, 0, place)


@dataclasses.dataclass(frozen=True, eq=False)
class GameDrawing:
  """Where the states of a game lie.

  Attributes:
    drawing: S places.
    locate: From the observation string of a state to its location, or None for
      a node that is drawn nowhere, as mean-field nodes are.
    moves: (S * A, S), in row s * A + a how likely a player in place s who takes
      action a heads for each place; see `certain_moves`. None if that cannot be
      said: policies are then drawn by actions, if at all.
    action_names: One an action, where policies are drawn by actions; numbers if
      not given.
    num_populations: Whose mean fields are drawn side by side.
  """

  drawing: drawing_lib.Drawing
  locate: Callable[[str], Location | None]
  moves: sparse.csr_array | None = None
  action_names: tuple[str, ...] = ()
  num_populations: int = 1


def certain_moves(targets: np.ndarray) -> sparse.csr_array:
  """Returns the (S * A, S) moves of players who head for one place each.

  Args:
    targets: (S, A) of int, the place for which a player in a place heads by an
      action, before noise; -1 where there is no such action.
  """
  targets = np.asarray(targets)
  rows = np.flatnonzero(targets.ravel() >= 0)
  return sparse.csr_array(
    (np.ones(len(rows)), (rows, targets.ravel()[rows])),
    (targets.size, len(targets)),
  )


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedStates:
  """The N states of a model, some of which have a location.

  Attributes:
    game_drawing: On what they are drawn.
    times: The T time steps of the states with a location, in order.
    states: (n,), the states with a location.
    cells: (n,), where each is: (time index * populations + population) * S
      + place.
  """

  game_drawing: GameDrawing
  times: tuple[int, ...]
  states: np.ndarray
  cells: np.ndarray

  @property
  def _shape(self) -> tuple[int, int, int]:
    """Numbers of times, populations and places."""
    places = self.game_drawing.drawing.num_places
    return len(self.times), self.game_drawing.num_populations, places

  def mean_fields(self, mean_field: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the (populations, S) masses of the places, by time.

    Args:
      mean_field: (N,), the masses of the states.
    """
    masses = np.bincount(
      self.cells, mean_field[self.states], minlength=np.prod(self._shape)
    )
    return dict(zip(self.times, masses.reshape(self._shape)))

  def policies(
    self, policy: np.ndarray, mean_field: np.ndarray
  ) -> dict[int, np.ndarray]:
    """Returns the (populations, S, A) policies in the places, by time.

    Where a place has several states at a time, as the cars on a link have
    several destinations, their policies are averaged by the masses of the
    states, or evenly where nobody is. A row of zeros is a place without states.

    Args:
      policy: (N, A).
      mean_field: (N,), the masses of the states.
    """
    size = int(np.prod(self._shape))
    weights = mean_field[self.states]
    totals = np.bincount(self.cells, weights, minlength=size)[self.cells]
    counts = np.bincount(self.cells, minlength=size)[self.cells]
    occupied = totals > 0
    shares = np.where(occupied, weights / np.where(occupied, totals, 1.0), 0.0)
    shares = np.where(occupied, shares, 1.0 / counts)
    averages = sparse.csr_array(
      (shares, (self.cells, self.states)), (size, len(mean_field))
    )
    laws = (averages @ policy).reshape(*self._shape, -1)
    return dict(zip(self.times, laws))


def placed(
  game_drawing: GameDrawing, observation_strings: Sequence[str]
) -> PlacedStates:
  """Returns where the states with these strings lie.

  Raises:
    ValueError: If one lies outside of the drawing, or none lies on it.
  """
  located = [
    (state, location)
    for state, string in enumerate(observation_strings)
    if (location := game_drawing.locate(string)) is not None
  ]
  if not located:
    raise ValueError(
      "locate must give the location of some state, it gives none of the"
      f" {len(observation_strings)}, such as {observation_strings[0]!r}."
    )
  num_places = game_drawing.drawing.num_places
  for state, (time, population, place) in located:
    name = f"locate({observation_strings[state]!r})"
    validation.check_int(f"time of {name}", time, 0)
    validation.check_int(
      f"population of {name}", population, 0, game_drawing.num_populations - 1
    )
    validation.check_int(f"place of {name}", place, 0, num_places - 1)
  locations = np.array([location for _, location in located])
  times, time_indices = np.unique(locations[:, 0], return_inverse=True)
  rows = time_indices * game_drawing.num_populations + locations[:, 1]
  return PlacedStates(
    game_drawing,
    tuple(times.tolist()),
    np.array([state for state, _ in located]),
    rows * num_places + locations[:, 2],
  )
