"""The chain of one player's state and the counts of the others.

The state of one player and the numbers of the N - 1 others in each state form a
Markov chain, in whatever way the kernel and the rewards depend on the mean
field. A player that observes both solves an ordinary MDP on it, with

    S * binomial(N + S - 2, S - 1)

states. It is solved here by backward induction, or by value iteration for an
infinite horizon, and so only for small games.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mftrpo_openspiel.finite_population import count_lattice
from mftrpo_openspiel.finite_population import worlds

# Limits for one step: joint states, numbers in memory, and multiplications (a
# billion of them take seconds).
MAX_STATES = 100_000
MAX_NUMBERS = 40_000_000
MAX_PRODUCTS = 2_000_000_000
# Number of rewards in memory at once, before those of joint states are
# selected.
_MAX_REWARDS = 4_000_000
# Value iteration ends when the error is at most this fraction of the values, or
# at most the accumulated rounding error.
TOLERANCE = 1e-12
MAX_SWEEPS = 100_000

# Maps the next values to the expected values after each action, (L, 2, S, A).
_Follows = Callable[[np.ndarray], np.ndarray]


class Values(NamedTuple):
  """The expected returns of a player, averaged over the initial states.

  Attributes:
    own: With the policy of all others.
    best: With the best policy that observes the counts.
    error_bound: Error bound of `best - own`.
  """

  own: float
  best: float
  error_bound: float = 0.0


class JointChain:
  """One player and N - 1 others that use a given policy.

  Values are (L, 2, S) arrays. The axes are the counts of the others; the policy
  of the player, which is that of the others or the best one; and the state of
  the player.

  Attributes:
    num_states: The largest number of joint states in a step.
  """

  def __init__(self, world: worlds.World, policy: np.ndarray, num_players: int):
    """Initializes the chain.

    Args:
      world: A game of one population.
      policy: (S, A), of the others.
      num_players: N.

    Raises:
      ValueError: If there are several populations, or the chain is too large.
    """
    if world.populations.any():
      raise ValueError(
        "information must be 'own' for a game of several populations, got"
        " 'counts'."
      )
    self._world, self._policy = world, policy
    self._num_players, self._num_others = num_players, num_players - 1
    self._sizes = [step.stop - step.start for step in world.steps]
    self.num_states = max(
      size * count_lattice.size(size, self._num_others) for size in self._sizes
    )
    self._check_size()
    lattices = {
      size: count_lattice.CountLattice(size, num_players)
      for size in set(self._sizes)
    }
    self._lattices = [lattices[size] for size in self._sizes]
    self._rewards = self._find_rewards()

  def _check_size(self) -> None:
    """Raises a ValueError if the computation is too large."""
    size, num_others = count_lattice.size, self._num_others
    most_numbers = most_products = 0
    for here, then in zip(self._sizes, self._sizes[1:] or self._sizes):
      if self._world.has_fixed_kernel:
        numbers = (here - 1) * then * size(then + 1, num_others)
        products = 2 * then * size(here + then - 1, num_others)
      else:
        numbers = here * size(here, num_others) * size(then, num_others)
        products = numbers * 2 * then
      most_numbers = max(most_numbers, numbers)
      most_products = max(most_products, products)
    for number, limit, what in (
      (self.num_states, MAX_STATES, "joint states of a player and the others"),
      (most_numbers, MAX_NUMBERS, "numbers in memory for the joint chain"),
      (most_products, MAX_PRODUCTS, "products per step of the joint chain"),
    ):
      if number > limit:
        raise ValueError(
          f"num_players must give at most {limit:,} {what} for"
          f" information='counts', {self._num_players} gives {number:,}; use"
          " fewer players, information='own', or simulate(...), which takes"
          " any number of players."
        )

  def _find_rewards(self) -> list[np.ndarray]:
    """Returns for each step (L, S, A): the rewards in each joint state."""
    num_players, num_actions = self._num_players, self._policy.shape[1]
    laws = [
      lattice.points(num_players) / num_players for lattice in self._lattices
    ]
    joined = [
      lattice.joined[: lattice.size(self._num_others)]
      for lattice in self._lattices
    ]
    rewards = [np.empty((*numbers.shape, num_actions)) for numbers in joined]
    # A mean field of the game consists of a law for each step.
    most = max(map(len, laws))
    block = max(_MAX_REWARDS // (sum(self._sizes) * num_actions), 1)
    for start in range(0, most, block):
      rows = np.arange(start, min(start + block, most))
      mean_fields = np.concatenate(
        [law[np.minimum(rows, len(law) - 1)] for law in laws], axis=1
      )
      paid = self._world.rewards.under(mean_fields)
      for k, numbers in enumerate(joined):
        others, own = np.nonzero((numbers >= start) & (numbers <= rows[-1]))
        state = self._world.steps[k].start + own
        rewards[k][others, own] = paid[numbers[others, own] - start, state]
    return rewards

  def finite_values(self) -> Values:
    """Returns the values in a game with a finite horizon."""
    last = len(self._sizes) - 1
    values = self._values(last, 0.0)
    for k in range(last - 1, -1, -1):
      values = self._values(k, self._moves(k)(values))
    return Values(*self._from_start(values))

  def discounted_values(self, discount: float) -> Values:
    """Returns the values over an infinite horizon, by value iteration.

    If a sweep changes the values by between a and b in all states, the limit
    exceeds the new values by between gamma / (1 - gamma) a and gamma / (1 -
    gamma) b (MacQueen).

    Raises:
      ArithmeticError: If they are not accurate enough after `MAX_SWEEPS`.
    """
    rest = discount / (1 - discount)
    follows = self._moves(0)
    tolerance = max(TOLERANCE, 32 * np.finfo(float).eps / (1 - discount))
    values = self._values(0, 0.0)
    for _ in range(MAX_SWEEPS):
      last, values = values, self._values(0, discount * follows(values))
      change = values - last
      low, high = change.min(axis=(0, 2)), change.max(axis=(0, 2))
      error_bound = float(rest * (high - low).sum() / 2)
      if error_bound <= tolerance * np.abs(values).max():
        values = values + (rest * (low + high) / 2)[:, None]
        return Values(*self._from_start(values), error_bound)
    raise ArithmeticError(
      f"Values on the joint chain may have an error of {error_bound:.1e} after"
      f" {MAX_SWEEPS} sweeps."
    )

  def _values(self, step: int, follows: np.ndarray | float) -> np.ndarray:
    """Returns the values at a step, from the expected values after actions."""
    action_values = self._rewards[step][:, None] + follows
    here = self._world.steps[step]
    own = np.einsum("lsa,sa->ls", action_values[:, 0], self._policy[here])
    legal = self._world.legal_actions_mask[here]
    best = np.where(legal, action_values[:, -1], -np.inf).max(axis=2)
    return np.stack([own, best], axis=1)

  def _from_start(self, values: np.ndarray) -> tuple[float, float]:
    """Returns the mean of the values over independent initial states."""
    start = self._world.initial
    flat = values.reshape(len(values), -1)
    mean = self._lattices[0].mean(flat, start, self._num_others)
    own, best = mean.reshape(2, -1) @ start
    return float(own), float(best)

  def _moves(self, step: int) -> _Follows:
    """Returns the function for expected values after actions, of one step."""
    if self._world.has_fixed_kernel:
      return self._fixed_moves(step)
    return self._changing_moves(step)

  def _next_lattice(self, step: int) -> count_lattice.CountLattice:
    return self._lattices[(step + 1) % len(self._lattices)]

  def _fixed_moves(self, step: int) -> _Follows:
    world = self._world
    lattice, next_lattice = self._lattices[step], self._next_lattice(step)
    kernel = world.kernel(step, world.initial)
    chain = world.chain(step, world.initial, self._policy).toarray()
    expectations = count_lattice.Expectations(
      next_lattice, chain, self._num_others
    )

    def follows(values: np.ndarray) -> np.ndarray:
      expected = expectations(values.reshape(len(values), -1))
      moved = (kernel @ expected.reshape(-1, next_lattice.num_states).T).T
      return moved.reshape(-1, 2, lattice.num_states, self._policy.shape[1])

    return follows

  def _places(self, lattice: count_lattice.CountLattice) -> np.ndarray:
    """Returns (L, N - 1): the states of the others, by their counts."""
    counts = lattice.points(self._num_others)
    states = np.tile(np.arange(lattice.num_states), len(counts))
    places = states.repeat(counts.ravel())
    return places.reshape(len(counts), self._num_others)

  def _changing_moves(self, step: int) -> _Follows:
    """As `_fixed_moves`, if the kernel depends on the empirical mean field."""
    world, num_actions = self._world, self._policy.shape[1]
    lattice, next_lattice = self._lattices[step], self._next_lattice(step)
    num_states = lattice.num_states
    shape = num_states, num_actions, next_lattice.num_states
    kernels = np.array(
      [
        world.kernel(step, point / self._num_players).toarray().reshape(shape)
        for point in lattice.points(self._num_players)
      ]
    )
    plays = self._policy[world.steps[step]]
    chains = np.einsum("fsax,sa->fsx", kernels, plays)
    # One case per joint state.
    places = self._places(lattice)
    joined = lattice.joined[: len(places)].ravel()
    own = np.tile(np.arange(num_states), len(places))
    laws = count_lattice.laws_of_counts(
      next_lattice, places.repeat(num_states, axis=0), chains[joined]
    )
    own_kernels = kernels[joined, own]

    def follows(values: np.ndarray) -> np.ndarray:
      expected = laws @ values.reshape(len(values), -1)
      expected = expected.reshape(len(laws), 2, -1)
      moved = np.einsum("jax,jix->jia", own_kernels, expected)
      by_state = moved.reshape(len(places), num_states, 2, num_actions)
      return by_state.swapaxes(1, 2)

    return follows
