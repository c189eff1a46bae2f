"""What a player gains by leaving a policy that N - 1 others keep to.

phi_N(pi) = max over pi' of J_N(pi') - J_N(pi), where J_N(pi') is what one
player earns with pi' among N - 1 others who play pi. What pi' may depend on is
what the player sees, its `information`:

* "own": its own state and the time. If the kernel does not depend on the mean
  field, the others are independent draws from the mean field mu_t of pi,
  whatever the player does. So it faces an ordinary MDP with the rewards r_N of
  `player_rewards`. In a stationary model all start from the invariant law of
  pi, so that mu_t is mu^pi at all times, and so does the player.
* "counts": also how many of the others are in each state. Kernels and rewards
  may depend on the mean field in any way; see `joint_chain`. In a stationary
  model all N players start independently from the mean field mu^pi of the
  policy: with a fixed kernel the law of the others then stays the same.
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
# So many are still counted exactly in floating point.
MAX_PLAYERS = 10**15


@dataclasses.dataclass(frozen=True, eq=False)
class Exploitability:
  """What a policy is worth among N players.

  Of a game with several populations, values and gains are their sums over
  populations, as NashConv is.

  Attributes:
    exploitability: phi_N, what a player gains by leaving the policy.
    value: J_N, what it earns if it does not.
    method: How they were computed, in words.
    deviation: (N, A), a policy that gains as much, or where rewards are sampled
      the lower end of the interval; None if the player sees counts.
    error_bound: How far `exploitability` may be off: 0 if it is exact up to
      rounding, a proven bound where values are iterated, and half of a 99 %
      confidence interval where rewards are sampled.
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

  Of a game whose values depend on the path (`CompiledGame` warns), rewards are
  those of the first path, as they are in OpenSpiel's values.

  Args:
    model: A StationaryModel or a CompiledGame.
    policy: (N, A) of the model, or a policy for its OpenSpiel game.
    num_players: How many players there are, with the one that deviates; in each
      population.
    information: What the player that deviates sees, "own" or "counts".
    num_samples: For rewards that are neither local nor linear, where the player
      sees its own state: how often it is drawn where the others are, at least
      20 times. `exploitability` is then the middle of an interval.
    seed: Of these random numbers.

  Raises:
    ValueError: If an argument is out of range, or nothing is known of the game
      of the model among N players.
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
  """Returns the rewards of a game that is known where a player sees its state.

  Args:
    model: As of `exploitability`, as are the others.
    num_samples: Needed, with a seed, where expected rewards are not exact.
    seed: Of the samples.

  Raises:
    ValueError: If `exploitability` would refuse these with information "own".
  """
  if not has_fixed_kernel(model):
    raise ValueError(
      "information must be 'counts' where the kernel depends on the mean field,"
      " got 'own': a player would have to infer where the others are."
    )
  rewards = player_rewards.of_model(model)
  if not isinstance(rewards, player_rewards.ExactRewards):
    if num_samples is None or seed is None:
      raise ValueError(
        "num_samples and seed must be given for a reward that is not known to"
        " be local or linear, as CrowdAversion, LocalReward and LinearReward"
        f" are, got {num_samples} and {seed}."
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
  """Returns what a player gains if expected rewards are sampled."""
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
  """Returns what a player gains that sees the counts of the others."""
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
  """Returns the number of players; a ValueError if it is none."""
  return validation.check_int("num_players", num_players, 1, MAX_PLAYERS)


def checked_policy(
  model: player_rewards.Model,
  policy: np.ndarray | policy_lib.Policy,
  name: str = "policy",
) -> np.ndarray:
  """Returns the (N, A) array of a policy of a model.

  Raises:
    ValueError: If the model is of another kind, or the policy not one of it.
  """
  validation.check_type(
    "model", model, stationary_model.StationaryModel, compiled_game.CompiledGame
  )
  if isinstance(policy, policy_lib.Policy):
    return model.from_openspiel(policy)
  return validation.check_policy(policy, model.legal_actions_mask, name)


def has_fixed_kernel(model: player_rewards.Model) -> bool:
  """Returns whether moves are the same under every mean field."""
  if isinstance(model, stationary_model.StationaryModel):
    return model.mdp.has_fixed_kernel
  return model.form.has_fixed_moves
