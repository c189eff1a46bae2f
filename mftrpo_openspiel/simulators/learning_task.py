"""The task of learning optimal action values from plays."""

import dataclasses

import numpy as np

from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.simulators import systematic
from mftrpo_openspiel.utils import validation

# The number of decisions after which an infinite play is restarted.
PLAY_LENGTH = 100


def play_length(simulator: simulator_lib.Simulator) -> int:
  """Returns the largest number of decisions in a play."""
  return simulator.horizon or PLAY_LENGTH


@dataclasses.dataclass(frozen=True, eq=False)
class OptimalValues:
  """Estimates of optimal action values.

  Attributes:
    action_values: (N, A); -inf where an action is not legal.
    tried: (N, A) of bool, the pairs with samples.
    num_environment_steps: The number of decisions that were played.
  """

  action_values: np.ndarray
  tried: np.ndarray
  num_environment_steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class LearningTask:
  """A game under one mean field, and the number of steps that may be played.

  Attributes:
    simulator: The simulator of the game.
    frozen: The game under the mean field.
    num_steps: The number of decisions that may be made, in all plays together.
    temperatures: (N,), the weights of the entropy bonus; None for no bonus.
    start: (N,), the weights of the states in which players start, with any sum
      > 0; None for the initial states.

  Raises:
    ValueError: If there are not enough steps for one play.
  """

  simulator: simulator_lib.Simulator
  frozen: simulator_lib.FrozenSimulator
  num_steps: int
  temperatures: np.ndarray | None = None
  start: np.ndarray | None = None

  def __post_init__(self):
    validation.check_int("num_steps", self.num_steps, self.play_length)

  @property
  def play_length(self) -> int:
    """The largest number of decisions in a play."""
    return play_length(self.simulator)

  def begin(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): the places in which players start."""
    if self.start is None:
      return self.frozen.initial(size, rng)
    return self.frozen.at(systematic.draw(self.start, size, rng))

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states of players at places; `ENDED` if ended."""
    rows = np.full(places.size, simulator_lib.ENDED)
    playing = places != simulator_lib.ENDED
    rows[playing] = self.frozen.rows(places[playing])
    return rows
