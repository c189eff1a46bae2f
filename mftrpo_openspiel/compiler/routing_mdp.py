"""Values in a routing game under one mean field.

    Q(t, c, k) = V(t + 1 + w(t + 1, k), c'),  or the reward at the end,

for the choices (t, c) that plays reach, from the last one to the first; c' is
the cell of the next link k.
"""

from collections.abc import Callable
from collections.abc import Sequence
import functools

import numpy as np
from scipy import sparse
from scipy import special

from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_arrays
from mftrpo_openspiel.compiler import routing_flow
from mftrpo_openspiel.compiler import routing_layers
from mftrpo_openspiel.values import layered_mdp


class RoutingMDP:
  """A routing game under one mean field, with methods of a `LayeredMDP`.

  Attributes:
    num_steps: T.
  """

  def __init__(
    self,
    arrays: routing_arrays.RoutingArrays,
    mean_field: np.ndarray,
    events: Sequence[routing_arrays.Event] | None = None,
  ):
    """Initializes the game under a mean field.

    Args:
      arrays: The game.
      mean_field: (N,).
      events: The events that plays reach under it, if they are known.

    Raises:
      ValueError: If the mass on a link is larger than 1.
    """
    self.num_steps = arrays.horizon
    self._arrays = arrays
    self._mean_field = mean_field
    if events is None:
      events = routing_flow.Play(arrays, waits=self._waits).events
    self._events = events

  @functools.cached_property
  def _waits(self) -> np.ndarray:
    """(T, K): the waiting times."""
    shares = self._arrays.told_shares(self._mean_field)
    network = self._arrays.states.network
    if shares.max() > road_network.LARGEST_SHARE:
      time, link = divmod(int(shares.argmax()), shares.shape[1])
      raise ValueError(
        "mean_field must have a mass of at most 1 on each link, but it is"
        f" {shares.max():.6g} on {network.names[link]!r} at time {time}."
      )
    return self._arrays.states.waits(shares)

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""
    return routing_flow.Play(self._arrays, policy, self._waits).mean_field()

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses one time step after `masses`.

    The first layer receives the initial masses.

    Raises:
      ValueError: If states are aggregated.
    """
    if not self._arrays.states.tells_waits_apart:
      raise ValueError(
        f"num_steps must be None or at least {self.num_steps} in a network with"
        " so many states that waiting times are not distinguished."
      )
    return self._layered.step(policy, masses)

  def reached(
    self, policy: np.ndarray, start: np.ndarray, at_once: bool = False
  ) -> np.ndarray:
    """Returns (N,) of bool: the states that `policy` reaches from `start`.

    Args:
      policy: (N, A).
      start: (N,) of bool; these states count as reached.
      at_once: Whether only states of the same time step count.
    """
    del at_once  # These games are not discounted.
    plays = (policy > 0).astype(np.float64)
    play = routing_flow.Play(self._arrays, plays, self._waits, start)
    return start | (play.mean_field() > 0)

  def evaluate(
    self,
    policy: np.ndarray,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the action values of `policy`.

    Args:
      policy: (N, A).
      rewards: (N,), of the states; or (N, A), of their actions.
      afterstate_rewards: (T + 1,), the rewards for arrival at each time, and
        for not arriving; None for no rewards.
      temperatures: (N,), the weights of the entropy bonus; None for no bonus.

    Returns:
      Q, (N, A), without the bonus of the state itself; -inf for actions that
      are not legal, and 0 in choices that no play reaches.
    """
    if not self._are_rewards_of_choices(rewards):
      pay = routing_layers.last_pay(self._arrays, afterstate_rewards)
      values = self._layered.evaluate(policy, rewards, pay, temperatures)
      return self._only_where_reached(values, rewards)
    plays = policy.ravel()

    def value(
      event: routing_arrays.Event, action_values: np.ndarray
    ) -> np.ndarray:
      laws = plays[event.moves.places]
      values = np.add.reduceat(laws * action_values, event.moves.begins)
      if temperatures is None:
        return values
      entropy = np.add.reduceat(special.entr(laws), event.moves.begins)
      return values + temperatures[event.moves.rows] * entropy

    return self._sweep(value, rewards, afterstate_rewards)

  def optimize(
    self,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the action values of an optimal policy.

    For arguments and result see `evaluate`.
    """
    if not self._are_rewards_of_choices(rewards):
      pay = routing_layers.last_pay(self._arrays, afterstate_rewards)
      values = self._layered.optimize(rewards, pay, temperatures)
      return self._only_where_reached(values, rewards)

    def value(
      event: routing_arrays.Event, action_values: np.ndarray
    ) -> np.ndarray:
      moves = event.moves
      largest = np.maximum.reduceat(action_values, moves.begins)
      if temperatures is None:
        return largest
      scale = temperatures[moves.rows]
      excess = action_values - largest.repeat(moves.counts)
      weights = np.exp(excess / scale.repeat(moves.counts))
      return largest + scale * np.log(np.add.reduceat(weights, moves.begins))

    return self._sweep(value, rewards, afterstate_rewards)

  def _sweep(
    self,
    value: Callable[[routing_arrays.Event, np.ndarray], np.ndarray],
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
  ) -> np.ndarray:
    """Returns the action values, in a backward sweep through the events.

    Args:
      value: Computes the (m,) values of choices from the action values of their
        e moves.
      rewards: (N,), the rewards of choices; those of other states are 0.
      afterstate_rewards: As in `evaluate`.
    """
    arrays = self._arrays
    values = np.zeros(arrays.first_end + arrays.horizon + 1)
    if afterstate_rewards is not None:
      values[arrays.first_end :] = afterstate_rewards
    result = arrays.blank.copy()
    flat = result.ravel()  # A view.
    pays = rewards.any()
    for event in reversed(self._events):
      moves, action_values = event.moves, values[event.slots]
      flat[moves.places] = action_values
      values[moves.slots] = value(event, action_values)
      if pays:
        values[moves.slots] += rewards[moves.rows]
      flat[moves.entering_places] = values[event.entering_slots]
    flat[arrays.single_places] = values[arrays.single_slots]
    if pays:
      result += rewards[:, None]
    return result

  def _only_where_reached(
    self, action_values: np.ndarray, rewards: np.ndarray
  ) -> np.ndarray:
    """Returns action values without later rewards in choices not reached."""
    rows = self._arrays.states.choice_rows
    unmet = np.setdiff1d(
      rows[rows >= 0],
      np.concatenate([event.moves.rows for event in self._events]),
    )
    action_values[unmet] = self._arrays.blank[unmet]
    if rewards.ndim == 1:
      action_values[unmet] += rewards[unmet, None]
    return action_values

  def _are_rewards_of_choices(self, rewards: np.ndarray) -> bool:
    """Returns whether only choices have rewards, given as (N,)."""
    if rewards.ndim > 1:
      return False
    return not rewards.any() or not rewards[self._arrays.has_no_choice].any()

  @functools.cached_property
  def _layered(self) -> layered_mdp.LayeredMDP:
    """The same as a `LayeredMDP`; takes as much time as many sweeps."""
    return routing_layers.layered(self._arrays, self._waits)

  @property
  def initial(self) -> np.ndarray:
    """(n_0,), the initial masses."""
    return self._layered.initial

  @property
  def layers(self) -> list[slice]:
    """The states of each layer."""
    return self._layered.layers

  @property
  def kernels(self) -> list[sparse.csr_array | None]:
    """For each layer, the next-state probabilities after each afterstate."""
    return self._layered.kernels

  def num_afterstates(self, k: int) -> int:
    """Returns m_k, the number of afterstates of layer k."""
    return self._layered.num_afterstates(k)

  def afterstates(self, k: int) -> np.ndarray:
    """Returns (n_k, A): the afterstates of actions; arbitrary if not legal."""
    return self._layered.afterstates(k)

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): the next-state probabilities.

    Row s * A + a is for action a in state s.
    """
    return self._layered.transitions(k)

  def action_rewards(
    self, rewards: np.ndarray, afterstate_rewards: np.ndarray | None
  ) -> np.ndarray:
    """Returns (N, A): the total rewards of actions; 0 for those not legal.

    The arguments are those of `evaluate`.
    """
    pay = routing_layers.last_pay(self._arrays, afterstate_rewards)
    return self._layered.action_rewards(rewards, pay)
