"""The gain of a player if its expected rewards are estimated from samples.

The rewards r_N of `player_rewards` are then means over samples of the states of
the others. Each sample is an unbiased estimate of r_N, and so is the return of
a given policy under it. The return of the best policy under the same samples is
biased upwards, because this policy was selected with these samples. The return
of a policy that was selected with other samples is at most the maximum in
expectation. So the two give upper and lower bounds of the gain (Mak, Morton,
Wood 1999, "Monte Carlo bounding techniques for determining solution quality in
stochastic programs").
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.finite_population import worlds
from mftrpo_openspiel.utils import progress

# Confidence of the two-sided interval.
CONFIDENCE = 0.99
# The samples are divided into this number of groups.
NUM_GROUPS = 20


class Gain(NamedTuple):
  """An estimated gain.

  Attributes:
    value: Mean return of a player with the policy of the others.
    low: Lower bound of the gain of the best policy, ...
    high: ... and upper bound, with a confidence of 99 %.
    deviation: (S, A), the policy that gains at least `low`.
  """

  value: float
  low: float
  high: float
  deviation: np.ndarray


def gain(
  model: player_rewards.Model,
  world: worlds.World,
  policy: np.ndarray,
  num_players: int,
  num_samples: int,
  seed: int,
) -> Gain:
  """Returns the gain of a player that deviates from a policy.

  Args:
    model: A model whose kernel does not depend on the mean field.
    world: The transitions in the game of the model.
    policy: (S, A), the policy of the others.
    num_players: N.
    num_samples: Number of samples of the states of the others, at least
      `NUM_GROUPS`.
    seed: Seed of the random numbers.
  """
  rng = np.random.default_rng(seed)
  mean_field = model.mean_field(policy)
  sizes = np.diff(np.linspace(0, num_samples, NUM_GROUPS + 1).astype(int))
  groups = []
  with progress.live_bar(num_samples, unit="sample") as bar:
    for size in sizes.tolist():
      total = np.zeros_like(policy)
      for _ in range(size):
        total += _sample(world, mean_field, num_players, rng)
        bar.update()
      groups.append(total / size)
  found = [model.best_deviation(policy, rewards) for rewards in groups]
  # One half of the groups selects a policy, which is evaluated in the other
  # half.
  half = NUM_GROUPS // 2
  weights = (sizes[:half] / sizes[:half].sum())[:, None, None]
  chosen = model.best_deviation(
    policy, (weights * groups[:half]).sum(axis=0)
  ).policy
  gains = [
    model.deviation_value(policy, chosen, rewards) - its.value
    for rewards, its in zip(groups[half:], found[half:])
  ]
  return Gain(
    value=float(np.mean([its.value for its in found])),
    low=max(_limit(gains, -1), 0.0),
    high=_limit([its.gain + its.error_bound for its in found], 1),
    deviation=chosen,
  )


def _limit(numbers: list[float], sign: int) -> float:
  """Returns a confidence limit of the mean of independent numbers."""
  quantile = special.stdtrit(len(numbers) - 1, (1 + CONFIDENCE) / 2)
  error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))
  return float(np.mean(numbers) + sign * quantile * error)


def _sample(
  world: worlds.World,
  mean_field: np.ndarray,
  num_players: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns (S, A): the rewards for one sample of the others at each step."""
  others, one_more = np.zeros((2, len(mean_field)))
  for step in world.steps:
    for population in np.unique(world.populations[step]):
      here = step.start + np.flatnonzero(world.populations[step] == population)
      law = mean_field[here] / mean_field[here].sum()
      others[here] = rng.multinomial(num_players - 1, law)
      one_more[here] = rng.multinomial(1, law)
  # Row i is for a player in state i of each step.
  most = max(step.stop - step.start for step in world.steps)
  mean_fields = np.tile(others, (most, 1))
  for step in world.steps:
    for place, state in enumerate(range(step.start, step.stop)):
      own = world.populations[step] == world.populations[state]
      # The player does not belong to other populations, which have one more
      # sample.
      mean_fields[place, step] += np.where(own, 0.0, one_more[step])
      mean_fields[place, state] += 1
  rewards = world.rewards.under(mean_fields / num_players)
  places = np.concatenate([np.arange(s.stop - s.start) for s in world.steps])
  return rewards[places, np.arange(len(places))]
