"""Fixed point iteration (FPI), also called Banach-Picard iteration.

Huang, Malhame and Caines (2006), "Large Population Stochastic Dynamic Games:
Closed-Loop McKean-Vlasov Systems and the Nash Certainty Equivalence Principle".
An iteration

1. finds a best response to the mean field mu of the current policy,
2. replaces the policy by it, and mu by its mean field.

This is OpenSpiel's FixedPoint. With best actions it seldom converges. With a
temperature it is also GMF-V of Guo, Hu, Xu and Zhang (2020), arXiv:2003.06069,
and the Boltzmann iteration of Cui and Koeppl (2021), arXiv:2102.01585; with
regularization it is their RelEnt iteration. Both converge if the softening is
strong enough, the regularized one to the equilibrium of the regularized game.
"""

import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import best_response
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import tabular_policies


class FixedPoint(algorithm.ArrayAlgorithm[algorithm.State]):
  """FPI; after an iteration `mean_field` is that of `policy`."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    temperature: float | None = None,
    *,
    regularization: float = 0.0,
  ):
    """Initializes FPI.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      temperature: If given, > 0, the response is softmax(Q / temperature)
        instead of a best action.
      regularization: eta >= 0. If positive, best responses are those of the
        regularized game, softmax(Q_eta / eta); not together with a temperature.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._best_response = best_response.BestResponse(
      temperature, regularization
    )
    super().__init__(game)
    policy = tabular_policies.uniform_policy(self.model.legal_actions_mask)
    self._state = algorithm.State(
      policy=policy, mean_field=self.model.mean_field(policy)
    )

  def _next_state(self, state: algorithm.State) -> algorithm.State:
    """Replaces the policy by the best response to its mean field."""
    policy = self._best_response(
      self.model, state.mean_field, state.policy if state.iteration else None
    )
    return algorithm.State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      iteration=state.iteration + 1,
    )
