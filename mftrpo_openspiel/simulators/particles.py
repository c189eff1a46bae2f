"""Mean fields as empirical distributions of many players.

Under a frozen mean field players do not interact, and are simulated in blocks.
To find the mean field of a policy if transitions depend on the mean field, all
players are simulated at once. This is an interacting particle system: each step
is made under the empirical distribution of all players.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.simulators import systematic


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
  """A mean field estimated from players.

  Attributes:
    masses: (N,); as for a mean field, their sum is the number of populations,
      at each time in a game of finite horizon.
    num_environment_steps: The number of decisions that were played.
  """

  masses: np.ndarray
  num_environment_steps: int


class Particles:
  """Many players with one policy."""

  def __init__(
    self,
    simulator: simulator_lib.Simulator,
    policy: np.ndarray,
    num_particles: int,
  ):
    """Initializes the players.

    Args:
      simulator: The simulator of the game.
      policy: (N, A).
      num_particles: The number of players; rounded up so that populations have
        equally many.
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
    """Returns (N,): the number of players in each state."""
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
    """Returns the distribution of infinite plays that start in a mean field.

    Args:
      mean_field: (N,), the initial distribution, and the frozen mean field.
      num_steps: The number of steps of each player.
      rng: The random number generator.
      averages: Whether to average over the second half of the steps, instead of
        using the states after the last step.
    """
    first_counted = _second_half(num_steps) if averages else num_steps
    return self._endless(mean_field, mean_field, num_steps, first_counted, rng)

  def long_run(
    self, mean_field: np.ndarray, num_steps: int, rng: np.random.Generator
  ) -> Estimate:
    """Returns the long-run distribution of infinite plays.

    This is the average over the second half of the steps. If transitions depend
    on the mean field, they depend on the empirical distribution of all players.

    Args:
      mean_field: (N,), any valid mean field; it has no effect.
      num_steps: The number of steps of each player.
      rng: The random number generator.
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
    """Returns the average distribution of players in the last of their steps.

    Args:
      mean_field: (N,), the frozen mean field.
      start: (N,), the initial distribution; None for the initial states. In the
        latter case, transitions that depend on the mean field depend on the
        empirical distribution of all players.
      num_steps: The number of steps of each player.
      first_counted: The step from which on states are counted.
      rng: The random number generator.
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
    """Returns (size,): places drawn from masses of states, or initial ones."""
    if start is None:
      return frozen.initial(size, rng)
    return frozen.at(systematic.draw(start, size, rng))

  def _block_sizes(self) -> list[int]:
    """Returns the sizes of blocks with equally many players per population."""
    sizes = rollouts.block_sizes(self._size // self._num_populations)
    return [size * self._num_populations for size in sizes]

  def flow(self, mean_field: np.ndarray, rng: np.random.Generator) -> Estimate:
    """Returns the masses at all times, of plays from beginning to end.

    Args:
      mean_field: (N,), the frozen mean field, also if transitions depend on it.
      rng: The random number generator.
    """
    frozen = self._simulator.under(mean_field)
    layers = slice(0, self._num_layers)
    masses, num_steps = self._walk(frozen, None, layers, rng)
    return Estimate(masses, num_steps)

  def moved_flow(
    self, mean_field: np.ndarray, num_steps: int, rng: np.random.Generator
  ) -> Estimate:
    """Returns a mean field of finite horizon after a few time steps.

    At time t >= M it is the distribution, M time steps later, of players that
    start in the masses of time t - M. Before time M, it is the distribution of
    players that start at the initial states.

    Args:
      mean_field: (N,), the initial distributions, and the frozen mean field.
      num_steps: M, positive and smaller than the number of times.
      rng: The random number generator.
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
    """Returns the masses of players in some layers, and their number of steps.

    Args:
      frozen: The game under a mean field.
      start: (N,), the masses of the layer where they start; None for the
        initial states.
      recorded: The layers; plays stop at the last of them.
      rng: The random number generator.

    Returns:
      (N,), masses, and the number of steps.
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
    """Returns the masses at all times, of plays under these same masses.

    If plays cannot start in any state, they are repeated up to each layer.

    Args:
      mean_field: (N,), the initial values for the masses of later times;
        transitions before these times do not depend on them.
      rng: The random number generator.
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
  """Returns the first step of the second half."""
  return num_steps // 2 + 1 if num_steps else 0
