"""The proximal point method, with inner problems solved by mirror descent.

Isobe, Abe and Ariu (2025), "Last Iterate Convergence in Monotone Mean Field
Games", arXiv:2410.05127. In a monotone game the method moves from a policy q,
the prior, to the equilibrium of the game in which a departure from q has the
cost

    lambda sum_t E KL(pi(.|s_t) | q(.|s_t)),

takes this equilibrium as the next prior, and so on. There is no bias: a policy
that is the equilibrium of the game around itself is an equilibrium of the game
without the cost. Each of these games has one equilibrium, and mirror descent
finds it. This module is the paper's algorithm APP, which takes a fixed number n
of mirror steps per prior. An iteration is one of them. It

1. evaluates the policy in its own mean field, with the cost of departures at
   later times, Q = Q^pi_{mu^pi} of the rewards r - lambda KL(pi | q),
2. takes the step pi <- pi^(1 - lr lambda) q^(lr lambda) exp(lr Q) /
   normalization,
3. after every n iterations, replaces the prior by the policy, q <- pi.

Related algorithms:

* With n = 1 the policy equals the prior when Q is computed, and the step is
  that of `mirror_descent.MirrorDescent` with the same lr, for any lambda.
* If the uniform prior is never replaced, it is MirrorDescent with
  regularization = lambda: the divergence from a uniform distribution is the
  entropy, up to sign and a constant (if all states have the same number of
  legal actions).
* With lr = 1 / lambda the step does not depend on the previous policy, pi ~ q
  exp(Q / lambda). `prior_descent.PriorDescent` takes this step with optimal
  action values, without the cost, instead of Q: it is not a proximal point
  method.

For monotone games of finite horizon whose moves do not depend on the mean
field, the paper proves that the last policy converges if each inner problem is
solved exactly, and that mirror descent converges to the solution of an inner
problem. For a fixed number of mirror steps it has experiments. On the other
models the same formulas are a heuristic. At time t of a discounted game the
action values include gamma^t, and lambda is multiplied by it as well.
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
      game: The game to solve; an OpenSpiel game is compiled.
      lr: Learning rate of the mirror steps, > 0.
      proximal_weight: lambda > 0, with lr * lambda <= 1.
      num_prior_iterations: n, number of mirror steps with the same prior; None:
        the prior is never replaced.

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
    """Adds action values to the logits, and moves them towards the prior."""
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
