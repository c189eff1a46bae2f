"""Tabular policies: (N, A) arrays with action probabilities in each row."""

import numpy as np


def uniform_policy(legal_actions_mask: np.ndarray) -> np.ndarray:
  """Returns the (N, A) uniform policy on the legal actions."""
  return legal_actions_mask / legal_actions_mask.sum(axis=1, keepdims=True)


def greedy_policy(action_values: np.ndarray) -> np.ndarray:
  """Returns the (N, A) policy that takes the first best action per state."""
  return deterministic_policy(action_values.argmax(axis=1), action_values)


def deterministic_policy(actions: np.ndarray, like: np.ndarray) -> np.ndarray:
  """Returns the policy that takes the (N,) actions, in the shape of `like`."""
  policy = np.zeros_like(like)
  policy[np.arange(len(policy)), actions] = 1.0
  return policy
