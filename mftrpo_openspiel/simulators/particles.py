"""Mean fields as empirical laws of many players."""

import numpy as np

from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib


def empirical_law(rows: np.ndarray, num_states: int) -> np.ndarray:
  """Returns (N,): the shares of players that are in each state."""
  return np.bincount(rows, minlength=num_states) / rows.size


def moved(
  frozen: simulator_lib.FrozenSimulator,
  policy: np.ndarray,
  places: np.ndarray,
  num_steps: int,
  num_averaged: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns the mean law of players after the last steps of several.

  Args:
    frozen: What is played.
    policy: (N, A), what they play.
    places: Where they are.
    num_steps: How many steps they take.
    num_averaged: After how many of these, the last ones, their law counts.
    rng: Source of chance.

  Returns:
    (N,).
  """
  player = rollouts.PolicyPlayer(policy, None)
  total = np.zeros(len(policy))
  for step in range(num_steps):
    actions, _ = player.draw(frozen.rows(places), rng)
    _, places = frozen.step(places, actions, rng)
    if step >= num_steps - num_averaged:
      total += empirical_law(frozen.rows(places), len(policy))
  return total / num_averaged
