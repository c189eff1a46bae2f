"""What answers a mean field: a best response, or a softened one."""

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation


class BestResponse:
  """The response to a mean field, in one of three forms.

  * The first of the best actions; where rounding decides which actions tie,
    other code may take another one of them.
  * softmax(Q* / temperature), as OpenSpiel offers.
  * The best response of the regularized game, softmax(Q*_eta / eta).
  """

  def __init__(
    self,
    model: model_lib.MeanFieldModel,
    temperature: float | None,
    regularization: float,
  ):
    """Initializes the response.

    Args:
      model: Where it is a response.
      temperature: > 0, or None for no such softmax.
      regularization: eta >= 0; only 0 together with a temperature.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._model = model
    self._regularization = validation.check_real(
      "regularization", regularization, 0
    )
    # The regularized game weighs the entropy at time t with gamma^t, while
    # OpenSpiel's temperature is the same at all times.
    self._temperatures = self._regularization * model.discounts
    if temperature is not None:
      self._temperatures = validation.check_real(
        "temperature", temperature, 0, low_open=True
      )
      if regularization:
        raise ValueError(
          "temperature must be None where regularization is set, got"
          f" {temperature!r}."
        )
    self._is_greedy = temperature is None and not regularization

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (N, A) policy that answers the (N,) mean field."""
    action_values = self._model.optimal_action_values(
      mean_field, self._regularization
    )
    if self._is_greedy:
      return softmax.greedy_policy(action_values)
    return softmax.softmax(action_values, self._temperatures)
