"""Errors of estimated action values, and their cost.

Errors are root mean squares over actions, over states weighted by their masses,
and over estimates. A constant per state is subtracted first, because no
algorithm depends on it. Errors are relative to the same root mean square of the
exact values, so that an error of 1 is not better than zero for all action
values. The bias is the part of the error that does not decrease when more
estimates are averaged. It is caused by returns that end after T steps, by pairs
that were not tried, and by states that were not visited. The rest is noise.
"""

from collections.abc import Iterator
import time
from typing import Any
from typing import NamedTuple

import numpy as np

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.utils import tabular_policies

TITLE = "Estimators of action values: error against environment steps"
SETTING = "four_rooms_poi_5x5"
REGULARIZATION = 0.3
# Number of trajectories per estimate, and number of estimates.
SIZES = ((1_000, 60), (10_000, 30), (100_000, 10))
# Number of iterations after which the policy is near the equilibrium.
NUM_ITERATIONS = 300

# A bias is reported if its square is larger than this fraction of the variance
# of the mean.
_LEAST_BIAS = 0.5

COLUMNS = {
  "played": "<",
  "policy": "<",
  "trajectories": ">12,",
  "environment steps": ">17,.0f",
  "estimator": "<13",
  "bias": ">6.3f",
  "noise": ">6.3f",
  "error": ">6.3f",
  "ms": ">8.2f",
}


class Errors(NamedTuple):
  """Errors of estimates, relative to the variation of exact values.

  Attributes:
    bias: Error of the mean of the estimates; None if it cannot be distinguished
      from noise.
    noise: Root mean square difference from the mean of the estimates.
    total: Root mean square difference from the exact values.
  """

  bias: float | None
  noise: float
  total: float


def errors(
  estimates: np.ndarray,
  exact: np.ndarray,
  masses: np.ndarray,
  legal_actions_mask: np.ndarray,
) -> Errors:
  """Returns the errors of independent estimates of action values.

  Args:
    estimates: (n, N, A).
    exact: (N, A).
    masses: (N,), the weights of the states.
    legal_actions_mask: (N, A) of bool.
  """
  num_legal = legal_actions_mask.sum(axis=1, keepdims=True)
  weights = masses[:, None] * legal_actions_mask / num_legal

  def centered(values: np.ndarray) -> np.ndarray:
    legal = np.where(legal_actions_mask, values, 0.0)
    return legal - legal.sum(axis=-1, keepdims=True) / num_legal

  def mean_square(values: np.ndarray) -> float:
    return float((weights * centered(values) ** 2).sum())

  differences = np.where(legal_actions_mask, estimates, 0.0) - np.where(
    legal_actions_mask, exact, 0.0
  )
  size = len(estimates)
  mean = differences.mean(axis=0)
  noise = sum(mean_square(x - mean) for x in differences) / (size - 1)
  total = sum(mean_square(x) for x in differences) / size
  # The variance of the mean of the estimates is noise / size.
  bias = mean_square(mean) - noise / size
  shows = bias > _LEAST_BIAS * noise / size
  scale = mean_square(exact)
  return Errors(
    float(np.sqrt(bias / scale)) if shows else None,
    float(np.sqrt(noise / scale)),
    float(np.sqrt(total / scale)),
  )


def table() -> Iterator[dict[str, Any]]:
  """Yields a row for each model, policy, number of trajectories and estimator.

  The policies are the uniform one and one near the equilibrium, each with its
  own mean field.
  """
  game = factory.create_game(setting=SETTING)
  models: dict[str, sampled_model.ExactModel] = {
    "infinite horizon": stationary_model.StationaryModel(game.mean_field_mdp()),
    f"{game.horizon} decisions": compiled_game.CompiledGame(game),
  }
  for played, exact in models.items():
    policies = {
      "uniform": tabular_policies.uniform_policy(exact.legal_actions_mask),
      "near equilibrium": _near_equilibrium(exact),
    }
    for policy_name, policy in policies.items():
      for size, num_estimates in SIZES:
        for estimator in estimators.ESTIMATORS:
          row = {"played": played, "policy": policy_name}
          model = sampled_model.SampledModel(exact, size, estimator=estimator)
          yield {**row, **measure(model, policy, num_estimates)}


def _near_equilibrium(exact: sampled_model.ExactModel) -> np.ndarray:
  """Returns a policy that is near the regularized equilibrium."""
  algorithm = mf_trpo.MFTRPO(
    exact,
    regularization=REGULARIZATION,
    population_update_rate=0.1,
  )
  for _ in range(NUM_ITERATIONS):
    algorithm.iteration()
  return algorithm.policy


def measure(
  model: sampled_model.SampledModel, policy: np.ndarray, num_estimates: int
) -> dict[str, Any]:
  """Returns costs and errors of estimates under the mean field of a policy."""
  mean_field = model.exact.mean_field(policy)
  exact = model.exact.action_values(policy, mean_field, REGULARIZATION)
  start = time.process_time()
  estimates = np.array(
    [
      model.action_values(policy, mean_field, REGULARIZATION)
      for _ in range(num_estimates)
    ]
  )
  seconds = time.process_time() - start
  found = errors(estimates, exact, mean_field, model.legal_actions_mask)
  return {
    "trajectories": model.num_trajectories,
    "environment steps": model.num_environment_steps / num_estimates,
    "estimator": model.options["estimator"],
    "bias": found.bias,
    "noise": found.noise,
    "error": found.total,
    "ms": 1e3 * seconds / num_estimates,
  }
