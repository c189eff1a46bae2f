"""Locations of the states of a game: time, population and place.

A `GameDrawing` defines the locations of the states of a game. `placed` computes
those of the N states of a model or of a solution, and the result converts
arrays over states to arrays over places.
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

# Names of decision nodes in OpenSpiel's games and in games over an MDP.
_PLACE_AND_TIME = re.compile(r"\((\d+), (\d+)\)")


class Location(NamedTuple):
  """The location of a state.

  Attributes:
    time: Its time step, counted from 0.
    population: The population of the player, counted from 0.
    place: The index of its place in the drawing.
  """

  time: int
  population: int
  place: int


def locate_place_and_time(string: str) -> Location | None:
  """Returns the location of a node "(place, time)", None for other strings."""
  match = _PLACE_AND_TIME.fullmatch(string)
  if match is None:
    return None
  place, time = map(int, match.groups())
  return Location(time, 0, place)


@dataclasses.dataclass(frozen=True, eq=False)
class GameDrawing:
  """The drawing of a game, and the locations of its states.

  Attributes:
    drawing: The drawing, with S places.
    locate: Returns the location of a state, given its observation string, or
      None for nodes that are not drawn, such as mean-field nodes.
    moves: (S * A, S), in row s * A + a the probabilities of the intended next
      places of a player in place s with action a; see `certain_moves`. None if
      they are not known: policies are then drawn by actions, if possible.
    action_names: The A names of actions, for drawings of policies by actions;
      numbers if not given.
    num_populations: Number of populations, which are drawn side by side.
  """

  drawing: drawing_lib.Drawing
  locate: Callable[[str], Location | None]
  moves: sparse.csr_array | None = None
  action_names: tuple[str, ...] = ()
  num_populations: int = 1


def certain_moves(targets: np.ndarray) -> sparse.csr_array:
  """Returns the (S * A, S) moves for actions with one intended place each.

  Args:
    targets: (S, A) of int, the intended next place for each place and action,
      before noise; -1 if there is no such action.
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
    game_drawing: The drawing.
    times: The T time steps of the states with a location, in order.
    states: (n,), the states with a location.
    cells: (n,), the location of each state as an index: (time index *
      populations + population) * S + place.
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

    If a place has several states at a time, as for cars with different
    destinations on the same link, their policies are averaged with the masses
    of the states as weights, or with equal weights if the masses are zero. A
    row of zeros is a place without states.

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
  """Returns the locations of the states with these strings.

  Raises:
    ValueError: If a location is outside the drawing, or no state has one.
  """
  located = [
    (state, location)
    for state, string in enumerate(observation_strings)
    if (location := game_drawing.locate(string)) is not None
  ]
  if not located:
    raise ValueError(
      "locate must return the location of at least one state, it returns None"
      f" for all {len(observation_strings)}, such as"
      f" {observation_strings[0]!r}."
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
