"""What an algorithm sees of a mean-field game: arrays over decision states.

An algorithm of this package is written once, against `MeanFieldModel`, and
runs on an infinite-horizon mean-field MDP (`StationaryModel`) and on any
OpenSpiel mean-field game (`OpenSpielModel`) alike.
"""

import abc
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import tabular_distribution
import pyspiel

from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation


class Deviation(NamedTuple):
  """What a player may gain by leaving a policy, under given rewards.

  Attributes:
    value: What it earns with the policy itself.
    gain: What it earns more with the best policy.
    policy: (N, A), the best policy.
    error_bound: A bound of the error of `gain`, where values are not exact up
      to rounding; 0 where they are.
  """

  value: float
  gain: float
  policy: np.ndarray
  error_bound: float = 0.0


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
    num_environment_steps: How many decisions have been simulated so far; None
      for a model that simulates nothing.
    max_rollout_steps: Most decisions of a simulated play whose rewards are
      added up; None for a model that simulates nothing.
    game: The OpenSpiel game whose policies `to_openspiel` gives.
  """

  game: pyspiel.Game
  legal_actions_mask: np.ndarray
  discounts: np.ndarray
  root_state: pyspiel.State | None = None
  num_environment_steps: int | None = None
  max_rollout_steps: int | None = None

  def state(self) -> dict[str, np.ndarray]:
    """Returns all that later results depend on but their arguments.

    Nothing, in a model that is no estimate. It is not to be written to.
    """
    return {}

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was.

    Raises:
      ValueError: If it is not the state of such a model.
    """
    if state:
      raise ValueError(
        f"state must be empty for a {type(self).__name__}, got"
        f" {', '.join(sorted(state))}."
      )

  @property
  @abc.abstractmethod
  def observation_strings(self) -> list[str]:
    """The N strings of the states; in a stationary model those at time 0."""

  def initial_mean_field(self) -> np.ndarray:
    """Returns mu_0, the mean field that an algorithm starts from.

    That of the uniform policy, where a model has none of its own.
    """
    return self.mean_field(
      tabular_policies.uniform_policy(self.legal_actions_mask)
    )

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
    start: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns Q_mu^pi, the values of each action followed by `policy`.

    The entropy bonus of later states is in them, and their `bonus`; those of
    the state itself are not.

    Args:
      policy: (N, A), pi.
      mean_field: (N,), mu.
      regularization: eta.
      start: (N,), nu: estimates are from states that `policy` leads to from
        there; None for `mean_field`. Exact models do not need it.
      bonus: (N,), what each state pays on top of its rewards, such as minus a
        divergence from another policy. On a finite horizon it carries gamma^t
        itself, as rewards do; see `discounts`. None for nothing.
    """

  @abc.abstractmethod
  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the maximum over policies of Q_mu^pi.

    Args:
      mean_field: (N,), mu.
      regularization: eta.
      start: (N, A), the policy from which policy iteration starts, such as the
        best response to a mean field nearby; None for one of the model's own.
        It changes the work, and the result only by rounding. Models of finite
        horizon need no policy iteration, and ignore it.
    """

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

    The support of the discounted occupancy d_{start,mu}^pi of Algorithm 1, in
    which what is reached t time steps later has the weight gamma^t. So at
    discount 0 nothing is reached at later times.
    """

  def __repr__(self) -> str:
    """Returns one line: the kind of model, its game and its size."""
    num_states, num_actions = self.legal_actions_mask.shape
    return (
      f"{type(self).__name__}({self.game_name}: {num_states} states,"
      f" {num_actions} actions)"
    )

  @property
  def game_name(self) -> str:
    """The name of the game, with parameters that are not the default."""
    return games.brief_name(self.game)

  def accuracy(self) -> str:
    """Returns how the last values and mean field were computed, in words."""
    return "Values and mean fields are exact up to rounding."

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns `policy` as a frozen policy for `game`."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    return policies.FrozenPolicy(self.game, self._state_rows(), policy)

  @abc.abstractmethod
  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`."""

  def to_distribution(
    self, mean_field: np.ndarray
  ) -> tabular_distribution.TabularDistribution:
    """Returns `mean_field` as the distribution of OpenSpiel's utilities.

    It has the masses of all states and of all mean-field nodes of `game`, so
    that OpenSpiel's PolicyValue and BestResponse are those under `mean_field`.

    Raises:
      ValueError: If it is anything but N finite masses >= 0.
    """
    num_states = len(self.legal_actions_mask)
    masses = validation.check_masses("mean_field", mean_field, num_states)
    masses = masses.tolist()
    distribution = tabular_distribution.TabularDistribution(self.game)
    distribution.set_params(
      {string: masses[row] for string, row in self._node_rows().items()}
    )
    return distribution

  def _state_rows(self) -> dict[str, int]:
    return {string: row for row, string in enumerate(self.observation_strings)}

  @abc.abstractmethod
  def _node_rows(self) -> dict[str, int]:
    """Returns for each node, by its string, the state with the same mass.

    For the nodes of all states and all mean-field nodes of `game`.
    """
