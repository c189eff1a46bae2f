"""Returns of players from random times of their plays.

The rollouts of sample-based TRPO (Shani, Efroni and Mannor (2020),
arXiv:1909.02769, Algorithm 4). Each of M players

1. follows the policy to a state s: starting from s_0 ~ nu, it stops in each
   state with probability 1 - gamma, so that s is distributed as the discounted
   occupancy d_nu,
2. takes a legal action a of s with equal probabilities,
3. follows the policy from there on, with the return

       q = sum_{i < T} gamma^i (r_i - [i > 0] eta log pi(a_i | s_i)).

The mean of q given s and a is the action value, up to rewards after T steps. In
a game of finite horizon plays start at the initial states, stop before one of
their decisions, each with the same probability, and are then simulated to the
end. If s has a single legal action, there is nothing to learn and the play is
not continued.

Estimators need only two sums for each pair of a state and an action, so memory
does not grow with the number of players or steps. Players are simulated in
blocks that fit into the cache, and finished players are removed.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.simulators import alias_tables
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.simulators import systematic

# The number of players per block: large enough that the overhead of NumPy calls
# is small, small enough that all arrays fit into the cache.
BLOCK_SIZE = 8192


@dataclasses.dataclass(frozen=True, eq=False)
class RolloutSums:
  """The sums of rollouts.

  Attributes:
    counts: (N, A) of int, the number of visits of each action in each state.
    totals: (N, A), the sums of q over these visits.
    num_environment_steps: The total number of decisions that were played.
  """

  counts: np.ndarray
  totals: np.ndarray
  num_environment_steps: int


class PolicyPlayer:
  """Draws the actions of a policy, and provides their entropy bonus.

  Attributes:
    bonuses: (N * A,), for each pair, -temperature log pi(a | s) plus the bonus
      of s; None if all are 0.
  """

  def __init__(
    self,
    policy: np.ndarray,
    temperatures: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ):
    """Initializes the player.

    Args:
      policy: (N, A), the weights of actions in each state.
      temperatures: (N,), the weights of the entropy; None for no bonus.
      bonus: (N,), additional rewards of states; None for none.
    """
    self._num_actions = policy.shape[1]
    flat = policy.ravel()
    self._tables = alias_tables.AliasTables(
      flat, np.arange(0, flat.size + 1, self._num_actions)
    )
    self.bonuses: np.ndarray | None = None
    if temperatures is not None:
      # Actions of probability 0 are never drawn.
      logs = np.log(policy, out=np.zeros(policy.shape), where=policy > 0)
      self.bonuses = (-temperatures[:, None] * logs).ravel()
    if bonus is not None:
      paid = np.repeat(bonus, self._num_actions)
      self.bonuses = paid if self.bonuses is None else self.bonuses + paid

  def draw(
    self, rows: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns (size,), actions, and (size,), their pairs s * A + a."""
    pairs = self._tables.draw(rows, rng)
    return pairs - rows * self._num_actions, pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Rollouts:
  """Rollouts of a policy under a mean field.

  Attributes:
    simulator: The simulator of the game.
    frozen: The game under the mean field.
    policy: (N, A).
    temperatures: (N,), the weights of the entropy bonus; None for no bonus.
    start: (N,), nu, with any sum > 0; None for the initial states.
    max_steps: T, the largest number of steps of a return, and before s.
    bonus: (N,), additional rewards of states; None for none.
  """

  simulator: simulator_lib.Simulator
  frozen: simulator_lib.FrozenSimulator
  policy: np.ndarray
  temperatures: np.ndarray | None
  start: np.ndarray | None
  max_steps: int
  bonus: np.ndarray | None = None

  def play(
    self, num_trajectories: int, rng: np.random.Generator
  ) -> RolloutSums:
    """Returns the sums of M = `num_trajectories` rollouts."""
    mask = self.simulator.legal_actions_mask
    explorer = PolicyPlayer(mask.astype(np.float64))
    has_choice = mask.sum(axis=1) > 1
    player = PolicyPlayer(self.policy, self.temperatures, self.bonus)
    counts, totals = np.zeros(mask.size, np.int64), np.zeros(mask.size)
    num_steps = 0
    for size in block_sizes(num_trajectories):
      places, num_led = self._places_to_explore(player, size, rng)
      rows = self.frozen.rows(places)
      chooses = has_choice.take(rows)
      places, rows = places[chooses], rows[chooses]
      actions, tried = explorer.draw(rows, rng)
      returns, num_played = self._returns(player, places, actions, rng)
      counts += np.bincount(tried, minlength=mask.size)
      totals += np.bincount(tried, returns, minlength=mask.size)
      num_steps += num_led + num_played
    return RolloutSums(
      counts.reshape(mask.shape), totals.reshape(mask.shape), num_steps
    )

  def _places_to_explore(
    self, player: PolicyPlayer, size: int, rng: np.random.Generator
  ) -> tuple[np.ndarray, int]:
    """Returns the places of players at s, and the number of steps before.

    Plays that end earlier are omitted.
    """
    if self.start is None:
      places = self.frozen.initial(size, rng)
    else:
      places = self.frozen.at(systematic.draw(self.start, size, rng))
    # Places are sorted, but must be independent of the numbers of steps.
    places = rng.permutation(places)
    if self.simulator.horizon is None:
      waits = rng.geometric(1 - self.simulator.discount, size) - 1
      np.minimum(waits, self.max_steps, out=waits)
    else:
      waits = rng.integers(self.simulator.horizon, size=size)
    waits.sort()
    waits = waits[::-1]
    num_steps = 0
    for step in range(int(waits[0])):
      # Players that continue come first.
      going = slice(0, int(np.count_nonzero(waits > step)))
      num_steps += going.stop
      actions, _ = player.draw(self.frozen.rows(places[going]), rng)
      _, places[going] = self.frozen.step(places[going], actions, rng)
      if self.simulator.horizon is not None:
        playing = places != simulator_lib.ENDED
        places, waits = places[playing], waits[playing]
    return places, num_steps

  def _returns(
    self,
    player: PolicyPlayer,
    places: np.ndarray,
    actions: np.ndarray,
    rng: np.random.Generator,
  ) -> tuple[np.ndarray, int]:
    """Returns the returns of players, and their total number of steps.

    The first actions are given.
    """
    num_steps = places.size
    returns, places = self.frozen.step(places, actions, rng)
    # The players whose plays have not ended.
    owners = None
    factor = 1.0
    for _ in range(self.max_steps - 1):
      if self.simulator.horizon is not None:
        playing = np.flatnonzero(places != simulator_lib.ENDED)
        owners = playing if owners is None else owners.take(playing)
        places = places.take(playing)
      if not places.size:
        break
      factor *= self.simulator.discount
      actions, pairs = player.draw(self.frozen.rows(places), rng)
      earned, places = self.frozen.step(places, actions, rng)
      num_steps += places.size
      if player.bonuses is not None:
        earned += player.bonuses.take(pairs)
      earned *= factor
      if owners is None:
        returns += earned
      else:
        returns[owners] += earned
    return returns, num_steps


def block_sizes(size: int) -> list[int]:
  """Returns the sizes, equal up to one, of blocks that sum to `size`."""
  num_blocks = -(-size // BLOCK_SIZE)
  return [(size + i) // num_blocks for i in range(num_blocks)]
