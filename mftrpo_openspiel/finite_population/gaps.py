"""Compares a policy in the N-player game and in the mean-field game."""

import dataclasses

import numpy as np

from mftrpo_openspiel.finite_population import crowd_distance
from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.finite_population import player_rewards


@dataclasses.dataclass(frozen=True)
class Gap:
  """The comparison for one number of players.

  Attributes:
    num_players: N.
    information: What the player that deviates observes; see `deviations`.
    exploitability: phi_N, the gain of a player that deviates from the policy.
    error_bound: Error bound of `exploitability`.
    value: J_N, the expected return of a player with the policy.
    mean_field_value: J, the same in the mean-field game.
    distance: Expected total variation distance between the empirical
      distribution of the N players and the mean field, averaged over all times;
      None if the kernel depends on the mean field.
    method: A description of the method for reports.
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
  """Compares a policy among N players and in the mean-field game.

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
  """Returns J, the return of `policy` in the mean field of `policy`.

  For a game with several populations it is the sum over populations, as are the
  values of `deviations.exploitability`.
  """
  rewards = player_rewards.of_model(model)
  (under_mean_field,) = rewards.under(model.mean_field(policy)[None])
  return model.best_deviation(policy, under_mean_field).value
