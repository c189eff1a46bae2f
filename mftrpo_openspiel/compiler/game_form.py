"""What the forms in which a game is compiled have in common."""

import abc
from collections.abc import Iterable

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.values import layered_mdp

Rows = slice | np.ndarray
# Of states, and of afterstates; None if those pay nothing.
Rewards = tuple[np.ndarray, np.ndarray | None]


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
  def dynamics(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredMDP, Rows]:
    """Returns where actions lead under the (N,) mean field, and from where.

    That is the layered MDP, and which of the N states are those of it. No play
    leads to the others.
    """

  @abc.abstractmethod
  def rewards(self, mean_field: np.ndarray) -> Rewards:
    """Returns what the layered MDP pays under the (N,) mean field."""

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
