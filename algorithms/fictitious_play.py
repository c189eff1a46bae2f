"""Fictitious Play (FP).

Perrin et al. (2020), "Fictitious Play for Mean Field Games: Continuous Time
Analysis and Applications", arXiv:2007.03458. An iteration

1. finds a best response pi_BR to the mean field mu of the policy so far,
2. and the mean field mu_BR of that best response,
3. averages, mu <- (1 - a) mu + a mu_BR, and the policies state by state with
   the weights (1 - a) mu(s) and a mu_BR(s).

On a finite horizon the averaged policy has the averaged mean field, and this is
OpenSpiel's FictitiousPlay.
"""

import dataclasses

import numpy as np
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
    response: (N, A), the last best response; uniform before any.
  """

  response: np.ndarray


class FictitiousPlay(algorithm.ArrayAlgorithm[State]):
  """FP; after an iteration `mean_field` is the average mu."""

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    lr: float | None = None,
    temperature: float | None = None,
    regularization: float = 0.0,
  ):
    """Initializes FP.

    Args:
      model_or_game: What to solve; a game is compiled.
      lr: a in (0, 1]; None is 1 / (k + 1) in iteration k = 1, 2, ...
      temperature: > 0: respond with softmax(Q / temperature) instead of a best
        action, as OpenSpiel offers. None: with the best response.
      regularization: eta >= 0: best responses are those of the regularized
        game, softmax(Q_eta / eta); not together with a temperature.

    Raises:
      ValueError: If a parameter is out of range.
    """
    if lr is not None:
      validation.check_real("lr", lr, 0, 1, low_open=True)
    self._lr = lr
    self._best_response = best_response.BestResponse(
      temperature, regularization
    )
    super().__init__(model_or_game)
    self._uniform = tabular_policies.uniform_policy(
      self.model.legal_actions_mask
    )
    self._state = State(
      policy=self._uniform,
      mean_field=self.model.mean_field(self._uniform),
      response=self._uniform,
    )

  def _next_state(self, state: State) -> State:
    """Mixes a best response into the policy and the mean field."""
    rate = self._lr or 1.0 / (state.iteration + 2)
    response = self._respond(state)
    old_weight = (1 - rate) * state.mean_field
    new_weight = rate * self.model.mean_field(response)
    mixed = old_weight[:, None] * state.policy + new_weight[:, None] * response
    total = mixed.sum(axis=1, keepdims=True)
    visited = total > 0
    return State(
      policy=np.where(
        visited, mixed / np.where(visited, total, 1.0), self._uniform
      ),
      mean_field=old_weight + new_weight,
      iteration=state.iteration + 1,
      response=response,
    )

  def _respond(self, state: State) -> np.ndarray:
    """Returns the (N, A) best response to the mean field so far."""
    start = state.response if state.iteration else None
    return self._best_response(self.model, state.mean_field, start)
