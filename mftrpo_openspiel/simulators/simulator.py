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
    discount: The factor of what is earned a step later: gamma in a stationary
      model, 1 where the rewards carry it.
    horizon: The largest number of decisions in a play; None if plays never end.
    num_populations: What the masses of a mean field add up to at each time.
  """

  legal_actions_mask: np.ndarray
  discount: float
  horizon: int | None
  num_populations: int = 1

  @abc.abstractmethod
  def under(self, mean_field: np.ndarray) -> "FrozenSimulator":
    """Returns the game under the (N,) mean field, of `num_populations`."""


class FrozenSimulator(abc.ABC):
  """A game under one mean field."""

  @abc.abstractmethod
  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the places of players at the beginning.

    Each has the initial law of the game. All populations have equally many
    players, up to one.
    """

  @abc.abstractmethod
  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns (size,): places in given states.

    Raises:
      ValueError: If plays cannot begin in the midst of the game.
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
      (size,), what each earns until its next decision, and (size,), the places
      of these; `ENDED` where there are none.
    """
