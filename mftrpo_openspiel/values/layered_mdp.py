"""A finite-horizon MDP in layers: flows and values in sweeps over them.

Layer k has n_k states. Action a in state s leads to an afterstate of the layer
for certain, and from there chance leads to the states of layer k + 1:

    Q_k(s, a) = r(s) + U_k(afterstate(s, a))
    U_k       = r'   + kernel_k V_{k+1}

with rewards r of the states and r' of the afterstates. Work is linear in the
number of actions and transitions. Several layers may belong to one time step;
mostly each is a time step of its own.
"""

from collections.abc import Callable
from collections.abc import Sequence
import itertools

import numpy as np
from scipy import sparse

from mftrpo_openspiel.utils import softmax


class LayeredMDP:
  """Where actions lead in a game, under one mean field.

  Attributes:
    initial: (n_0,), the masses that plays start with.
    layers: The states of each layer.
    kernels: For each layer, the laws of the next state after each afterstate.
    legal_actions_mask: (N, A) of bool.
    num_steps: How many time steps there are.
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
      initial: (n_0,), the masses that plays start with.
      afterstates: For each layer (n_k, A), the afterstate that each action
        leads to, -1 if it is not legal.
      kernels: For each layer (m_k, n_{k+1}), the laws of the next state after
        each afterstate; None where the afterstates are the next states, and of
        width 0 for the last layer.
      times: The time step that each layer belongs to; its own if not given.
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
    # Views on the same entries.
    self._transposed = [
      None if kernel is None else kernel.T for kernel in kernels
    ]
    # Actions that are not legal lead to one afterstate more, the last. None
    # where each action has an afterstate of its own, in order.
    self._afterstates = [
      None
      if np.array_equal(layer.ravel(), np.arange(size))
      else np.where(layer < 0, size, layer)
      for layer, size in zip(afterstates, self._sizes)
    ]

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when everybody plays `policy`, (N, A)."""
    masses = np.empty(len(policy))
    masses[self.layers[0]] = self.initial
    for k in range(len(self.kernels) - 1):
      self._push(k, masses, policy, masses)
    return masses

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): `masses` moved on by a time step, `initial` in the first.

    What counts are the masses of the first layer of each time step; those of
    its other layers follow from them.
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
    """Returns (N,) of bool: where `policy` leads to from the states `start`.

    Args:
      policy: (N, A).
      start: (N,) of bool, which count as reached.
      at_once: Whether only states of the same time step count.
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
    """Writes what layer k sends to layer k + 1 into `result`."""
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
      rewards: (N,), of the states; or (N, A), of their actions.
      afterstate_rewards: Of the afterstates; None if they pay nothing.
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
    """Returns the action values, in a sweep from the last layer to the first.

    Args:
      value: Gives the values of the states in a slice, from what follows each
        of their actions.
      rewards: As in `evaluate`.
      afterstate_rewards: As in `evaluate`.
      illegal: What follows an action that is not legal.
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
    """Returns (n_k, A): where actions lead; anything where one is not legal."""
    afterstates = self._afterstates[k]
    if afterstates is None:
      return np.arange(self._sizes[k]).reshape(
        -1, self.legal_actions_mask.shape[1]
      )
    return afterstates

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): the next state's law, row s * A + a for a.

    Rows of actions that are not legal are zero.
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
    """Returns (N, A): what actions pay in all; 0 where one is not legal.

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
  """Returns (N,): what states pay, nothing where their actions do."""
  return rewards if rewards.ndim == 1 else np.zeros(len(rewards))


def _slices(sizes: Sequence[int]) -> list[slice]:
  """Returns the places of parts of these sizes, one after the other."""
  bounds = itertools.accumulate(sizes, initial=0)
  return [slice(*pair) for pair in itertools.pairwise(bounds)]
