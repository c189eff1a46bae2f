"""Online Mirror Descent (OMD), in its textbook form.

Perolat et al. (2021), "Scaling up Mean Field Games with Online Mirror Descent",
arXiv:2103.00623. An iteration

1. evaluates the policy in its own mean field, Q = Q^pi_{mu^pi},
2. adds the values up, y <- y + lr Q,
3. projects, pi = softmax(y).

With regularization eta the step is that of the regularized game,
y <- y + lr (Q_eta - eta log pi), which is y <- (1 - lr eta) y + lr Q_eta: it
comes to rest at pi = softmax(Q_eta / eta).

OpenSpiel's MirrorDescent is another algorithm where decision nodes share
children, see `openspiel_algorithm.py`.
"""

import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation


class MirrorDescent(algorithm.MeanFieldAlgorithm):
  """Textbook OMD; after an iteration `mean_field` is that of `policy`."""

  _STATE = ("policy", "mean_field", "_logits")

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    lr: float = 0.01,
    regularization: float = 0.0,
    *,
    model: str = "compiled",
    root_state: pyspiel.State | None = None,
  ):
    """Initializes OMD.

    Args:
      model_or_game: What to solve.
      lr: Learning rate, > 0.
      regularization: eta >= 0, with lr * eta < 1.
      model: See `MeanFieldAlgorithm`.
      root_state: See `MeanFieldAlgorithm`.

    Raises:
      ValueError: If a parameter is out of range.
    """
    super().__init__(model_or_game, model=model, root_state=root_state)
    self._lr = validation.check_real("lr", lr, 0, low_open=True)
    self._regularization = validation.check_real(
      "regularization", regularization, 0, 1 / self._lr, high_open=True
    )
    self._logits = softmax.zero_logits(self.model.legal_actions_mask)
    self.policy = softmax.softmax(self._logits)
    self.mean_field = self.model.mean_field(self.policy)

  def iteration(self) -> None:
    """Adds the action values of the policy to the logits."""
    action_values = self.model.action_values(
      self.policy, self.mean_field, self._regularization
    )
    # At time t the entropy weighs gamma^t, as the action values do.
    regularization = self._regularization * self.model.discounts[:, None]
    self._logits = softmax.mirror_step(
      self._logits, action_values, self._lr, regularization
    )
    self.policy = softmax.softmax(self._logits)
    self.mean_field = self.model.mean_field(self.policy)
