"""OpenSpiel policies made from arrays: fixed, and defined in every state."""

from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.openspiel import games


class FrozenPolicy(policy_lib.Policy):
  """A fixed policy, keyed by the observation string of the current player.

  Unlike OpenSpiel's `TabularPolicy` it does not traverse the game, covers every
  legal action, and can be used on any path to a state.
  """

  def __init__(
    self,
    game: pyspiel.Game,
    rows: Mapping[str, int],
    probabilities: np.ndarray,
  ):
    """Initializes the policy.

    Args:
      game: The game of the policy.
      rows: The row of each observation string of a decision node; nodes with
        one action may be omitted.
      probabilities: (N, A), the action probabilities in each row; copied.
    """
    super().__init__(game, list(range(game.num_players())))
    self._rows = rows
    self._probabilities = probabilities.tolist()

  def __repr__(self) -> str:
    """Returns one line: the game and the number of states."""
    return (
      f"FrozenPolicy({games.brief_name(self.game)}: {len(self._rows)} states)"
    )

  def action_probabilities(
    self, state: pyspiel.State, player_id: int | None = None
  ) -> dict[int, float]:
    """Returns {action: probability} for the legal actions.

    Raises:
      ValueError: If the policy has no row for a node with several actions.
    """
    actions = state.legal_actions()
    if len(actions) == 1:
      return {actions[0]: 1.0}
    player = state.current_player() if player_id is None else player_id
    key = state.observation_string(player)
    row = self._rows.get(key)
    if row is None:
      raise ValueError(f"policy is not defined for the state {key!r}.")
    law = self._probabilities[row]
    return {action: law[action] for action in actions}


def policy_array(
  policy: policy_lib.Policy,
  states: Iterable[pyspiel.State],
  shape: tuple[int, ...],
) -> np.ndarray:
  """Returns the probabilities of `policy` as an array of this shape.

  It has one row per state. The row is NaN if the policy is not defined for the
  state, where OpenSpiel's policies raise a KeyError or ValueError. The only
  action of a mean-field node is 0.
  """
  probabilities = np.zeros(shape)
  for row, state in enumerate(states):
    law = {0: 1.0}
    if state.get_type() != pyspiel.StateType.MEAN_FIELD:
      try:
        law = policy.action_probabilities(state)
      except (KeyError, ValueError):
        probabilities[row] = np.nan
        continue
    for action, probability in law.items():
      probabilities[row, action] = probability
  return probabilities


class StationaryPolicy(policy_lib.Policy):
  """A fixed policy for a `mdp_game.MDPGame`, the same at every time step."""

  def __init__(self, game: pyspiel.Game, probabilities: np.ndarray):
    """Initializes the policy with a copy of the (S, A) action probabilities."""
    super().__init__(game, [0])
    self._probabilities = probabilities.tolist()

  def __repr__(self) -> str:
    """Returns one line: the game and the number of states."""
    return (
      f"StationaryPolicy({games.brief_name(self.game)}:"
      f" {len(self._probabilities)} states)"
    )

  def action_probabilities(
    self, state: pyspiel.State, player_id: int | None = None
  ) -> dict[int, float]:
    """Returns {action: probability} for the legal actions."""
    del player_id
    if state.pending_action is not None:
      return {action: 1.0 for action in state.legal_actions()}
    return dict(enumerate(self._probabilities[state.x]))
