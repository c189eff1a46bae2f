"""Online Mirror Descent (OMD), in its textbook form.

Perolat et al. (2021), "Scaling up Mean Field Games with Online Mirror Descent",
arXiv:2103.00623. An iteration

1. evaluates the policy in its own mean field, Q = Q^pi_{mu^pi},
2. adds the values up, y <- y + lr Q,
3. projects, pi = softmax(y).

With regularization eta the step is that of the regularized game,
y <- y + lr (Q_eta - eta log pi), which is y <- (1 - lr eta) y + lr Q_eta: it
comes to rest at pi = softmax(Q_eta / eta).

With lr = 1 / (2 eta) and regularization = eta this is `mf_trpo.MFTRPO` with
warm start, one policy update an iteration, beta = 1 and the limit of many
population steps, if both start from the same mean field; see there.

OpenSpiel's MirrorDescent is another algorithm where decision nodes share
children, see `openspiel_algorithm.py`.
"""

import dataclasses

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of OMD.

  Attributes:
    logits: (N, A), y, of which the policy is the softmax.
  """

  logits: np.ndarray


class MirrorDescent(algorithm.ArrayAlgorithm[State]):
  """Textbook OMD; after an iteration `mean_field` is that of `policy`."""

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    lr: float = 0.01,
    regularization: float = 0.0,
  ):
    """Initializes OMD.

    Args:
      model_or_game: What to solve; a game is compiled.
      lr: Learning rate, > 0.
      regularization: eta >= 0, with lr * eta < 1.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._lr = validation.check_real("lr", lr, 0, low_open=True)
    self._regularization = validation.check_real(
      "regularization", regularization, 0, 1 / self._lr, high_open=True
    )
    super().__init__(model_or_game)
    # At time t the entropy weighs gamma^t, as the action values do.
    self._weighted_regularization = (
      self._regularization * self.model.discounts[:, None]
    )
    self._state = self._state_of(
      mirror_steps.uniform_logits(self.model.legal_actions_mask), 0
    )

  def _next_state(self, state: State) -> State:
    """Adds the action values of the policy to the logits."""
    action_values = self.model.action_values(
      state.policy, state.mean_field, self._regularization
    )
    logits = mirror_steps.mirror_step(
      state.logits, action_values, self._lr, self._weighted_regularization
    )
    return self._state_of(logits, state.iteration + 1)

  def _state_of(self, logits: np.ndarray, iteration: int) -> State:
    policy = softmax.softmax(logits)
    return State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      iteration=iteration,
      logits=logits,
    )
