"""Action values from the sums of rollouts.

Let n(s) be the number of visits of a state, each with one of its A(s) legal
actions and the return q.
"""

from collections.abc import Callable

import numpy as np

from mftrpo_openspiel.simulators import rollouts

# Returns (N, A), action values, and (N,) of bool, whether a state has any.
Estimator = Callable[
  [rollouts.RolloutSums, np.ndarray], tuple[np.ndarray, np.ndarray]
]


def published(
  sums: rollouts.RolloutSums, legal_actions_mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns A(s) / n(s) times the sum of q over the visits of each pair."""
  num_visits = sums.counts.sum(axis=1)
  weights = legal_actions_mask.sum(axis=1) / np.maximum(num_visits, 1)
  return weights[:, None] * sums.totals, num_visits > 0


def with_baseline(
  sums: rollouts.RolloutSums, legal_actions_mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the estimate with a baseline, the mean q of other visits.

  The baseline of a visit is the mean of q over the other visits of the state. A
  state with one visit has no others, and therefore no action values.
  """
  num_visits = sums.counts.sum(axis=1, keepdims=True)
  num_others = np.maximum(num_visits - 1, 1)
  # The baselines, summed over the visits of each pair.
  state_totals = sums.totals.sum(axis=1, keepdims=True)
  others = (sums.counts * state_totals - sums.totals) / num_others
  num_legal = legal_actions_mask.sum(axis=1, keepdims=True)
  weights = num_legal / np.maximum(num_visits, 1)
  values = weights * (sums.totals - others)
  is_visited = num_visits[:, 0] > 1
  return np.where(is_visited[:, None], values, 0.0), is_visited


def pair_averages(
  sums: rollouts.RolloutSums, legal_actions_mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the mean q of each pair, or of the state for untried actions."""
  num_visits = sums.counts.sum(axis=1)
  means = sums.totals.sum(axis=1) / np.maximum(num_visits, 1)
  values = np.where(
    sums.counts > 0, sums.totals / np.maximum(sums.counts, 1), means[:, None]
  )
  return values, num_visits > 0


ESTIMATORS: dict[str, Estimator] = {
  "published": published,
  "baseline": with_baseline,
  "pair_averages": pair_averages,
}
