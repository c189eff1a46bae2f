"""What can be played: single players under a frozen mean field.

A simulator is all that learning from samples sees of a game: where plays
start, what an action pays, and where it leads. Many players are played side by
side, so all arguments and results are arrays with an entry for each of them.

Players are at *places*, whole numbers that only the simulator interprets;
`rows` says which states of the model they are in. In simulators over arrays
places are the states themselves.
"""

import abc

import numpy as np

# The place of a play that has ended.
ENDED = -1


class Simulator(abc.ABC):
  """A game that can be played under any mean field.

  Attributes:
    legal_actions_mask: (N, A) of bool. The states are those of the exact model,
      in the same order.
    discount: The factor of what is earned a decision later: gamma in a
      stationary model, 1 where the rewards carry it.
    horizon: The number of layers of states, of which a play visits one after
      the other and ends at the last one or before; None if plays never end.
    layers: (N,), the layer of each state; None if plays never end.
    times: (N,), the time step that each state belongs to; None likewise. Some
      layers may belong to the same one.
    num_populations: What the masses of a mean field add up to at each time.
    has_fixed_moves: Whether moves are the same under every mean field.
    begins_anywhere: Whether plays can begin in any state.
  """

  legal_actions_mask: np.ndarray
  discount: float = 1.0
  horizon: int | None = None
  layers: np.ndarray | None = None
  times: np.ndarray | None = None
  num_populations: int = 1
  has_fixed_moves: bool = True
  begins_anywhere: bool = True

  @property
  def num_times(self) -> int:
    """The number of time steps of plays that end."""
    assert self.times is not None
    return int(self.times.max()) + 1

  @abc.abstractmethod
  def under(self, mean_field: np.ndarray) -> "FrozenSimulator":
    """Returns the game under the (N,) mean field."""


class FrozenSimulator(abc.ABC):
  """A game under one mean field."""

  @abc.abstractmethod
  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the places of players at the beginning.

    Each has the initial law of the game, not independently of the others: all
    populations have equally many players, up to one.
    """

  @abc.abstractmethod
  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns (size,): places in given states, if plays can begin anywhere.

    Raises:
      ValueError: If no play leads to one of them under the mean field.
    """

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states of players at places, none `ENDED`."""
    return places

  @abc.abstractmethod
  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Plays a decision of each player.

    Args:
      places: (size,), none of them `ENDED`.
      actions: (size,) of int, legal ones.
      rng: Source of chance.

    Returns:
      New arrays: (size,), what each earns until its next decision, and (size,),
      the places of these; `ENDED` where there are none.
    """
