"""Equilibria to machine precision, by an interior-point method.

Without regularization an equilibrium solves a complementarity problem. Its
unknowns are the masses of states and actions, the values of states, and the
loss of each action against the best one. An iteration is a step of Newton's
method; see `equilibria.complementarity`. Where players avoid crowds, so that
the game is monotone, 10 to 25 steps reduce exploitability to rounding, on grids
of hundreds of cells as well as in small games. Stationary models take 5 to 15
steps to ten digits, also on grids of tens of thousands of cells. Regularization
makes the problem easier.

Moves must not depend on the mean field, and the derivatives of rewards must be
known; see `equilibria.reward_slopes`.

The policy is the one of smallest exploitability so far, measured by the model,
so that the result does not rely on the equations alone. In games that are not
monotone the method may get stuck. If exploitability has not been halved in
`PATIENCE` iterations, the method restarts from the flow of a random policy,
which is the same in each run.
"""

import dataclasses

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import logit_steps
from mftrpo_openspiel.equilibria import systems
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

PATIENCE = 15
# Below this share of the uniform policy's exploitability the method does not
# restart.
CONVERGED = 1e-8
# Error of exploitability by rounding, relative to the largest value.
ROUNDING = 1e-14


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of the interior-point method.

  Attributes:
    exploitability: Exploitability of the policy, which is the best one so far.
    gap: Primal-dual gap at which this policy was found.
    point: The current point of Newton's method.
    least: Exploitability when it was last halved since the last start.
    num_since_least: Number of iterations since then.
    num_starts: Number of starts so far.
  """

  exploitability: float
  gap: float
  point: complementarity.Point
  least: float
  num_since_least: int = 0
  num_starts: int = 1


class InteriorPoint(algorithm.ArrayAlgorithm[State]):
  """The interior-point method; `policy` is the best one so far.

  Attributes:
    rounding: Error of exploitability by rounding. Among policies below it, the
      one with the smallest gap is the best.
  """

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    regularization: float = 0.0,
  ):
    """Initializes the method.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      regularization: eta >= 0, the weight of the entropy bonus.

    Raises:
      ValueError: If a parameter is out of range, moves of the game depend on
        the mean field, or the derivatives of its rewards are not known.
    """
    validation.check_real("regularization", regularization, 0)
    super().__init__(game)
    self._system = systems.of_model(self.model)
    policy = tabular_policies.uniform_policy(self.model.legal_actions_mask)
    point = complementarity.first_point(self._system, policy)
    exploitability = self.model.exploitability(policy, self.regularization)
    self._converged = CONVERGED * exploitability
    self.rounding = ROUNDING * float(np.abs(point.values).max())
    self._state = State(
      policy=policy,
      mean_field=self.model.mean_field(policy),
      exploitability=exploitability,
      gap=point.gap,
      point=point,
      least=exploitability,
    )

  @property
  def exploitability(self) -> float:
    """phi_eta of `policy`, by the model; NashConv if eta is 0."""
    return self._state.exploitability

  @property
  def gap(self) -> float:
    """The sum of masses times slacks at the point of the policy.

    It bounds exploitability as far as the values are those of the policy.
    """
    return self._state.gap

  def refined_policy(self) -> np.ndarray | None:
    """Returns a regularized policy in which rare moves are accurate, too.

    See `equilibria.logit_steps`. None if there is no better one near `policy`.
    """
    return logit_steps.refined_policy(
      self._system,
      self.policy,
      self._state.point.values,
      self.regularization,
    )

  def _next_state(self, state: State) -> State:
    """Takes a step, and keeps its policy if it is better than the last."""
    state = dataclasses.replace(state, iteration=state.iteration + 1)
    point = complementarity.next_point(
      self._system, state.point, self.regularization
    )
    if point is None:
      return self._restarted(state)
    policy = self._system.policy_of(point.flow)
    exploitability = self.model.exploitability(policy, self.regularization)
    rank = max(exploitability, self.rounding), point.gap
    if rank < (max(state.exploitability, self.rounding), state.gap):
      state = dataclasses.replace(
        state,
        policy=policy,
        mean_field=self.model.mean_field(policy),
        exploitability=exploitability,
        gap=point.gap,
      )
    if exploitability <= state.least / 2:
      return dataclasses.replace(
        state, point=point, least=exploitability, num_since_least=0
      )
    if state.num_since_least >= PATIENCE:
      return self._restarted(state)
    return dataclasses.replace(
      state, point=point, num_since_least=state.num_since_least + 1
    )

  def _restarted(self, state: State) -> State:
    """Returns the state at a new start, unless it has converged."""
    if state.exploitability <= self._converged:
      return state
    mask = self.model.legal_actions_mask
    rng = np.random.default_rng(state.num_starts)
    weights = np.where(mask, rng.exponential(size=mask.shape), 0.0)
    policy = weights / weights.sum(axis=1, keepdims=True)
    return dataclasses.replace(
      state,
      point=complementarity.first_point(self._system, policy),
      least=self.model.exploitability(policy, self.regularization),
      num_since_least=0,
      num_starts=state.num_starts + 1,
    )
