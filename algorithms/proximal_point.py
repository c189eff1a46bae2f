"""The proximal point method, with inner problems solved by mirror descent.

Isobe, Abe and Ariu (2025), "Last Iterate Convergence in Monotone Mean Field
Games", arXiv:2410.05127. In a monotone game the method goes from a policy q,
the prior, to the equilibrium of the game in which a departure from it costs

    lambda sum_t E KL(pi(.|s_t) | q(.|s_t)),

takes that equilibrium as the next prior, and so on. No bias is left: where a
policy is the equilibrium of the game around itself, it is one of the game
without the cost. Each of these games has one equilibrium, and mirror descent
finds it. The paper's algorithm APP, which this is, gives it a fixed number n of
steps. An iteration is one of them: it

1. evaluates the policy in its own mean field, with the cost of departures at
   later times, Q = Q^pi_{mu^pi} of the rewards r - lambda KL(pi | q),
2. takes the step pi <- pi^(1 - lr lambda) q^(lr lambda) exp(lr Q) /
   normalization,
3. and after every n of them puts the policy in place of the prior, q <- pi.

What is near:

* With n = 1 no departure has begun when Q is computed, and the step is that of
  `mirror_descent.MirrorDescent` with the same lr, whatever lambda is.
* If the uniform prior is never replaced, it is MirrorDescent with
  regularization = lambda: the divergence from a uniform law is the entropy, up
  to sign and a constant (if all states have as many legal actions).
* With lr = 1 / lambda the step forgets the policy before, pi ~ q exp(Q /
  lambda). `prior_descent.PriorDescent` takes that step with optimal action
  values, without any cost, in place of Q: it is no proximal point method.

The paper proves that the last policy converges for monotone games of finite
horizon whose moves do not depend on the mean field. On the other models the
same formulas are a heuristic. At time t of a discounted game the action values
carry gamma^t, and so does lambda.
"""

import dataclasses

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of the proximal point method.

  Attributes:
    log_policy: (N, A), log pi; -inf where an action is not legal.
    log_prior: (N, A), log q.
  """

  log_policy: np.ndarray
  log_prior: np.ndarray


class ProximalPoint(algorithm.ArrayAlgorithm[State]):
  """Proximal point; after an iteration `mean_field` is that of `policy`."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    lr: float = 0.1,
    proximal_weight: float = 1.0,
    num_prior_iterations: int | None = 10,
  ):
    """Initializes the method.

    Args:
      game: What to solve; a game is compiled.
      lr: Learning rate of the mirror steps, > 0.
      proximal_weight: lambda > 0, with lr * lambda <= 1.
      num_prior_iterations: n, mirror steps with one prior; None: all of them.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._lr = validation.check_real("lr", lr, 0, low_open=True)
    weight = validation.check_real(
      "proximal_weight", proximal_weight, 0, 1 / self._lr, low_open=True
    )
    if num_prior_iterations is not None:
      validation.check_int("num_prior_iterations", num_prior_iterations, 1)
    self._num_prior_iterations = num_prior_iterations
    super().__init__(game)
    self._weights = weight * self.model.discounts
    log_policy, policy = _normalized(
      mirror_steps.uniform_logits(self.model.legal_actions_mask)
    )
    self._state = State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      log_policy=log_policy,
      log_prior=log_policy,
    )

  def _next_state(self, state: State) -> State:
    """Moves the logits by action values, and towards those of the prior."""
    log_ratio = np.subtract(
      state.log_policy,
      state.log_prior,
      out=np.zeros_like(state.log_policy),
      where=self.model.legal_actions_mask,
    )
    divergence = rows.total(state.policy * log_ratio)
    action_values = self.model.action_values(
      state.policy, state.mean_field, bonus=-self._weights * divergence
    )
    logits = mirror_steps.mirror_step(
      state.log_policy,
      action_values - self._weights[:, None] * log_ratio,
      self._lr,
    )
    log_policy, policy = _normalized(logits)
    iteration, every = state.iteration + 1, self._num_prior_iterations
    is_new_prior = every is not None and iteration % every == 0
    return State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      iteration=iteration,
      log_policy=log_policy,
      log_prior=log_policy if is_new_prior else state.log_prior,
    )


def _normalized(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns log pi and pi, (N, A), of the softmax pi of logits."""
  norm, policy = softmax.soft_improvement(logits, 1.0)
  return logits - norm[:, None], policy
