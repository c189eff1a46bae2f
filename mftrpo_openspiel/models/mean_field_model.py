"""The interface between algorithms and mean-field games.

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
  """The best unilateral deviation from a policy, under given rewards.

  Attributes:
    value: Expected return of a player that follows the policy.
    gain: Additional expected return of a player that deviates to the best
      policy.
    policy: (N, A), the best policy.
    error_bound: A bound on the error of `gain`; 0 where values are exact up to
      rounding.
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
    discounts: (N,), the factor gamma^t by which the action values of each state
      and its entropy bonus are multiplied; ones in a stationary model.
    root_state: Where plays of the game start; None for its initial states.
    num_environment_steps: Number of decisions simulated so far; None for a
      model without simulation.
    max_rollout_steps: Largest number of decisions of a simulated play whose
      rewards are summed; None for a model without simulation.
    game: The OpenSpiel game of the policies that `to_openspiel` returns.
  """

  game: pyspiel.Game
  legal_actions_mask: np.ndarray
  discounts: np.ndarray
  root_state: pyspiel.State | None = None
  num_environment_steps: int | None = None
  max_rollout_steps: int | None = None

  def state(self) -> dict[str, np.ndarray]:
    """Returns everything except arguments that later results depend on.

    It is empty for an exact model. The arrays must not be modified.
    """
    return {}

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned.

    Raises:
      ValueError: If it is not the state of a model of this kind.
    """
    if state:
      raise ValueError(
        f"state must be empty for a {type(self).__name__}, got"
        f" {', '.join(sorted(state))}."
      )

  @property
  @abc.abstractmethod
  def observation_strings(self) -> list[str]:
    """Observation strings of the N states; of time 0 in a stationary model."""

  def initial_mean_field(self) -> np.ndarray:
    """Returns mu_0, the mean field from which an algorithm starts.

    It is the mean field of the uniform policy unless the model defines another.
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
    """Returns mu (P_mu^pi)^M: `mean_field` after M = `num_steps` transitions.

    All steps use the transition kernel under `mean_field`. With `num_steps`
    None, the result is the limit of infinitely many steps (for a periodic
    chain, the limit of their averages).
    """

  @abc.abstractmethod
  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns mu^pi, the mean field when all players use `policy`."""

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

    They include the entropy bonus and the `bonus` of later states, but not
    those of the state itself.

    Args:
      policy: (N, A), pi.
      mean_field: (N,), mu.
      regularization: eta.
      start: (N,), nu: the distribution from which simulated players start; they
        follow `policy` to the states whose values are estimated. None for
        `mean_field`. Exact models ignore it.
      bonus: (N,), an additional reward per state, such as minus a divergence
        from another policy. On a finite horizon it must include the factor
        gamma^t, as rewards do; see `discounts`. None for no bonus.
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
        best response to a similar mean field; None for a default of the model.
        It affects the running time, and the result only by rounding. Models of
        finite horizon need no policy iteration and ignore it.
    """

  @abc.abstractmethod
  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns how much a single player gains by deviating from `policy`.

    phi(pi) = max_pi' J(pi', mu^pi) - J(pi, mu^pi) (paper, IV.e), from the
    initial distribution of the model; with regularization > 0 both terms
    include the entropy bonus.
    """

  @abc.abstractmethod
  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: states that `policy` reaches from `start`.

    They are the support of the discounted occupancy d_{start,mu}^pi of
    Algorithm 1, which gives weight gamma^t to a state that is reached t time
    steps later. So with discount 0 no state of a later time is reached.
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
    """The name of the game, with the parameters that differ from defaults."""
    return games.brief_name(self.game)

  def accuracy(self) -> str:
    """Describes how the last values and mean field were computed."""
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

    It contains the masses of all states and of all mean-field nodes of `game`,
    so OpenSpiel's PolicyValue and BestResponse evaluate under `mean_field`.

    Raises:
      ValueError: If it does not consist of N finite masses >= 0.
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
    """Maps the string of each node to the index of the state with its mass.

    It has the nodes of all states and all mean-field nodes of `game`.
    """
