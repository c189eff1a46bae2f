"""What an algorithm sees of a mean-field game: arrays over decision states.

An algorithm of this package is written once, against `MeanFieldModel`, and
runs on an infinite-horizon mean-field MDP (`StationaryModel`) and on any
OpenSpiel mean-field game (`OpenSpielModel`) alike.
"""

import abc

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel


class MeanFieldModel(abc.ABC):
  """A mean-field game as arrays over N decision states and A actions.

  In all methods `policy` is (N, A), `mean_field` is (N,), action values are
  (N, A) with -inf where an action is not legal, and `regularization` is eta of
  the paper: the weight, >= 0, of the entropy bonus of the policy.

  Attributes:
    legal_actions_mask: (N, A) of bool.
    discounts: (N,), the factor gamma^t that the action values of each state
      carry, and with which its entropy is weighed; ones in a stationary model.
    root_state: Where plays of the game start; None for its initial states.
  """

  legal_actions_mask: np.ndarray
  discounts: np.ndarray
  root_state: pyspiel.State | None = None

  @property
  @abc.abstractmethod
  def game(self) -> pyspiel.Game:
    """The OpenSpiel game whose policies `to_openspiel` gives."""

  @abc.abstractmethod
  def initial_mean_field(self) -> np.ndarray:
    """Returns mu_0, the mean field that an algorithm starts from."""

  @abc.abstractmethod
  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns mu (P_mu^pi)^M: `mean_field` moved `num_steps` times.

    The kernel stays the one under `mean_field` in all steps. None is the limit
    of many steps (of their averages, where the chain is periodic).
    """

  @abc.abstractmethod
  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns mu^pi, the mean field when everybody plays `policy`."""

  @abc.abstractmethod
  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> np.ndarray:
    """Returns Q_mu^pi, the values of each action followed by `policy`.

    The entropy bonus of later states is in them, that of the state itself is
    not.
    """

  @abc.abstractmethod
  def optimal_action_values(
    self, mean_field: np.ndarray, regularization: float = 0.0
  ) -> np.ndarray:
    """Returns the maximum over policies of Q_mu^pi."""

  @abc.abstractmethod
  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns how much a single player gains by leaving `policy`.

    phi(pi) = max_pi' J(pi', mu^pi) - J(pi, mu^pi) (paper, IV.e), from the
    model's own initial law; with regularization > 0 both terms carry the
    entropy bonus.
    """

  @abc.abstractmethod
  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: where `policy` leads from the support of `start`.

    The support of the discounted occupancy d_{start,mu}^pi of Algorithm 1.
    """

  @abc.abstractmethod
  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns `policy` as a frozen policy for `game`."""

  @abc.abstractmethod
  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`."""
