"""What a player gains where its expected rewards are only known from samples.

The rewards r_N of `player_rewards` are then means over draws of where the
others are. A sample of them is an unbiased estimate of r_N, and so is what a
given policy earns under it. What the best policy earns under it is too much in
the mean, since that policy is chosen by the same numbers; and what is earned by
a policy that was chosen by other samples is too little, or just right. So the
two are limits of the gain (Mak, Morton, Wood 1999, "Monte Carlo bounding
techniques for determining solution quality in stochastic programs").
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.finite_population import worlds
from mftrpo_openspiel.utils import progress

# Of the interval, on both sides together.
CONFIDENCE = 0.99
# Means over so many groups of samples are compared.
NUM_GROUPS = 20


class Gain(NamedTuple):
  """What samples tell of a gain.

  Attributes:
    value: What a player earns with the policy of the others, in the mean.
    low: What the best policy gains at least, ...
    high: ... and at most, with a confidence of 99 %.
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
  """Returns what a player gains by leaving a policy.

  Args:
    model: With a kernel that does not depend on the mean field.
    world: The moves in the game of the model.
    policy: (S, A), of the others.
    num_players: N.
    num_samples: How often it is drawn where the others are, at least
      `NUM_GROUPS` times.
    seed: Of the random numbers.
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
  # One half chooses the policy that is tried in the other one.
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
  """Returns a limit of the mean of independent numbers."""
  quantile = special.stdtrit(len(numbers) - 1, (1 + CONFIDENCE) / 2)
  error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))
  return float(np.mean(numbers) + sign * quantile * error)


def _sample(
  world: worlds.World,
  mean_field: np.ndarray,
  num_players: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns (S, A): what is paid for one draw of the others at each step."""
  others, one_more = np.zeros((2, len(mean_field)))
  for step in world.steps:
    for population in np.unique(world.populations[step]):
      here = step.start + np.flatnonzero(world.populations[step] == population)
      law = mean_field[here] / mean_field[here].sum()
      others[here] = rng.multinomial(num_players - 1, law)
      one_more[here] = rng.multinomial(1, law)
  # The player may be in the first state of each step, or in the second, ...
  most = max(step.stop - step.start for step in world.steps)
  mean_fields = np.tile(others, (most, 1))
  for step in world.steps:
    for place, state in enumerate(range(step.start, step.stop)):
      own = world.populations[step] == world.populations[state]
      # All of the players of another population are others.
      mean_fields[place, step] += np.where(own, 0.0, one_more[step])
      mean_fields[place, state] += 1
  rewards = world.rewards.under(mean_fields / num_players)
  places = np.concatenate([np.arange(s.stop - s.start) for s in world.steps])
  return rewards[places, np.arange(len(places))]
