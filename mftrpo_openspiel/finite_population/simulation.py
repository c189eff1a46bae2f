"""Simulates the numbers of N players in each state.

Players in the same state with the same policy are interchangeable, so only
their number is sampled: the next states of the players in one state have a
multinomial law. The cost does not depend on N. Kernels and rewards may depend
on the empirical mean field in any way.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from scipy import sparse
from scipy import special

from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.finite_population import worlds
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import validation

# Confidence of all intervals.
CONFIDENCE = 0.99
# Discount at the horizon of a stationary model.
TAIL_DISCOUNT = 1e-6
# Number of rewards in memory at once.
_MAX_REWARDS = 4_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
  """Means over replicas, with 99 % confidence intervals.

  Attributes:
    mean: A number, or an array of numbers.
    half_width: Half of each interval, mean - half_width to mean + half_width.
  """

  mean: np.ndarray
  half_width: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation:
  """Estimates for N players in K steps: the layers of a game, or times.

  Attributes:
    value: J_N, the expected return of a player; of the one that deviates, if
      there is one. If there are several populations, the sum over populations.
      distance: (K,), the total variation distance between the empirical mean
      field and that of the model at each step, which is half of the sum of
      absolute differences. If there are several populations, the mean over
      populations. mean_field: The empirical mean field: (S,) for a game, over
      the states of the model, and (K, S) for a stationary model, at each time.
      tail: Bound on the discounted rewards after the horizon: gamma^K / (1 -
      gamma) times the largest absolute reward of any action in a state that was
      visited in the simulation. It holds if later rewards are not larger. 0 for
      a game. num_players: N. num_replicas: Number of simulated plays. seed:
      Seed of the random numbers; the same seed gives the same results.
  """

  value: Estimate
  distance: Estimate
  mean_field: Estimate
  tail: float
  num_players: int
  num_replicas: int
  seed: int


def simulate(
  model: player_rewards.Model,
  policy: np.ndarray | policy_lib.Policy,
  num_players: int,
  num_replicas: int,
  seed: int,
  deviation: np.ndarray | policy_lib.Policy | None = None,
  horizon: int | None = None,
) -> Simulation:
  """Simulates many plays of a game of N players.

  Players start independently from the initial law of the game, and in a
  stationary model from the mean field of the policy.

  Args:
    model: A StationaryModel or a CompiledGame.
    policy: (N, A) of the model, or a policy for its OpenSpiel game, used by all
      players except for the one that deviates, if there is one.
    num_players: Number of players in each population.
    num_replicas: Number of plays, at least 2.
    seed: Seed of the random numbers.
    deviation: The policy of the player that deviates; None if no player does.
    horizon: Number of steps for a stationary model; None for the smallest
      number with gamma^horizon <= 1e-6.

  Raises:
    ValueError: If an argument is out of range, the rewards of N players cannot
      be computed from the model, or `deviation` is given for a game with
      several populations.
  """
  policy = deviations.checked_policy(model, policy)
  num_players = deviations.checked_number(num_players)
  num_replicas = validation.check_int("num_replicas", num_replicas, 2)
  seed = validation.check_int("seed", seed, 0)
  if deviation is not None:
    deviation = deviations.checked_policy(model, deviation, "deviation")
  discount = None
  if isinstance(model, stationary_model.StationaryModel):
    discount = model.mdp.discount
  if horizon is not None:
    validation.check_int("horizon", horizon, 1)
    if discount is None:
      raise ValueError(
        f"horizon must be None for a game, which has one, got {horizon}."
      )
  elif discount is not None:
    horizon = horizon_of(discount)
  world = worlds.of_model(model, policy, horizon)
  if deviation is not None and world.populations.any():
    raise ValueError(
      "deviation must be None for a game with several populations."
    )
  players = _Players(world, policy, deviation, num_players)
  mean_field = model.mean_field(policy)
  statistics = _Statistics(world, mean_field)
  block = max(_MAX_REWARDS // players.num_rewards, 1)
  sizes = [block] * (num_replicas // block) + [num_replicas % block]
  seeds = np.random.SeedSequence(seed).spawn(len(sizes))
  with progress.live_bar(num_replicas, unit="replica") as bar:
    for size, its_seed in zip(sizes, seeds):
      if size:
        rng = np.random.default_rng(its_seed)
        statistics.add(*players.play(size, rng))
        bar.update(size)
  tail = 0.0
  if discount is not None:
    left = discount ** len(world.steps) / (1 - discount)
    tail = left * statistics.largest_reward
  value, distance, shares = statistics.estimates()
  return Simulation(
    value, distance, shares, tail, num_players, num_replicas, seed
  )


def horizon_of(discount: float) -> int:
  """Returns the number of steps after which the discount is `TAIL_DISCOUNT`."""
  if not discount:
    return 1
  return math.ceil(math.log(TAIL_DISCOUNT) / math.log(discount))


class _Players:
  """N players with the same policy, except for one that may deviate."""

  def __init__(
    self,
    world: worlds.World,
    policy: np.ndarray,
    deviation: np.ndarray | None,
    num_players: int,
  ):
    """Initializes the players, with (S, A) policies."""
    self._world = world
    self._policy, self._deviation = policy, deviation
    self._num_players = num_players
    self._num_others = num_players - (deviation is not None)
    # Number of states in all steps.
    num_states = sum(step.stop - step.start for step in world.steps)
    self.num_rewards = num_states * policy.shape[1]
    self._fixed_chains: list[sparse.csr_array] | None = None
    self._fixed_own_chains: list[sparse.csr_array] | None = None
    if world.has_fixed_kernel:
      self._fixed_chains = self._chains(policy)
      if deviation is not None:
        self._fixed_own_chains = self._chains(deviation)

  def _chains(self, policy: np.ndarray) -> list[sparse.csr_array]:
    """Returns the chain of each step except the last, under any mean field."""
    world = self._world
    if world.is_stationary:
      chain = world.chain(0, world.initial, policy)
      return [chain] * (len(world.steps) - 1)
    return [
      world.chain(k, world.initial, policy) for k in range(len(world.steps) - 1)
    ]

  def play(
    self, num_replicas: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray, float]:
    """Simulates one play per replica.

    Returns:
      The returns, (R,); the concatenated empirical mean fields of all steps,
      (R, number of states in all steps); and the largest absolute reward of any
      action in a visited state.
    """
    world = self._world
    counts = self._starts(num_replicas, rng)
    places = None
    if self._deviation is not None:
      places = _drawn(np.tile(world.initial, (num_replicas, 1)), rng)
    laws, own_rows, start = [], [], 0
    for k in range(len(world.steps)):
      laws.append(self._shares(counts, places))
      if places is not None:
        own_rows.append(start + places)
        start += counts.shape[1]
      if k + 1 < len(world.steps):
        counts, places = self._move(k, counts, places, laws[-1], rng)
    mean_fields = np.concatenate(laws, axis=1)
    return self._paid(mean_fields, own_rows)

  def _starts(self, num_replicas: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (R, n_0): the number of others in each initial state."""
    world = self._world
    counts = np.zeros((num_replicas, len(world.initial)), dtype=np.int64)
    populations = world.populations[world.steps[0]]
    for population in np.unique(populations):
      here = np.flatnonzero(populations == population)
      law = world.initial[here] / world.initial[here].sum()
      counts[:, here] = rng.multinomial(self._num_others, law, num_replicas)
    return counts

  def _shares(
    self, counts: np.ndarray, places: np.ndarray | None
  ) -> np.ndarray:
    """Returns the empirical mean field of all players, (R, n)."""
    shares = counts.astype(np.float64)
    if places is not None:
      shares[np.arange(len(places)), places] += 1
    return shares / self._num_players

  def _move(
    self,
    step: int,
    counts: np.ndarray,
    places: np.ndarray | None,
    laws: np.ndarray,
    rng: np.random.Generator,
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the next counts of the others, and next states of the player."""
    if self._fixed_chains is not None:
      moved = _leave(counts, self._fixed_chains[step], rng)
      if places is not None:
        assert self._fixed_own_chains is not None
        own = self._fixed_own_chains[step][places].toarray()
        places = _drawn(own, rng)
      return moved, places
    world = self._world
    # Replicas with the same mean field have the same kernel.
    different, which = np.unique(laws, axis=0, return_inverse=True)
    moved = np.empty_like(counts)
    next_places = np.zeros(len(counts), dtype=np.int64)
    for index, law in enumerate(different):
      here = np.flatnonzero(which.ravel() == index)
      chain = world.chain(step, law, self._policy)
      moved[here] = _leave(counts[here], chain, rng)
      if places is not None:
        assert self._deviation is not None
        own = world.chain(step, law, self._deviation)[places[here]].toarray()
        next_places[here] = _drawn(own, rng)
    return moved, None if places is None else next_places

  def _paid(
    self, mean_fields: np.ndarray, own_rows: list[np.ndarray]
  ) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns what `play` returns, from the states of all players."""
    world = self._world
    num_replicas = len(mean_fields)
    num_states = len(self._policy)
    rewards = world.rewards.under(mean_fields.reshape(-1, num_states))
    player = self._policy if self._deviation is None else self._deviation
    paid = np.einsum("rsa,sa->rs", rewards, player).reshape(num_replicas, -1)
    if self._deviation is None:
      weights = mean_fields
    else:
      weights = np.zeros_like(mean_fields)
      weights[np.arange(num_replicas)[:, None], np.transpose(own_rows)] = 1.0
    occupied = mean_fields.reshape(-1, num_states)[..., None] > 0
    largest = float(np.abs(rewards).max(initial=0.0, where=occupied))
    sizes = [step.stop - step.start for step in world.steps]
    weights = weights * np.repeat(world.discounts, sizes)
    return np.einsum("rs,rs->r", weights, paid), mean_fields, largest


def _leave(
  counts: np.ndarray, chain: sparse.csr_array, rng: np.random.Generator
) -> np.ndarray:
  """Returns (R, n'): the next counts of players with (R, n) counts."""
  moved = np.zeros((len(counts), chain.shape[1]), dtype=np.int64)
  bounds = chain.indptr.tolist()
  for state in np.flatnonzero(counts.any(axis=0)).tolist():
    entries = slice(bounds[state], bounds[state + 1])
    targets, law = chain.indices[entries], chain.data[entries]
    if len(targets) == 1:
      moved[:, targets[0]] += counts[:, state]
    else:
      # No state occurs twice among the targets.
      moved[:, targets] += rng.multinomial(counts[:, state], law / law.sum())
  return moved


def _drawn(laws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Returns (R,): a sample from each of the (R, n) laws."""
  cumulative = laws.cumsum(axis=1)
  total = cumulative[:, -1]
  # Below the total, however the product is rounded.
  thresholds = np.minimum(
    rng.random(len(laws)) * total, np.nextafter(total, 0.0)
  )
  return (cumulative <= thresholds[:, None]).sum(axis=1)


class _Statistics:
  """Sums over replicas, from which means and intervals follow."""

  def __init__(self, world: worlds.World, mean_field: np.ndarray):
    """Initializes the sums before the first replica.

    Args:
      world: The game.
      mean_field: (S,), the mean field of the model.
    """
    # (K, S) if all steps have the same states, see `Simulation`.
    self._shape: tuple[int, ...] = mean_field.shape
    if world.is_stationary:
      self._shape = (len(world.steps), len(mean_field))
    self._expected = np.concatenate([mean_field[step] for step in world.steps])
    sizes = [step.stop - step.start for step in world.steps]
    self._starts = np.cumsum([0, *sizes[:-1]])
    self._num_populations = world.populations.max() + 1
    self._values: list[np.ndarray] = []
    self._distances: list[np.ndarray] = []
    self._excess, self._squares = np.zeros((2, len(self._expected)))
    self.largest_reward = 0.0

  def add(
    self, values: np.ndarray, mean_fields: np.ndarray, largest: float
  ) -> None:
    """Adds the results of `_Players.play`."""
    self._values.append(values)
    excess = mean_fields - self._expected
    absolute = np.add.reduceat(np.abs(excess), self._starts, axis=1)
    self._distances.append(absolute / (2 * self._num_populations))
    self._excess += excess.sum(axis=0)
    self._squares += (excess**2).sum(axis=0)
    self.largest_reward = max(self.largest_reward, largest)

  def estimates(self) -> tuple[Estimate, Estimate, Estimate]:
    """Returns the estimates of the value, the distance and the mean field."""
    values, distances = map(np.concatenate, (self._values, self._distances))
    size = len(values)
    mean = self._excess / size
    variance = (self._squares - size * mean**2).clip(0) / (size - 1)
    mean = (self._expected + mean).reshape(self._shape)
    variance = variance.reshape(self._shape)
    return (
      _estimate(values.mean(), values.var(ddof=1), size),
      _estimate(distances.mean(axis=0), distances.var(axis=0, ddof=1), size),
      _estimate(mean, variance, size),
    )


def _estimate(mean: Any, variance: Any, num_replicas: int) -> Estimate:
  """Returns the estimate from the mean and the variance over replicas."""
  quantile = special.stdtrit(num_replicas - 1, (1 + CONFIDENCE) / 2)
  return Estimate(mean, quantile * np.sqrt(variance / num_replicas))
