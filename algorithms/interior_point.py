"""Equilibria to machine precision, by an interior-point method.

An equilibrium solves a complementarity problem in the masses of states and
actions, the values of states, and what each action loses against the best one;
see `equilibria.complementarity`. An iteration is a step of Newton's method.
"""

import dataclasses

import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import systems
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of the interior-point method.

  Attributes:
    point: Where Newton's method stands.
    exploitability: That of the policy, which is the best one so far.
  """

  point: complementarity.Point
  exploitability: float


class InteriorPoint(algorithm.ArrayAlgorithm[State]):
  """The interior-point method; `policy` is the best one so far."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    regularization: float = 0.0,
  ):
    """Initializes the method.

    Args:
      game: What to solve; a game is compiled.
      regularization: eta >= 0, the weight of the entropy bonus.

    Raises:
      ValueError: If a parameter is out of range, moves of the game depend on
        the mean field, or the derivatives of its rewards are not known.
    """
    validation.check_real("regularization", regularization, 0)
    super().__init__(game)
    self._system = systems.of_model(self.model)
    policy = tabular_policies.uniform_policy(self.model.legal_actions_mask)
    self._state = State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      point=complementarity.first_point(self._system, policy),
      exploitability=self.model.exploitability(policy, self.regularization),
    )

  def _next_state(self, state: State) -> State:
    """Takes a step, and keeps its policy if it is better."""
    point = complementarity.next_point(
      self._system, state.point, self.regularization
    )
    state = dataclasses.replace(
      state, point=point, iteration=state.iteration + 1
    )
    policy = self._system.policy_of(point.flow)
    exploitability = self.model.exploitability(policy, self.regularization)
    if exploitability >= state.exploitability:
      return state
    return dataclasses.replace(
      state,
      policy=policy,
      mean_field=self.model.mean_field(policy),
      exploitability=exploitability,
    )
