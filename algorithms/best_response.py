"""Best responses to a mean field, exact or softmax."""

import dataclasses

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True)
class BestResponse:
  """The best response to a mean field, in one of three forms.

  * The first of the best actions. Where rounding decides which actions are
    equally good, other code may choose a different one.
  * softmax(Q* / temperature), as in OpenSpiel.
  * The best response of the regularized game, softmax(Q*_eta / eta).

  Attributes:
    temperature: > 0 for the second form, else None.
    regularization: eta > 0 for the third form, else 0.

  Raises:
    ValueError: If a parameter is out of range, or both are given.
  """

  temperature: float | None
  regularization: float

  def __post_init__(self):
    validation.check_real("regularization", self.regularization, 0)
    if self.temperature is None:
      return
    validation.check_real("temperature", self.temperature, 0, low_open=True)
    if self.regularization:
      raise ValueError(
        "temperature must be None where regularization is set, got"
        f" {self.temperature!r}."
      )

  def __call__(
    self,
    model: model_lib.MeanFieldModel,
    mean_field: np.ndarray,
    start: np.ndarray | None,
    followed: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the (N, A) policy that responds to a mean field.

    Args:
      model: The game.
      mean_field: (N,).
      start: (N, A), a policy to start from, such as the response to a mean
        field nearby; see `MeanFieldModel.optimal_action_values`. Softmax
        responses do not use it, because they are not a better start than none.
      followed: (N, A), the policy that is played after the first action. In all
        three forms its action values replace the optimal ones, so that the
        response is one step of policy iteration. None for optimal play.
    """
    is_soft = self.temperature is not None or self.regularization > 0
    if followed is None:
      action_values = model.optimal_action_values(
        mean_field, self.regularization, None if is_soft else start
      )
    else:
      action_values = model.action_values(
        followed, mean_field, self.regularization
      )
    if not is_soft:
      return tabular_policies.greedy_policy(action_values)
    if self.temperature is not None:  # The same at all times, as in OpenSpiel.
      return softmax.softmax(action_values, self.temperature)
    # At time t the entropy has the weight gamma^t, as the action values do.
    return softmax.softmax(action_values, self.regularization * model.discounts)
