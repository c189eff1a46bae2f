"""The interface of simulators: single players under a frozen mean field.

Sample-based methods see a game only through a simulator: where plays start, the
rewards of actions, and the next states. Many players are simulated side by
side, so all arguments and results are arrays with an entry per player.

Players are at *places*, integers that only the simulator interprets; `rows`
returns their states in the model. In simulators over arrays, places are the
states themselves.
"""

import abc

import numpy as np

# The place of a play that has ended.
ENDED = -1


class Simulator(abc.ABC):
  """A game that can be simulated under any mean field.

  Attributes:
    legal_actions_mask: (N, A) of bool. The states are those of the exact model,
      in the same order.
    discount: The discount factor per decision: gamma in a stationary model, and
      1 if rewards are already discounted.
    horizon: The number of layers of states. A play visits them one after the
      other and ends at the last one or before. None if plays never end.
    layers: (N,), the layer of each state; None if plays never end.
    times: (N,), the time step of each state; None if plays never end. Several
      layers may have the same time step.
    num_populations: The sum of the masses of a mean field at each time.
    has_fixed_moves: Whether transitions are the same under every mean field.
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

    Each is distributed as the initial distribution of the game, but they are
    not independent: all populations have equally many players, up to one.
    """

  @abc.abstractmethod
  def at(self, rows: np.ndarray) -> np.ndarray:
    """Returns (size,): places in given states, if plays can begin anywhere.

    Raises:
      ValueError: If one of them cannot be reached under the mean field.
    """

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states of players at places that are not `ENDED`."""
    return places

  @abc.abstractmethod
  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Simulates a decision of each player.

    Args:
      places: (size,), none of them `ENDED`.
      actions: (size,) of int, legal actions.
      rng: The random number generator.

    Returns:
      New arrays: (size,), the rewards of players until their next decisions,
      and (size,), the places of these decisions; `ENDED` if there are none.
    """
