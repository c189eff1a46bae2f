"""Mean fields as empirical laws of many players.

Under a frozen mean field players do not see each other, and are played in
blocks. To find the mean field of a policy where moves depend on the mean field,
all of them are played at once: an interacting particle system, in which each
step is played under where all players are.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.simulators import systematic


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
  """A mean field from players.

  Attributes:
    masses: (N,); like those of a mean field, they add up to the number of
      populations, at each time in a game of finite horizon.
    num_environment_steps: How many decisions were played.
  """

  masses: np.ndarray
  num_environment_steps: int


class Particles:
  """Many players of one policy."""

  def __init__(
    self,
    simulator: simulator_lib.Simulator,
    policy: np.ndarray,
    num_particles: int,
  ):
    """Initializes the players.

    Args:
      simulator: What is played.
      policy: (N, A).
      num_particles: How many; rounded up to as many in each population.
    """
    self._simulator = simulator
    self._player = rollouts.PolicyPlayer(policy)
    self._num_populations = num_populations = simulator.num_populations
    self._size = -(-num_particles // num_populations) * num_populations

  def _step(
    self,
    frozen: simulator_lib.FrozenSimulator,
    places: np.ndarray,
    rng: np.random.Generator,
  ) -> np.ndarray:
    """Returns the next places of players whose plays have not ended."""
    actions, _ = self._player.draw(frozen.rows(places), rng)
    _, places = frozen.step(places, actions, rng)
    if self._simulator.horizon is None:
      return places
    return places[places != simulator_lib.ENDED]

  def _visits(
    self, frozen: simulator_lib.FrozenSimulator, places: np.ndarray
  ) -> np.ndarray:
    """Returns (N,): how many players are in each state."""
    num_states = len(self._simulator.legal_actions_mask)
    return np.bincount(frozen.rows(places), minlength=num_states)

  def moved(
    self,
    mean_field: np.ndarray,
    num_steps: int,
    rng: np.random.Generator,
    *,
    averages: bool,
  ) -> Estimate:
    """Returns where endless plays lead that begin in a mean field.

    Args:
      mean_field: (N,), where players are first, and what they play under.
      num_steps: How many steps they take.
      rng: Source of chance.
      averages: Whether it is where they are on average in the second half of
        the steps, instead of after the last.
    """
    first_counted = _second_half(num_steps) if averages else num_steps
    return self._endless(mean_field, mean_field, num_steps, first_counted, rng)

  def long_run(
    self, mean_field: np.ndarray, num_steps: int, rng: np.random.Generator
  ) -> Estimate:
    """Returns where endless plays lead that start at the beginning.

    That is where players are on average in the second half of their steps.
    Where moves depend on the mean field, it is that of all players.

    Args:
      mean_field: (N,), one that players may be under, where it does not matter.
      num_steps: How many steps they take.
      rng: Source of chance.
    """
    first_counted = _second_half(num_steps)
    return self._endless(mean_field, None, num_steps, first_counted, rng)

  def _endless(
    self,
    mean_field: np.ndarray,
    start: np.ndarray | None,
    num_steps: int,
    first_counted: int,
    rng: np.random.Generator,
  ) -> Estimate:
    """Returns where players are on average in the last of their steps.

    Args:
      mean_field: (N,), what they play under.
      start: (N,), where they are first; None for the beginning, from where
        moves that depend on the mean field do so on that of all players.
      num_steps: How many steps they take.
      first_counted: After how many of these where they are counts first.
      rng: Source of chance.
    """
    frozen = self._simulator.under(mean_field)
    interacts = start is None and not self._simulator.has_fixed_moves
    visits = np.zeros(mean_field.size, np.int64)
    for size in [self._size] if interacts else self._block_sizes():
      places = self._first_places(frozen, start, size, rng)
      for step in range(num_steps + 1):
        if step:
          if interacts:
            law = self._visits(frozen, places) / size
            frozen = self._simulator.under(law)
          places = self._step(frozen, places, rng)
        if step >= first_counted:
          visits += self._visits(frozen, places)
    return Estimate(visits / visits.sum(), num_steps * self._size)

  @staticmethod
  def _first_places(
    frozen: simulator_lib.FrozenSimulator,
    start: np.ndarray | None,
    size: int,
    rng: np.random.Generator,
  ) -> np.ndarray:
    """Returns (size,): places by masses of states, or at the beginning."""
    if start is None:
      return frozen.initial(size, rng)
    return frozen.at(systematic.draw(start, size, rng))

  def _block_sizes(self) -> list[int]:
    """Returns the sizes of blocks with as many players in each population."""
    sizes = rollouts.block_sizes(self._size // self._num_populations)
    return [size * self._num_populations for size in sizes]

  def flow(self, mean_field: np.ndarray, rng: np.random.Generator) -> Estimate:
    """Returns the masses of all times, of plays from beginning to end.

    Args:
      mean_field: (N,), what they are played under, also where moves depend on
        it.
      rng: Source of chance.
    """
    frozen = self._simulator.under(mean_field)
    layers = slice(0, self._num_layers)
    masses, num_steps = self._walk(frozen, None, layers, rng)
    return Estimate(masses, num_steps)

  def moved_flow(
    self, mean_field: np.ndarray, num_steps: int, rng: np.random.Generator
  ) -> Estimate:
    """Returns a mean field of finite horizon, moved by a few time steps.

    At time t it is where players of time t - M are M time steps later; before
    time M, where players are who start at the beginning.

    Args:
      mean_field: (N,), where players are first, and what they play under.
      num_steps: M > 0, less than there are times.
      rng: Source of chance.
    """
    times, layers = self._simulator.times, self._simulator.layers
    assert times is not None and layers is not None
    frozen = self._simulator.under(mean_field)
    # The first layer of each time, and the end of the last one.
    first_layers = [layers[times == t].min() for t in np.unique(times)]
    first_layers.append(self._num_layers)
    total, num_played = self._walk(
      frozen, None, slice(0, first_layers[num_steps]), rng
    )
    for t, first in enumerate(first_layers[: -num_steps - 1]):
      recorded = slice(*first_layers[t + num_steps : t + num_steps + 2])
      here = np.where(layers == first, mean_field, 0.0)
      masses, num_steps_here = self._walk(frozen, here, recorded, rng)
      total += masses
      num_played += num_steps_here
    return Estimate(total, num_played)

  @property
  def _num_layers(self) -> int:
    assert self._simulator.horizon is not None
    return self._simulator.horizon

  def _walk(
    self,
    frozen: simulator_lib.FrozenSimulator,
    start: np.ndarray | None,
    recorded: slice,
    rng: np.random.Generator,
  ) -> tuple[np.ndarray, int]:
    """Returns where players are in some layers, and how many steps they took.

    Args:
      frozen: What they play.
      start: (N,), the masses of the layer where they begin; None for the
        beginning.
      recorded: The layers, up to the end of which they play.
      rng: Source of chance.

    Returns:
      (N,), masses.
    """
    layers = self._simulator.layers
    assert layers is not None
    visits, num_steps = np.zeros(layers.size, np.int64), 0
    total = self._num_populations if start is None else start.sum()
    for size in self._block_sizes() if total else []:
      places = self._first_places(frozen, start, size, rng)
      while places.size:
        layer = layers[frozen.rows(places[:1])[0]]
        if layer >= recorded.start:
          visits += self._visits(frozen, places)
        if layer + 1 == recorded.stop:
          break
        num_steps += places.size
        places = self._step(frozen, places, rng)
    return visits * (total / self._size), num_steps

  def interacting_flow(
    self, mean_field: np.ndarray, rng: np.random.Generator
  ) -> Estimate:
    """Returns the masses of all times, of plays under these very masses.

    Where plays cannot begin in the midst of the game, they are played anew up
    to each layer.

    Args:
      mean_field: (N,), what stands for the masses of times that are to come;
        moves before do not depend on it.
      rng: Source of chance.
    """
    layers = self._simulator.layers
    assert layers is not None
    if not self._simulator.begins_anywhere:
      return self._replayed_flow(mean_field, layers, rng)
    frozen = self._simulator.under(mean_field)
    rows = frozen.rows(frozen.initial(self._size, rng))
    masses, num_steps = mean_field.copy(), 0
    weight = self._num_populations / self._size
    for layer in range(self._num_layers):
      visits = np.bincount(rows, minlength=layers.size)
      masses = np.where(layers == layer, visits * weight, masses)
      if layer + 1 == self._num_layers or not rows.size:
        continue
      num_steps += rows.size
      frozen = self._simulator.under(masses)
      rows = frozen.rows(self._step(frozen, frozen.at(rows), rng))
    return Estimate(masses, num_steps)

  def _replayed_flow(
    self,
    mean_field: np.ndarray,
    layers: np.ndarray,
    rng: np.random.Generator,
  ) -> Estimate:
    """Returns `interacting_flow` by plays from the beginning to each layer."""
    masses, num_steps = mean_field.copy(), 0
    for layer in range(self._num_layers):
      frozen = self._simulator.under(masses)
      found, played = self._walk(frozen, None, slice(layer, layer + 1), rng)
      masses = np.where(layers == layer, found, masses)
      num_steps += played
    return Estimate(masses, num_steps)


def _second_half(num_steps: int) -> int:
  """Returns the first step of the second half of several."""
  return num_steps // 2 + 1 if num_steps else 0
