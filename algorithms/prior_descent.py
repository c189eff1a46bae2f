"""Prior descent.

Cui and Koeppl (2021), "Approximately Solving Mean Field Games via
Entropy-Regularized Deep Reinforcement Learning", arXiv:2102.01585. With a prior
policy q, at first the uniform one, an iteration

1. finds the optimal action values Q in the mean field of the current policy,
2. responds with the Boltzmann policy pi ~ q exp(Q / temperature),
3. after every n iterations, replaces the prior by the policy, q <- pi.

With n = 1 it is mirror descent with optimal action values; if the prior is
never replaced, it is `fixed_point.FixedPoint` with a temperature. With the
action values of the current policy instead, these would be
`mirror_descent.MirrorDescent` and
`boltzmann_policy_iteration.BoltzmannPolicyIteration` with lr = 1 / temperature.

MFGLib's PriorDescent counts the uniform policy as an iteration: it replaces the
prior for the first time after n - 1 of them.
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
  """The state of prior descent.

  Attributes:
    prior_values: (N, A); the prior is softmax(prior_values / temperature).
  """

  prior_values: np.ndarray


class PriorDescent(algorithm.ArrayAlgorithm[State]):
  """Prior descent; after an iteration `mean_field` is that of `policy`."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    temperature: float = 1.0,
    num_prior_iterations: int | None = None,
  ):
    """Initializes prior descent.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      temperature: Temperature of the softmax, > 0.
      num_prior_iterations: n, number of iterations with the same prior; None:
        the prior is never replaced.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._temperature = validation.check_real(
      "temperature", temperature, 0, low_open=True
    )
    if num_prior_iterations is not None:
      validation.check_int("num_prior_iterations", num_prior_iterations, 1)
    self._num_prior_iterations = num_prior_iterations
    super().__init__(game)
    prior_values = mirror_steps.uniform_logits(self.model.legal_actions_mask)
    policy = softmax.softmax(prior_values)
    self._state = State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      prior_values=prior_values,
    )

  def _next_state(self, state: State) -> State:
    """Multiplies the prior by the exponentials of the action values."""
    action_values = self.model.optimal_action_values(
      state.mean_field, start=state.policy if state.iteration else None
    )
    values = mirror_steps.mirror_step(
      state.prior_values, action_values, learning_rate=1.0
    )
    policy = softmax.softmax(values, self._temperature)
    iteration, every = state.iteration + 1, self._num_prior_iterations
    is_new_prior = every is not None and iteration % every == 0
    return State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      iteration=iteration,
      prior_values=values if is_new_prior else state.prior_values,
    )
