"""Tabular Q-learning (Watkins and Dayan 1992), for many players side by side.

All players share one table. They are epsilon-greedy, and the n-th visit of a
pair of a state and an action makes the update

    Q(s, a) <- (1 - n^-w) Q(s, a) + n^-w (r + gamma V(s')),
    V(s) = max_a Q(s, a)   or   tau log sum_a exp(Q(s, a) / tau).

The latter is used if the game is regularized (soft Q-learning), where tau is
eta times the discount of the state. The exponent w is between 1/2 and 1: with w
= 1 the influence of the first, bad targets decreases only as n^-(1 - gamma)
(Even-Dar and Mansour 2003, "Learning rates for Q-learning").

The transitions of a play are learned from the last to the first (Lin 1992), so
that late rewards are propagated to the beginning in one pass. In the game with
a point of interest on 5x5 cells and with horizon 20, 10^5 steps then suffice
for a policy whose return is .02 below the optimum, instead of 5 below it.
Players that make the same choice at the same time count as consecutive visits,
all with the mean of their targets.

An action must not be the best or the worst only because it was never tried.
Therefore an untried action in a state where others were tried has the mean of
their values, and is never strictly the best. In a state without any tried
action all values are 0, the initial value, and players act at random there.
"""

import numpy as np

from mftrpo_openspiel.simulators import learning_task
from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.utils import rows as rows_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies

EPSILON = 0.3
STEP_SIZE_EXPONENT = 0.7
# The number of steps per player: fewer players learn more from each step, more
# players take less time.
_STEPS_PER_PLAYER = 1000
_MAX_PLAYERS = 1000


class Table:
  """A table of learned action values.

  Attributes:
    values: (N, A), Q; -inf for actions that are not legal.
    counts: (N, A) of int, the visits of each pair.
  """

  def __init__(
    self,
    legal_actions_mask: np.ndarray,
    temperatures: np.ndarray | None,
    step_size_exponent: float = STEP_SIZE_EXPONENT,
  ):
    """Initializes the table with zeros.

    Args:
      legal_actions_mask: (N, A) of bool.
      temperatures: (N,), the weights of the entropy bonus; None for none.
      step_size_exponent: w.
    """
    self._legal = legal_actions_mask
    self._temperatures = temperatures
    self._exponent = step_size_exponent
    self.values = np.where(legal_actions_mask, 0.0, -np.inf)
    self.counts = np.zeros(legal_actions_mask.shape, np.int64)

  def state_values(self, rows: np.ndarray) -> np.ndarray:
    """Returns V, (size,), the values of states."""
    if self._temperatures is None:
      return rows_lib.maximum(self.values[rows])
    return softmax.soft_maximum(self.values[rows], self._temperatures[rows])

  def learn(
    self,
    rows: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    next_rows: np.ndarray,
    discount: float,
  ) -> None:
    """Learns from (size,) transitions.

    The next state `ENDED` marks transitions with which plays end.
    """
    playing = next_rows != simulator_lib.ENDED
    targets = rewards.copy()
    targets[playing] += discount * self.state_values(next_rows[playing])
    self.update(rows, actions, targets)

  def update(
    self, rows: np.ndarray, actions: np.ndarray, targets: np.ndarray
  ) -> None:
    """Updates the values of (size,) pairs towards their targets."""
    pairs, which, hits = np.unique(
      rows * self.values.shape[1] + actions,
      return_inverse=True,
      return_counts=True,
    )
    means = np.bincount(which, targets) / hits
    old, counts = self.values.ravel()[pairs], self.counts.ravel()[pairs]
    kept = np.where(
      counts > 0,
      (1.0 - (counts + hits) ** -self._exponent) ** hits,
      0.0,  # The first target replaces the initial value.
    )
    self.values.ravel()[pairs] = kept * old + (1.0 - kept) * means
    self.counts.ravel()[pairs] += hits
    self._fill(pairs // self.values.shape[1])

  def _fill(self, rows: np.ndarray) -> None:
    """Sets the values of untried actions to the mean of tried ones."""
    tried = self.counts[rows] > 0
    some_untried = (tried != self._legal[rows]).any(axis=1)
    rows, tried = rows[some_untried], tried[some_untried]
    if rows.size:
      values = self.values[rows]
      means = np.where(tried, values, 0.0).sum(axis=1) / tried.sum(axis=1)
      untried = ~tried & self._legal[rows]
      self.values[rows] = np.where(untried, means[:, None], values)


def optimal_values(
  task: learning_task.LearningTask,
  rng: np.random.Generator,
  epsilon: float = EPSILON,
  step_size_exponent: float = STEP_SIZE_EXPONENT,
) -> learning_task.OptimalValues:
  """Returns the learned action values.

  Args:
    task: The task.
    rng: The random number generator.
    epsilon: The probability of a random legal action.
    step_size_exponent: w.
  """
  legal_actions_mask = task.simulator.legal_actions_mask
  table = Table(legal_actions_mask, task.temperatures, step_size_exponent)
  explorer = rollouts.PolicyPlayer(
    tabular_policies.uniform_policy(legal_actions_mask)
  )
  num_players = np.clip(task.num_steps // _STEPS_PER_PLAYER, 1, _MAX_PLAYERS)
  num_plays = task.num_steps // task.play_length
  while num_plays:
    size = min(num_plays, int(num_players))
    num_plays -= size
    for step in reversed(_play(task, table, explorer, epsilon, size, rng)):
      table.learn(*step, task.simulator.discount)
  return learning_task.OptimalValues(
    table.values, table.counts > 0, int(table.counts.sum())
  )


# States, actions, rewards, and next states of players.
_Step = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _play(
  task: learning_task.LearningTask,
  table: Table,
  explorer: rollouts.PolicyPlayer,
  epsilon: float,
  size: int,
  rng: np.random.Generator,
) -> list[_Step]:
  """Returns the steps of one play of several players."""
  steps: list[_Step] = []
  is_known = table.counts.sum(axis=1) > 0
  best_actions = table.values.argmax(axis=1)
  places = task.begin(size, rng)
  for _ in range(task.play_length):
    rows = task.frozen.rows(places)
    actions, _ = explorer.draw(rows, rng)
    greedy = (rng.random(rows.size) >= epsilon) & is_known[rows]
    actions[greedy] = best_actions[rows[greedy]]
    rewards, places = task.frozen.step(places, actions, rng)
    steps.append((rows, actions, rewards, task.rows(places)))
    places = places[places != simulator_lib.ENDED]
    if not places.size:
      break
  return steps
