"""Online Mirror Descent (OMD), in its textbook form.

Perolat et al. (2021), "Scaling up Mean Field Games with Online Mirror Descent",
arXiv:2103.00623. An iteration

1. evaluates the policy in its own mean field, Q = Q^pi_{mu^pi},
2. accumulates the values, y <- y + lr Q,
3. projects, pi = softmax(y).

With regularization eta the step is that of the regularized game,
y <- y + lr (Q_eta - eta log pi), which is y <- (1 - lr eta) y + lr Q_eta. Its
fixed point is pi = softmax(Q_eta / eta).

With lr = 1 / (2 eta) and regularization = eta this is `mf_trpo.MFTRPO` with
warm start, one policy update per iteration, beta = 1 and the limit of many
population steps, if both start from the same mean field; see there.

It has the methods of OpenSpiel's MirrorDescent, which is a different algorithm
where decision nodes share children; see `openspiel_algorithm.py`.
"""

import dataclasses

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import policy_value
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import memo
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
    game: model_lib.MeanFieldModel | pyspiel.Game,
    state_value: value_lib.ValueFunction | None = None,
    lr: float = 0.01,
    root_state: pyspiel.State | None = None,
    *,
    regularization: float = 0.0,
  ):
    """Initializes OMD.

    Args:
      game: A game, which is compiled, or a model.
      state_value: None or a TabularValueFunction without values. It is not
        used: OpenSpiel's class replaces the one it receives in each iteration.
      lr: Learning rate, > 0.
      root_state: State of a game with one population in which plays start,
        including the plays that determine the mean field (unlike OpenSpiel's
        class). None for the initial states of the game.
      regularization: eta >= 0, with lr * eta < 1.

    Raises:
      ValueError: If a parameter is out of range, or a `root_state` is given
        with a model or a game of several populations.
    """
    _check_state_value(state_value)
    self._lr = validation.check_real("lr", lr, 0, low_open=True)
    self._regularization = validation.check_real(
      "regularization", regularization, 0, 1 / self._lr, high_open=True
    )
    super().__init__(game, root_state)
    # At time t the entropy has the weight gamma^t, as the action values do.
    self._weighted_regularization = (
      self._regularization * self.model.discounts[:, None]
    )
    self._values_of = memo.Memo(self._find_values)
    self._state = self._state_of(
      mirror_steps.uniform_logits(self.model.legal_actions_mask), 0
    )

  def iteration(self, learning_rate: float | None = None) -> None:
    """Performs one iteration.

    Args:
      learning_rate: Learning rate of this iteration, > 0, with learning_rate *
        eta < 1; None for that of the constructor.

    Raises:
      ValueError: If it is out of range.
    """
    if learning_rate is not None:
      eta = self._regularization
      validation.check_real(
        "learning_rate",
        learning_rate,
        0,
        1 / eta if eta else np.inf,
        low_open=True,
        high_open=True,
      )
    self._state = self._next_state(self._state, learning_rate)

  def _next_state(
    self, state: State, learning_rate: float | None = None
  ) -> State:
    """Adds the action values of the policy to the logits."""
    logits = self._step(
      state.logits,
      self.model.action_values(
        state.policy, state.mean_field, self._regularization
      ),
      learning_rate or self._lr,
    )
    return self._state_of(logits, state.iteration + 1)

  def _step(
    self, logits: np.ndarray, action_values: np.ndarray, learning_rate: float
  ) -> np.ndarray:
    """Returns the (N, A) logits after a step."""
    return mirror_steps.mirror_step(
      logits, action_values, learning_rate, self._weighted_regularization
    )

  def _state_of(self, logits: np.ndarray, iteration: int) -> State:
    policy = softmax.softmax(logits)
    return State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      iteration=iteration,
      logits=logits,
    )

  def get_projected_policy(self) -> policy_lib.Policy:
    """Returns the current policy, which later iterations do not change."""
    return self.get_policy()

  def get_state_value(
    self, state: pyspiel.State, learning_rate: float | None = None
  ) -> float:
    """Returns the value of a state under the current policy and mean field.

    It is OpenSpiel's PolicyValue, without entropy. (After an iteration,
    OpenSpiel's class returns values of the previous policy from its table.)

    Args:
      state: A state of `model.game`.
      learning_rate: Not used; see `eval_state`.

    Raises:
      ValueError: If the model is a `StationaryModel`, whose values do not
        belong to states of a game.
    """
    del learning_rate
    exact = from_game.exact_model(self.model)
    if isinstance(exact, stationary_model.StationaryModel):
      raise ValueError(
        "game must have a finite horizon for values of its states, got a"
        " StationaryModel; use its policy_values(policy, mean_field) instead."
      )
    values = self._values_of(self.policy)
    with recursion.deep(self.model.game):
      return float(values.eval_state(state))

  def eval_state(
    self, state: pyspiel.State, learning_rate: float | None = None
  ) -> float:
    """Returns `get_state_value`, without changing the cumulative values.

    OpenSpiel's method adds `learning_rate` times the values that are not yet in
    its table. Here only iterations change the cumulative values.
    """
    return self.get_state_value(state, learning_rate)

  def _find_values(self, policy: np.ndarray) -> policy_value.PolicyValue:
    """Returns OpenSpiel's values of an (N, A) policy in its mean field."""
    model = self.model
    with recursion.deep(model.game):
      return policy_value.PolicyValue(
        model.game,
        self._distribution_of(policy),
        model.to_openspiel(policy),
        root_state=model.root_state,
      )


def _check_state_value(state_value: object) -> None:
  """Raises a ValueError if there are values, which would be ignored."""
  if state_value is None:
    return
  if isinstance(state_value, value_lib.TabularValueFunction):
    if not state_value._values:
      return
  raise ValueError(
    "state_value must be None or a TabularValueFunction without values (the"
    f" learning rate is lr), got {state_value!r}."
  )
