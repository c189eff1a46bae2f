"""OpenSpiel's routing games as arrays.

The waiting time on a link depends on the number of cars there, so transitions
depend on the mean field. But this dependence is known (`road_network`), and all
states can be listed in advance (`routing_states`). Therefore flows and values
need only array operations, at the times at which a car may choose
(`routing_flow`, `routing_mdp`).
"""

from collections.abc import Iterator
import functools

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_arrays
from mftrpo_openspiel.compiler import routing_flow
from mftrpo_openspiel.compiler import routing_mdp
from mftrpo_openspiel.compiler import routing_plays
from mftrpo_openspiel.compiler import routing_states
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import memory

# Approximate memory of an iteration of Mirror Descent, per action of a state.
_ACTION_BYTES = 50


class RoutingForm(game_form.GameForm):
  """A routing game whose waiting times are computed.

  Attributes:
    tells_waits_apart: Whether each node is a state. If not, one state has the
      masses of all cars that wait on a link, for any number of steps. In this
      case the masses of each decision layer sum to one, but not those of the
      mean-field layers in between.
  """

  has_fixed_moves = False

  def __init__(
    self,
    game: pyspiel.Game,
    network: road_network.RoadNetwork,
    max_states: int = routing_states.MAX_STATES,
  ):
    """Initializes the form.

    Args:
      game: A routing game.
      network: Its roads.
      max_states: If there would be more states, states with different waiting
        times are aggregated.

    Raises:
      ValueError: If there is not enough memory for the game.
    """
    self._game = game
    self._states = states = routing_states.RoutingStates(network, max_states)
    self.tells_waits_apart = states.tells_waits_apart
    memory.check(
      "max_num_time_step",
      network.horizon,
      len(states) * (len(network.names) + 1) * _ACTION_BYTES,
    )
    self._arrays = routing_arrays.RoutingArrays(states)
    self.legal_actions_mask = self._arrays.legal_actions_mask
    self.times = states.nodes.time
    # Between the decisions of two times there is a mean-field layer.
    _, self.layers = np.unique(
      2 * self.times - states.nodes.is_told, return_inverse=True
    )
    self._no_rewards = np.zeros(len(states))
    # The last mean field, as bytes, and the game under it.
    self._last: tuple[bytes, routing_mdp.RoutingMDP] | None = None

  def agrees_with_game(self) -> bool:
    """Returns whether plays of the game agree with the network."""
    return routing_plays.agree(self._game, self._states)

  @functools.cached_property
  def strings(self) -> list[str]:
    """The observation strings of the states."""
    return [self._states.string(row) for row in range(len(self._states))]

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""
    play = routing_flow.Play(self._arrays, policy)
    mean_field = play.mean_field()
    # If nodes receive this mean field, the same choices are reached.
    moves = routing_mdp.RoutingMDP(self._arrays, mean_field.copy(), play.events)
    self._last = mean_field.tobytes(), moves
    return mean_field

  def dynamics(
    self, mean_field: np.ndarray
  ) -> tuple[routing_mdp.RoutingMDP, game_form.Rows]:
    """Returns the transitions under the (N,) mean field, and all rows.

    Raises:
      ValueError: If the mass on a link is larger than 1.
    """
    # Other threads may set it at the same time.
    last, key = self._last, mean_field.tobytes()
    if last is None or last[0] != key:
      moves = routing_mdp.RoutingMDP(self._arrays, mean_field.copy())
      self._last = last = key, moves
    return last[1], slice(None)

  def rewards(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns zeros for the states, and the rewards at the end."""
    del mean_field  # Rewards depend only on the time of arrival.
    return self._no_rewards, self._arrays.ends

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the row of the mass of each mean-field node that is not a state.

    If states are aggregated, one node has the masses of all cars that wait on a
    link, so that the sums which OpenSpiel's utilities compute are right.
    """
    return dict(self._states.told_strings())

  def states(self) -> Iterator[pyspiel.State]:
    """Yields an OpenSpiel state for each of the N states."""
    rows = np.arange(len(self._states))
    yield from routing_plays.states_of(self._game, self._states, rows)

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy."""
    result = self.legal_actions_mask.astype(np.float64)
    rows = np.flatnonzero(self.legal_actions_mask.sum(axis=1) > 1)
    states = routing_plays.states_of(self._game, self._states, rows)
    shape = len(rows), result.shape[1]
    result[rows] = policies.policy_array(policy, states, shape)
    return result
