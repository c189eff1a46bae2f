"""Returns of N players in plays of OpenSpiel's own states.

Plays use only the states of the game: no arrays, no caching by observation
strings, no mean field. So they show where computed values of the mean-field
game differ from those of the intended game.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel

from mftrpo_openspiel.finite_population import n_player_game
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import validation


class MeanReturn(NamedTuple):
  """The mean return of players.

  Attributes:
    mean: Mean over all players and plays.
    standard_error: Standard error of the mean, from the variance over plays.
  """

  mean: float
  standard_error: float


def play(
  game: n_player_game.NPlayerGame,
  policy: policy_lib.Policy,
  num_plays: int,
  seed: int,
) -> MeanReturn:
  """Returns the mean return if all players use `policy`.

  Args:
    game: The N-player game.
    policy: A policy of its mean-field game.
    num_plays: Number of plays, at least 2.
    seed: Seed of the random numbers.

  Raises:
    ValueError: If an argument is out of range.
  """
  validation.check_int("num_plays", num_plays, 2)
  rng = np.random.default_rng(validation.check_int("seed", seed, 0))
  policy = game.n_player_policy(policy)
  means = []
  with progress.progress_bar(num_plays, "play", keep=False) as bar:
    for _ in range(num_plays):
      means.append(np.mean(_returns(game, policy, rng)))
      bar.update()
  spread = np.std(means, ddof=1) / np.sqrt(num_plays)
  return MeanReturn(float(np.mean(means)), float(spread))


def mean_field_value(game: pyspiel.Game, policy: policy_lib.Policy) -> float:
  """Returns the value of a policy in the mean-field game, by OpenSpiel.

  Args:
    game: A mean-field game of one population.
    policy: The policy of all players.
  """
  with recursion.deep(game):
    crowd = distribution.DistributionPolicy(game, policy)
    value = policy_value.PolicyValue(game, crowd, policy)
    return float(value.value(game.new_initial_state()))


def _returns(
  game: n_player_game.NPlayerGame,
  policy: policy_lib.Policy,
  rng: np.random.Generator,
) -> list[float]:
  """Returns the return of each player in one play."""
  state = game.new_initial_state()
  while not state.is_terminal():
    if state.is_chance_node():
      state.apply_action(_draw(dict(state.chance_outcomes()), rng))
    else:
      state.apply_actions(list(_actions(state, policy, rng)))
  return state.returns()


def _actions(
  state: n_player_game.NPlayerState,
  policy: policy_lib.Policy,
  rng: np.random.Generator,
) -> Iterator[int]:
  """Yields an action for each player."""
  for player in range(state.num_players()):
    yield _draw(policy.action_probabilities(state, player), rng)


def _draw(law: dict[int, float], rng: np.random.Generator) -> int:
  actions, probabilities = list(law), np.cumsum(list(law.values()))
  # Equivalent to `rng.choice`, but ten times faster.
  place = np.searchsorted(probabilities, rng.random() * probabilities[-1])
  return actions[int(place)]
