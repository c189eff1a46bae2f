"""A finite-horizon MDP in layers: flows and values by sweeps over the layers.

Layer k has n_k states. Action a in state s leads deterministically to an
afterstate of the layer, and from there at random to a state of layer k + 1:

    Q_k(s, a) = r(s) + U_k(afterstate(s, a))
    U_k       = r'   + kernel_k V_{k+1}

with rewards r of the states and r' of the afterstates. The cost is linear in
the number of actions and transitions. Several layers may belong to one time
step; usually each layer is a time step.
"""

from collections.abc import Callable
from collections.abc import Sequence
import itertools

import numpy as np
from scipy import sparse

from mftrpo_openspiel.utils import softmax


class LayeredMDP:
  """The transitions of a game under a fixed mean field.

  Attributes:
    initial: (n_0,), the initial masses of the states of layer 0.
    layers: For each layer, the slice of its states.
    kernels: For each layer, the distributions of the next state after each
      afterstate.
    legal_actions_mask: (N, A) of bool.
    num_steps: Number of time steps.
  """

  def __init__(
    self,
    initial: np.ndarray,
    afterstates: Sequence[np.ndarray],
    kernels: Sequence[sparse.csr_array | None],
    times: Sequence[int] | np.ndarray | None = None,
  ):
    """Initializes the MDP.

    Args:
      initial: (n_0,), the initial masses of the states of layer 0.
      afterstates: For each layer (n_k, A), the afterstate of each action, -1 if
        the action is not legal.
      kernels: For each layer (m_k, n_{k+1}), the distributions of the next
        state after each afterstate; None if the afterstates are the next
        states. The kernel of the last layer has n_{k+1} = 0.
      times: The time step of each layer; if not given, each layer is a time
        step.
    """
    if times is None:
      times = range(len(kernels))
    self._begins_step = np.diff(times, prepend=-1) > 0
    self.num_steps = int(self._begins_step.sum())
    self.initial = initial
    self.legal_actions_mask = np.concatenate(afterstates) >= 0
    self._all_legal = bool(self.legal_actions_mask.all())
    self._sizes = [
      len(afterstates[k + 1]) if kernel is None else kernel.shape[0]
      for k, kernel in enumerate(kernels)
    ]
    self.layers = _slices([len(layer) for layer in afterstates])
    self._afterstate_slices = _slices(self._sizes)
    self.kernels = list(kernels)
    # Views of the same entries.
    self._transposed = [
      None if kernel is None else kernel.T for kernel in kernels
    ]
    # Actions that are not legal lead to an additional, last afterstate. None if
    # each action has an afterstate of its own, in order.
    self._afterstates = [
      None
      if np.array_equal(layer.ravel(), np.arange(size))
      else np.where(layer < 0, size, layer)
      for layer, size in zip(afterstates, self._sizes)
    ]

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when all players use `policy`, (N, A)."""
    masses = np.empty(len(policy))
    masses[self.layers[0]] = self.initial
    for k in range(len(self.kernels) - 1):
      self._push(k, masses, policy, masses)
    return masses

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): `masses` after a time step, with `initial` at time 0.

    Only the masses of the first layer of each time step are used; those of its
    other layers follow from them.
    """
    old, moved = masses.copy(), np.empty(len(policy))
    moved[self.layers[0]] = self.initial
    for k in range(len(self.kernels) - 1):
      begins = self._begins_step[k + 1]
      self._push(k, old, policy, moved if begins else old)
    for k in range(len(self.kernels) - 1):
      if not self._begins_step[k + 1]:
        self._push(k, moved, policy, moved)
    return moved

  def reached(
    self, policy: np.ndarray, start: np.ndarray, at_once: bool = False
  ) -> np.ndarray:
    """Returns (N,) of bool: states that `policy` reaches from `start`.

    Args:
      policy: (N, A).
      start: (N,) of bool; these states are reached, too.
      at_once: Whether only states of the same time step are reached.
    """
    plays = (policy > 0).astype(np.float64)
    reached = start.astype(np.float64)
    arriving = np.empty(len(policy))
    for k in range(len(self.kernels) - 1):
      if at_once and self._begins_step[k + 1]:
        continue
      self._push(k, reached, plays, arriving)
      below = self.layers[k + 1]
      reached[below] = np.maximum(reached[below], arriving[below] > 0)
    return reached > 0

  def _push(
    self, k: int, masses: np.ndarray, policy: np.ndarray, result: np.ndarray
  ) -> None:
    """Writes the masses that arrive from layer k in layer k + 1 to `result`."""
    here = self.layers[k]
    weights = (masses[here, None] * policy[here]).ravel()
    afterstates = self._afterstates[k]
    if afterstates is not None:
      size = self._sizes[k]
      weights = np.bincount(afterstates.ravel(), weights, minlength=size)[:size]
    transposed = self._transposed[k]
    result[self.layers[k + 1]] = (
      weights if transposed is None else transposed @ weights
    )

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
      rewards: (N,), the rewards of states; or (N, A), those of their actions.
      afterstate_rewards: The rewards of afterstates; None if all are zero.
      temperatures: (N,), the weights of the entropy bonus; None for no bonus.

    Returns:
      Q, (N, A), without the bonus of the state itself; -inf where an action is
      not legal.
    """
    on_arrival = _of_states(rewards)
    if temperatures is not None:
      on_arrival = on_arrival + temperatures * softmax.entropy(policy)

    def value(here: slice, action_values: np.ndarray) -> np.ndarray:
      expected = np.einsum("na,na->n", policy[here], action_values)
      return expected + on_arrival[here]

    action_values = self._sweep(value, rewards, afterstate_rewards, illegal=0.0)
    if not self._all_legal:
      action_values[~self.legal_actions_mask] = -np.inf
    return action_values

  def optimize(
    self,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the largest action values, over all policies.

    For arguments and result see `evaluate`.
    """
    on_arrival = _of_states(rewards)

    def value(here: slice, action_values: np.ndarray) -> np.ndarray:
      if temperatures is None:
        return action_values.max(axis=1) + on_arrival[here]
      best = softmax.soft_maximum(action_values, temperatures[here])
      return best + on_arrival[here]

    return self._sweep(value, rewards, afterstate_rewards, illegal=-np.inf)

  def _sweep(
    self,
    value: Callable[[slice, np.ndarray], np.ndarray],
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    illegal: float,
  ) -> np.ndarray:
    """Returns the action values, by a sweep from the last layer to the first.

    Args:
      value: A function from a slice of states, and the values of their actions
        (without rewards that all actions of a state have in common), to the
        values of these states.
      rewards: As in `evaluate`.
      afterstate_rewards: As in `evaluate`.
      illegal: The value of actions that are not legal.
    """
    action_values: np.ndarray = np.empty(self.legal_actions_mask.shape)
    values: np.ndarray = np.zeros(0)
    for k, kernel in reversed(list(enumerate(self.kernels))):
      here = self.layers[k]
      follows = values if kernel is None else kernel @ values
      if afterstate_rewards is not None:
        follows = follows + afterstate_rewards[self._afterstate_slices[k]]
      afterstates = self._afterstates[k]
      if afterstates is None:
        action_values[here] = follows.reshape(-1, action_values.shape[1])
      else:
        padded = np.empty(self._sizes[k] + 1)
        padded[:-1], padded[-1] = follows, illegal
        np.take(padded, afterstates, out=action_values[here], mode="clip")
      if rewards.ndim == 2:
        action_values[here] += rewards[here]
      values = value(here, action_values[here])
    if rewards.ndim == 1:
      action_values += rewards[:, None]
    return action_values

  def num_afterstates(self, k: int) -> int:
    """Returns m_k, the number of afterstates of layer k."""
    return self._sizes[k]

  def afterstates(self, k: int) -> np.ndarray:
    """Returns (n_k, A): the afterstates of actions; arbitrary if not legal."""
    afterstates = self._afterstates[k]
    if afterstates is None:
      return np.arange(self._sizes[k]).reshape(
        -1, self.legal_actions_mask.shape[1]
      )
    return afterstates

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): distributions of the next state.

    Row s * A + a belongs to state s and action a; it is zero if the action is
    not legal.
    """
    here, kernel = self.layers[k], self.kernels[k]
    afterstates, size = self._afterstates[k], self._sizes[k]
    if kernel is None:
      kernel = sparse.csr_array(sparse.eye_array(size))
    if afterstates is None:
      return kernel
    legal = self.legal_actions_mask[here].ravel()
    rows = np.flatnonzero(legal)
    chosen = sparse.csr_array(
      (np.ones(len(rows)), (rows, afterstates.ravel()[rows])),
      shape=(len(legal), size),
    )
    return chosen @ kernel

  def action_rewards(
    self, rewards: np.ndarray, afterstate_rewards: np.ndarray | None
  ) -> np.ndarray:
    """Returns (N, A): the total reward of each action; 0 if it is not legal.

    The arguments are those of `evaluate`.
    """
    result = np.where(self.legal_actions_mask, rewards[:, None], 0.0)
    if afterstate_rewards is None:
      return result
    for k, afterstates in enumerate(self._afterstates):
      paid = afterstate_rewards[self._afterstate_slices[k]]
      here = result[self.layers[k]]  # A view.
      if afterstates is None:
        here += paid.reshape(here.shape)
      else:
        here += np.append(paid, 0.0)[afterstates]
    return result


def _of_states(rewards: np.ndarray) -> np.ndarray:
  """Returns (N,): the rewards of states; 0 if `rewards` are of actions."""
  return rewards if rewards.ndim == 1 else np.zeros(len(rewards))


def _slices(sizes: Sequence[int]) -> list[slice]:
  """Returns consecutive slices of these sizes."""
  bounds = itertools.accumulate(sizes, initial=0)
  return [slice(*pair) for pair in itertools.pairwise(bounds)]
