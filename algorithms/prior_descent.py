"""Prior descent and Boltzmann policy iteration.

Cui and Koeppl (2021), "Approximately Solving Mean Field Games via
Entropy-Regularized Deep Reinforcement Learning", arXiv:2102.01585. With a prior
policy q, at first the uniform one, an iteration

1. finds action values Q in the mean field of the policy so far,
2. answers with the Boltzmann policy pi ~ q exp(Q / temperature),
3. and after every n of them puts the policy in place of the prior, q <- pi.

Which method that is depends on Q and on n:

    Q           n = 1                     n                 never
    optimal     mirror descent with Q*    prior descent     softmax FixedPoint
    of policy   OMD, lr = 1/temperature   -                 Boltzmann policy
                                                            iteration

where the last one is OpenSpiel's, with lr = 1 / temperature. MFGLib's
PriorDescent has optimal values, and counts the uniform policy as an iteration:
it replaces the prior for the first time after n - 1 of them.
"""

import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation


class PriorDescent(algorithm.MeanFieldAlgorithm):
  """Prior descent; after an iteration `mean_field` is that of `policy`."""

  # The prior is softmax(_prior_values / temperature).
  _STATE = ("policy", "mean_field", "_prior_values", "_iterations")

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    temperature: float = 1.0,
    num_prior_iterations: int | None = None,
    best_response: bool = True,
    *,
    model: str = "compiled",
    root_state: pyspiel.State | None = None,
  ):
    """Initializes prior descent.

    Args:
      model_or_game: What to solve.
      temperature: > 0.
      num_prior_iterations: n, iterations with one prior; None: all of them.
      best_response: Whether Q are the optimal action values, as in the paper,
        or those of the policy so far.
      model: See `MeanFieldAlgorithm`.
      root_state: See `MeanFieldAlgorithm`.

    Raises:
      ValueError: If a parameter is out of range.
    """
    super().__init__(model_or_game, model=model, root_state=root_state)
    self._temperature = validation.check_real(
      "temperature", temperature, 0, low_open=True
    )
    if num_prior_iterations is not None:
      validation.check_int("num_prior_iterations", num_prior_iterations, 1)
    self._num_prior_iterations = num_prior_iterations
    self._best_response = validation.check_type(
      "best_response", best_response, bool
    )
    self._iterations = 0
    self._prior_values = softmax.zero_logits(self.model.legal_actions_mask)
    self.policy = softmax.softmax(self._prior_values)
    self.mean_field = self.model.mean_field(self.policy)

  def iteration(self) -> None:
    """Weighs the prior with the exponentials of the action values."""
    if self._best_response:
      action_values = self.model.optimal_action_values(self.mean_field)
    else:
      action_values = self.model.action_values(self.policy, self.mean_field)
    values = softmax.mirror_step(
      self._prior_values, action_values, learning_rate=1.0, regularization=0.0
    )
    self.policy = softmax.softmax(values, self._temperature)
    self.mean_field = self.model.mean_field(self.policy)
    self._iterations += 1
    every = self._num_prior_iterations
    if every is not None and self._iterations % every == 0:
      self._prior_values = values
