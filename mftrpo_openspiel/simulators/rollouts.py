"""What players earn from random moments of their plays on.

The rollouts of sample-based TRPO (Shani, Efroni and Mannor (2020),
arXiv:1909.02769, Algorithm 4): each of M players

1. is led to a state s by the policy: from a start s_0 ~ nu, it stops in each
   state with probability 1 - gamma, and so s has the law of the discounted
   occupancy d_nu,
2. takes a legal action a of s with equal probabilities,
3. plays the policy from there on, and earns

       q = sum_{i < T} gamma^i (r_i - [i > 0] eta log pi(a_i | s_i)).

The mean of q given s and a is the action value, up to gamma^T of the values T
steps later. What estimators need of them are two sums for each pair.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.simulators import alias_tables
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.utils import tabular_policies

# Players side by side: so many that starting a numpy function takes little of
# the time, and so few that what they need stays in the cache.
BLOCK_SIZE = 8192


@dataclasses.dataclass(frozen=True, eq=False)
class RolloutSums:
  """What rollouts came to.

  Attributes:
    counts: (N, A) of int, how often each action was tried in each state.
    totals: (N, A), the sums of q over these visits.
    num_environment_steps: How many decisions were played in all.
  """

  counts: np.ndarray
  totals: np.ndarray
  num_environment_steps: int


class PolicyPlayer:
  """Draws the actions of a policy, and tells their entropy bonus.

  Attributes:
    bonuses: (N * A,), -temperature log pi(a | s); None if all are 0.
  """

  def __init__(self, policy: np.ndarray, temperatures: np.ndarray | None):
    """Initializes the player.

    Args:
      policy: (N, A).
      temperatures: (N,), the weights of the entropy; None for no bonus.
    """
    self._num_actions = policy.shape[1]
    flat = policy.ravel()
    self._tables = alias_tables.AliasTables(
      flat, np.arange(0, flat.size + 1, self._num_actions)
    )
    self.bonuses = None
    if temperatures is not None:
      # Actions of probability 0 are never drawn.
      logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0)
      self.bonuses = (-temperatures[:, None] * logs).ravel()

  def draw(
    self, rows: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns (size,), actions, and (size,), the pairs s * A + a."""
    pairs = self._tables.draw(rows, rng)
    return pairs - rows * self._num_actions, pairs


def play(
  simulator: simulator_lib.Simulator,
  frozen: simulator_lib.FrozenSimulator,
  policy: np.ndarray,
  temperatures: np.ndarray | None,
  start: np.ndarray | None,
  num_trajectories: int,
  max_steps: int,
  rng: np.random.Generator,
) -> RolloutSums:
  """Plays rollouts.

  Args:
    simulator: What is played.
    frozen: The same under the mean field.
    policy: (N, A).
    temperatures: (N,), the weights of the entropy bonus; None for no bonus.
    start: (N,), nu, not normalized; None for the beginning of plays.
    num_trajectories: M.
    max_steps: T, and the largest number of steps to s.
    rng: Source of chance.
  """
  size = policy.size
  counts, totals = np.zeros(size, np.int64), np.zeros(size)
  explorer = PolicyPlayer(
    tabular_policies.uniform_policy(simulator.legal_actions_mask), None
  )
  player = PolicyPlayer(policy, temperatures)
  num_steps = 0
  for first in range(0, num_trajectories, BLOCK_SIZE):
    block = min(BLOCK_SIZE, num_trajectories - first)
    if start is None:
      places = frozen.initial(block, rng)
    else:
      law = alias_tables.AliasTables(start, np.array([0, start.size]))
      places = frozen.at(law.draw(np.zeros(block, np.intp), rng))
    waits = np.minimum(
      rng.geometric(1 - simulator.discount, block) - 1, max_steps
    )
    waits = np.sort(waits)[::-1]
    # Those who walk on are the first of the block.
    for step in range(waits[0]):
      walking = slice(0, np.count_nonzero(waits > step))
      actions, _ = player.draw(frozen.rows(places[walking]), rng)
      _, places[walking] = frozen.step(places[walking], actions, rng)
    num_steps += int(waits.sum())
    actions, tried = explorer.draw(frozen.rows(places), rng)
    earned, places = frozen.step(places, actions, rng)
    factor = 1.0
    for _ in range(max_steps - 1):
      factor *= simulator.discount
      actions, pairs = player.draw(frozen.rows(places), rng)
      rewards, places = frozen.step(places, actions, rng)
      if player.bonuses is not None:
        rewards += player.bonuses.take(pairs)
      earned += factor * rewards
    num_steps += block * max_steps
    counts += np.bincount(tried, minlength=size)
    totals += np.bincount(tried, earned, minlength=size)
  shape = policy.shape
  return RolloutSums(counts.reshape(shape), totals.reshape(shape), num_steps)
