"""The gain of a player that deviates from the policy of N - 1 others.

phi_N(pi) = max over pi' of J_N(pi') - J_N(pi), where J_N(pi') is the expected
return of one player with pi' if the N - 1 others use pi. The argument
`information` says what the player observes, and so what pi' may depend on:

* "own": its own state and the time. If the kernel does not depend on the mean
  field, the states of the others are independent samples of the mean field mu_t
  of pi, whatever the player does. So the player solves an ordinary MDP with the
  rewards r_N of `player_rewards`. In a stationary model all players, including
  this one, start from the invariant law of pi, so that mu_t is mu^pi at all
  times.
* "counts": also the number of the others in each state. Kernels and rewards may
  depend on the mean field in any way; see `joint_chain`. In a stationary model
  all N players start independently from the mean field mu^pi of the policy.
  With a fixed kernel, the law of the others then does not change over time.
"""

import dataclasses

import numpy as np
from open_spiel.python import policy as policy_lib

from mftrpo_openspiel.finite_population import joint_chain
from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.finite_population import sampled_rewards
from mftrpo_openspiel.finite_population import worlds
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import validation

INFORMATION = ("own", "counts")
# Numbers up to this are exact in floating point.
MAX_PLAYERS = 10**15


@dataclasses.dataclass(frozen=True, eq=False)
class Exploitability:
  """The exploitability of a policy among N players.

  For a game with several populations, values and gains are sums over
  populations, as NashConv is.

  Attributes:
    exploitability: phi_N, the gain of a player that deviates from the policy.
    value: J_N, its expected return if it does not deviate.
    method: A description of the method for reports.
    deviation: (N, A), a deviation with this gain, or with the gain at the lower
      end of the interval if rewards are sampled; None for information "counts".
    error_bound: Error of `exploitability`: 0 if it is exact up to rounding, a
      proven bound for iterated values, and half of the width of a 99 %
      confidence interval if rewards are sampled.
  """

  exploitability: float
  value: float
  method: str
  error_bound: float
  deviation: np.ndarray | None = dataclasses.field(default=None, repr=False)


def exploitability(
  model: player_rewards.Model,
  policy: np.ndarray | policy_lib.Policy,
  num_players: int,
  information: str = "own",
  num_samples: int | None = None,
  seed: int | None = None,
) -> Exploitability:
  """Returns what a player gains by leaving a policy among N players.

  If the values of a game depend on the path (`CompiledGame` warns of this), the
  rewards are those of the first path found, as in OpenSpiel.

  Args:
    model: A StationaryModel or a CompiledGame.
    policy: (N, A) of the model, or a policy for its OpenSpiel game.
    num_players: Number of players in each population, including the one that
      deviates.
    information: What the player that deviates observes, "own" or "counts".
    num_samples: Number of samples of the states of the others, at least 20.
      Required for information "own" if no exact formula is known for the
      expected rewards. `exploitability` is then the middle of a confidence
      interval.
    seed: Seed of these samples.

  Raises:
    ValueError: If an argument is out of range, or the rewards of N players
      cannot be computed from the model.
  """
  policy = checked_policy(model, policy)
  num_players = checked_number(num_players)
  validation.check_choice("information", information, INFORMATION)
  if information == "counts":
    return _with_counts(model, policy, num_players)
  rewards = own_state_rewards(model, num_samples, seed)
  if not isinstance(rewards, player_rewards.ExactRewards):
    assert num_samples is not None and seed is not None
    return _with_samples(model, policy, num_players, num_samples, seed)
  mean_field = model.mean_field(policy)
  expected = rewards.expected(mean_field, num_players)
  deviation = model.best_deviation(policy, expected)
  return Exploitability(
    deviation.gain,
    deviation.value,
    f"exact, {rewards.kind}",
    deviation.error_bound,
    deviation.policy,
  )


def own_state_rewards(
  model: player_rewards.Model,
  num_samples: int | None = None,
  seed: int | None = None,
) -> player_rewards.PlayerRewards:
  """Returns the rewards for a player that observes its own state.

  Args:
    model: As in `exploitability`.
    num_samples: Required, with a seed, if no exact formula is known.
    seed: Seed of the samples.

  Raises:
    ValueError: If `exploitability` raises it for these arguments and
      information "own".
  """
  if not has_fixed_kernel(model):
    raise ValueError(
      "information must be 'counts' if the kernel depends on the mean field,"
      " got 'own': a player would have to infer the states of the others."
    )
  rewards = player_rewards.of_model(model)
  if not isinstance(rewards, player_rewards.ExactRewards):
    if num_samples is None or seed is None:
      raise ValueError(
        "num_samples and seed must be given for a reward that is not declared"
        " as local or linear (CrowdAversion, LocalReward and LinearReward are),"
        f" got {num_samples} and {seed}."
      )
    validation.check_int("num_samples", num_samples, sampled_rewards.NUM_GROUPS)
    validation.check_int("seed", seed, 0)
  return rewards


def _with_samples(
  model: player_rewards.Model,
  policy: np.ndarray,
  num_players: int,
  num_samples: int,
  seed: int,
) -> Exploitability:
  """Returns the gain if expected rewards are estimated from samples."""
  found = sampled_rewards.gain(
    model,
    worlds.of_model(model, policy),
    policy,
    num_players,
    num_samples,
    seed,
  )
  return Exploitability(
    (found.low + found.high) / 2,
    found.value,
    f"{num_samples:,} samples of the others, general reward",
    (found.high - found.low) / 2,
    found.deviation,
  )


def _with_counts(
  model: player_rewards.Model, policy: np.ndarray, num_players: int
) -> Exploitability:
  """Returns the gain of a player that observes the counts of the others."""
  world = worlds.of_model(model, policy)
  chain = joint_chain.JointChain(world, policy, num_players)
  if isinstance(model, stationary_model.StationaryModel):
    values = chain.discounted_values(model.mdp.discount)
  else:
    values = chain.finite_values()
  return Exploitability(
    max(values.best - values.own, 0.0),
    values.own,
    f"exact, joint chain of {chain.num_states:,} states",
    values.error_bound,
  )


def checked_number(num_players: int) -> int:
  """Returns the number of players; raises a ValueError if it is invalid."""
  return validation.check_int("num_players", num_players, 1, MAX_PLAYERS)


def checked_policy(
  model: player_rewards.Model,
  policy: np.ndarray | policy_lib.Policy,
  name: str = "policy",
) -> np.ndarray:
  """Returns the (N, A) array of a policy of a model.

  Raises:
    ValueError: If the model has another type, or the policy does not fit it.
  """
  validation.check_type(
    "model", model, stationary_model.StationaryModel, compiled_game.CompiledGame
  )
  if isinstance(policy, policy_lib.Policy):
    return model.from_openspiel(policy)
  return validation.check_policy(policy, model.legal_actions_mask, name)


def has_fixed_kernel(model: player_rewards.Model) -> bool:
  """Returns whether transitions are the same under every mean field."""
  if isinstance(model, stationary_model.StationaryModel):
    return model.mdp.has_fixed_kernel
  return model.form.has_fixed_moves
