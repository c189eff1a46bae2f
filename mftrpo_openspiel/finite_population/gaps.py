"""What a policy is worth among N players beside what it is worth in a crowd."""

import dataclasses

import numpy as np

from mftrpo_openspiel.finite_population import crowd_distance
from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.finite_population import player_rewards


@dataclasses.dataclass(frozen=True)
class Gap:
  """One number of players.

  Attributes:
    num_players: N.
    information: What the player who deviates sees; see `deviations`.
    exploitability: phi_N, what it gains by leaving the policy.
    error_bound: Of `exploitability`.
    value: J_N, what it earns with the policy.
    mean_field_value: J, what it earns with the policy in the mean-field game.
    distance: Expected total variation distance of where the N players are to
      the mean field, over all times; None where the kernel depends on the mean
      field.
    method: How all this was computed, in words.
  """

  num_players: int
  information: str
  exploitability: float
  error_bound: float
  value: float
  mean_field_value: float
  distance: float | None
  method: str


def find_gap(
  model: player_rewards.Model,
  policy: np.ndarray,
  num_players: int,
  information: str = "own",
  num_samples: int | None = None,
  seed: int | None = None,
) -> Gap:
  """Returns what a policy is worth among N players; see `Gap`.

  For arguments and errors see `deviations.exploitability`.
  """
  found = deviations.exploitability(
    model, policy, num_players, information, num_samples, seed
  )
  mean_field = model.mean_field(policy)
  distance = None
  if deviations.has_fixed_kernel(model):
    distance = crowd_distance.expected_distance(mean_field, num_players)
  return Gap(
    num_players=num_players,
    information=information,
    exploitability=found.exploitability,
    error_bound=found.error_bound,
    value=found.value,
    mean_field_value=mean_field_value(model, policy),
    distance=distance,
    method=found.method,
  )


def mean_field_value(model: player_rewards.Model, policy: np.ndarray) -> float:
  """Returns J, what a player earns with `policy` in the mean field of it.

  Of a game with several populations it is the sum over populations, as the
  values of `deviations.exploitability` are.
  """
  rewards = player_rewards.of_model(model)
  (under_mean_field,) = rewards.under(model.mean_field(policy)[None])
  return model.best_deviation(policy, under_mean_field).value
