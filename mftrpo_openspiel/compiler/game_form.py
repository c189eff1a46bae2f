"""What the forms in which a game is compiled have in common."""

import abc
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel
from scipy import sparse

from mftrpo_openspiel.openspiel import policies

Rows = slice | np.ndarray
# Of states, and of afterstates; None if those pay nothing.
Rewards = tuple[np.ndarray, np.ndarray | None]


class Dynamics(Protocol):
  """Where actions lead under one mean field, as in a `LayeredMDP`."""

  num_steps: int

  @property
  def initial(self) -> np.ndarray:
    """(n_0,), the masses that plays start with."""

  @property
  def layers(self) -> list[slice]:
    """The states of each layer."""

  @property
  def kernels(self) -> list[sparse.csr_array | None]:
    """For each layer, the laws of the next state after each afterstate."""

  def num_afterstates(self, k: int) -> int:
    """Returns m_k, the number of afterstates of layer k."""

  def afterstates(self, k: int) -> np.ndarray:
    """Returns (n_k, A): where actions lead."""

  def transitions(self, k: int) -> sparse.csr_array:
    """Returns (n_k * A, n_{k+1}): the next state's law."""

  def action_rewards(
    self, rewards: np.ndarray, afterstate_rewards: np.ndarray | None
  ) -> np.ndarray:
    """Returns (N, A): what actions pay in all."""

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when everybody plays `policy`, (N, A)."""

  def step(self, policy: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): `masses` moved on by a time step."""

  def reached(
    self, policy: np.ndarray, start: np.ndarray, at_once: bool = False
  ) -> np.ndarray:
    """Returns (N,) of bool: where `policy` leads to from the states `start`."""

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
    """Returns (N, A): the largest action values, over all policies."""


class GameForm(abc.ABC):
  """A game of finite horizon as arrays over N states in layers.

  Methods raise a ValueError if a mean field changes moves in a way that the
  form cannot follow.

  Attributes:
    layers: (N,), the layer of each state, counted from 0.
    times: (N,), how many mean-field nodes lie between the first decision and
      each state.
    legal_actions_mask: (N, A) of bool.
    has_fixed_moves: Whether moves are the same under every mean field.
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
    """Returns (N,): the masses when everybody plays `policy`, (N, A)."""

  @abc.abstractmethod
  def dynamics(self, mean_field: np.ndarray) -> tuple[Dynamics, Rows]:
    """Returns where actions lead under the (N,) mean field, and from where.

    That is an MDP, and which of the N states are those of it. No play leads to
    the others.
    """

  @abc.abstractmethod
  def rewards(self, mean_field: np.ndarray) -> Rewards:
    """Returns what this MDP pays under the (N,) mean field."""

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the row of the mass of each mean-field node, by its string.

    Those that are states themselves may be left out, as all are here.
    """
    return {}

  @abc.abstractmethod
  def states(self) -> Iterable[pyspiel.State]:
    """Returns an OpenSpiel state for each of the N states."""

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy."""
    shape = self.legal_actions_mask.shape
    return policies.policy_array(policy, self.states(), shape)
