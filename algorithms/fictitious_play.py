"""Fictitious Play (FP).

Perrin et al. (2020), "Fictitious Play for Mean Field Games: Continuous Time
Analysis and Applications", arXiv:2007.03458. An iteration

1. finds a best response pi_BR to the current mean field mu,
2. computes the mean field mu_BR of this best response,
3. averages, mu <- (1 - a) mu + a mu_BR, and averages the policies in each state
   with the weights (1 - a) mu(s) and a mu_BR(s).

On a finite horizon the averaged policy has the averaged mean field, and this is
OpenSpiel's FictitiousPlay, with the same methods. Where several actions are
equally good, rounding decides which of them each implementation takes.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import best_response
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of FP; `mean_field` is the average mu.

  Attributes:
    response: (N, A), the last best response; uniform before the first.
  """

  response: np.ndarray


class AveragingAlgorithm(algorithm.ArrayAlgorithm[State]):
  """Base class of algorithms that average responses with weights."""

  def __init__(self, game: model_lib.MeanFieldModel | pyspiel.Game):
    super().__init__(game)
    self._uniform = tabular_policies.uniform_policy(
      self.model.legal_actions_mask
    )
    self._state = State(
      policy=self._uniform,
      mean_field=self.model.mean_field(self._uniform),
      response=self._uniform,
    )

  def _mixed(
    self,
    state: State,
    response: np.ndarray,
    response_masses: np.ndarray,
    rate: float,
  ) -> State:
    """Returns the state with a response averaged into it.

    Args:
      state: The state before the iteration.
      response: (N, A), a policy.
      response_masses: (N,), its mean field.
      rate: a in [0, 1], the weight of the response.
    """
    old_weight = (1 - rate) * state.mean_field
    new_weight = rate * response_masses
    mixed = old_weight[:, None] * state.policy + new_weight[:, None] * response
    total = mixed.sum(axis=1, keepdims=True)
    visited = total > 0
    # With weight 1 the response is also kept in states without mass.
    unvisited = response if rate == 1 else self._uniform
    return State(
      policy=np.where(
        visited, mixed / np.where(visited, total, 1.0), unvisited
      ),
      mean_field=old_weight + new_weight,
      iteration=state.iteration + 1,
      response=response,
    )


class FictitiousPlay(AveragingAlgorithm):
  """FP; after an iteration `mean_field` is the average mu."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    lr: float | None = None,
    temperature: float | None = None,
    *,
    regularization: float = 0.0,
  ):
    """Initializes FP.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      lr: Weight a of the response, in (0, 1]; None is 1 / (k + 1) in iteration
        k = 1, 2, ...
      temperature: If given, > 0, the response is softmax(Q / temperature)
        instead of a best action, as in OpenSpiel.
      regularization: eta >= 0. If positive, best responses are those of the
        regularized game, softmax(Q_eta / eta); not together with a temperature.

    Raises:
      ValueError: If a parameter is out of range.
    """
    if lr is not None:
      validation.check_real("lr", lr, 0, 1, low_open=True)
    self._lr = lr
    self._best_response = best_response.BestResponse(
      temperature, regularization
    )
    super().__init__(game)

  def iteration(
    self,
    br_policy: policy_lib.Policy | npt.ArrayLike | None = None,
    learning_rate: float | None = None,
  ) -> None:
    """Performs one iteration.

    Args:
      br_policy: An OpenSpiel policy or an (N, A) array. If given, the response
        is the best (or softmax) first action when `br_policy` is played after
        it, as in OpenSpiel's FictitiousPlay. None: a best response.
      learning_rate: Weight a in (0, 1] of this iteration; None for that of the
        constructor.

    Raises:
      ValueError: If an argument is invalid, or `br_policy` leads to nodes that
        the model did not have; see `CompiledGame.from_openspiel`.
    """
    if learning_rate is not None:
      validation.check_real("learning_rate", learning_rate, 0, 1, low_open=True)
    followed = None if br_policy is None else self._array(br_policy)
    self._state = self._next_state(self._state, followed, learning_rate)

  def _array(self, br_policy: policy_lib.Policy | npt.ArrayLike) -> np.ndarray:
    """Returns the (N, A) array of a policy."""
    if not hasattr(br_policy, "action_probabilities"):
      return validation.check_policy(
        br_policy, self.model.legal_actions_mask, "br_policy"
      )
    array = self.model.from_openspiel(br_policy)
    if len(array) > len(self.policy):
      raise ValueError(
        "br_policy must lead only to nodes that the model has, got"
        f" {len(array) - len(self.policy)} others. The model has added them:"
        " construct the algorithm again on this model to include them."
      )
    return array

  def _next_state(
    self,
    state: State,
    followed: np.ndarray | None = None,
    learning_rate: float | None = None,
  ) -> State:
    """Averages a response into the policy and the mean field."""
    rate = learning_rate or self._lr or 1.0 / (state.iteration + 2)
    response = self._respond(state, followed)
    response_masses = self.model.mean_field(response)
    return self._mixed(state, response, response_masses, rate)

  def _respond(self, state: State, followed: np.ndarray | None) -> np.ndarray:
    """Returns the (N, A) response to the current mean field."""
    start = state.response if state.iteration else None
    return self._best_response(self.model, state.mean_field, start, followed)

  def get_correlating_policy(self) -> policy_lib.Policy:
    """Returns the current policy, as OpenSpiel's class does."""
    return self.get_policy()

  def get_correlating_distribution(self) -> distribution_lib.DistributionPolicy:
    """Returns the distribution of the current policy, as OpenSpiel does."""
    return self.distribution

  @property
  def _distribution(self) -> distribution_lib.DistributionPolicy:
    """The distribution of the last response, as in OpenSpiel's class."""
    return self._distribution_of(self._state.response)
