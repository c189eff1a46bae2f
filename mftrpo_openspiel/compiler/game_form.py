"""The interface of all forms in which a game is compiled."""

import abc
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel
from scipy import sparse

from mftrpo_openspiel.openspiel import policies

Rows = slice | np.ndarray
# Rewards of states and of afterstates; None if afterstates have no rewards.
Rewards = tuple[np.ndarray, np.ndarray | None]


class Dynamics(Protocol):
  """The transitions under one mean field, as a `LayeredMDP` has them."""

  num_steps: int

  @property
  def initial(self) -> np.ndarray:
    """(n_0,), the initial masses."""

  @property
  def layers(self) -> list[slice]:
    """The states of each layer."""

  @property
  def kernels(self) -> list[sparse.csr_array | None]:
    """For each layer, the next-state probabilities after each afterstate."""

  def num_afterstates(self, k: int) -> int:
    """Returns m_k, the number of afterstates of layer k."""

  def afterstates(self, k: int) -> np.ndarray:
    """Returns (n_k, A): the afterstate of each action."""

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): the next-state probabilities."""

  def action_rewards(
    self, rewards: np.ndarray, afterstate_rewards: np.ndarray | None
  ) -> np.ndarray:
    """Returns (N, A): the total immediate rewards of actions."""

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses one time step after `masses`."""

  def reached(
    self, policy: np.ndarray, start: np.ndarray, at_once: bool = False
  ) -> np.ndarray:
    """Returns (N,) of bool: the states that `policy` reaches from `start`."""

  def evaluate(
    self,
    policy: np.ndarray,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (N, A): the action values of `policy`."""

  def optimize(
    self,
    rewards: np.ndarray,
    afterstate_rewards: np.ndarray | None,
    temperatures: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (N, A): the action values of an optimal policy."""


class GameForm(abc.ABC):
  """A game of finite horizon as arrays over N states in layers.

  Methods raise a ValueError if a mean field changes transitions in a way that
  the form does not support.

  Attributes:
    layers: (N,), the layer of each state, counted from 0.
    times: (N,), the number of mean-field nodes between the first decision and
      each state.
    legal_actions_mask: (N, A) of bool.
    has_fixed_moves: Whether transitions are the same under every mean field.
  """

  has_fixed_moves = True
  layers: np.ndarray
  times: np.ndarray
  legal_actions_mask: np.ndarray

  @property
  @abc.abstractmethod
  def strings(self) -> list[str]:
    """The observation strings of the states."""

  @abc.abstractmethod
  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""

  @abc.abstractmethod
  def dynamics(self, mean_field: np.ndarray) -> tuple[Dynamics, Rows]:
    """Returns the transitions under the (N,) mean field, and their rows.

    The rows say which of the N states are the states of the returned MDP. The
    other states are not reached under this mean field.
    """

  @abc.abstractmethod
  def rewards(self, mean_field: np.ndarray) -> Rewards:
    """Returns the rewards of this MDP under the (N,) mean field."""

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the row of the mass of each mean-field node, by its string.

    Mean-field nodes that are states themselves may be omitted. By default there
    are no others.
    """
    return {}

  @abc.abstractmethod
  def states(self) -> Iterable[pyspiel.State]:
    """Returns an OpenSpiel state for each of the N states."""

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy."""
    shape = self.legal_actions_mask.shape
    return policies.policy_array(policy, self.states(), shape)
