"""What N players get when they play, by OpenSpiel's own moves.

It takes nothing but what the states of the game say: no arrays, no caching by
observation strings, no mean field. So it can tell where the values of the
mean-field game are not those of the game that is meant.
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
  """What players got.

  Attributes:
    mean: Over all players and plays.
    standard_error: Of the mean, from how much plays differ.
  """

  mean: float
  standard_error: float


def play(
  game: n_player_game.NPlayerGame,
  policy: policy_lib.Policy,
  num_plays: int,
  seed: int,
) -> MeanReturn:
  """Returns what players get who all play `policy`.

  Args:
    game: What is played.
    policy: Of its mean-field game.
    num_plays: How many plays, at least 2.
    seed: Of the random numbers.

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
  """Returns what OpenSpiel says that a player gets in the mean-field game.

  Args:
    game: A mean-field game of one population.
    policy: Which all play.
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
  """Returns what each player gets in one play."""
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
  """Gives an action of each player."""
  for player in range(state.num_players()):
    yield _draw(policy.action_probabilities(state, player), rng)


def _draw(law: dict[int, float], rng: np.random.Generator) -> int:
  actions, probabilities = list(law), np.cumsum(list(law.values()))
  # As `rng.choice`, which takes ten times as long.
  place = np.searchsorted(probabilities, rng.random() * probabilities[-1])
  return actions[int(place)]
