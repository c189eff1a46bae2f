"""An equilibrium as a complementarity problem, the same for all models.

The unknowns are, for the E pairs (s, a) of a state and a legal action and the N
states that plays lead to,

* x(s, a) > 0, the mass that is in s and takes a,
* V(s), the value of s,
* z(s, a) > 0, the slack: what a loses against the best action,

with the mean field mu(s) = sum over a of x(s, a), and the equations

    z(s, a) = V(s) - r(s, a, mu) - gamma (P V)(s, a),    (values)
    mu = b + P' x,                                       (flow)
    x(s, a) z(s, a) = tau.                               (complementarity)

Their solution for tau = 0 is an equilibrium; the sum of x z bounds what a
player gains by leaving x where the first two hold. Regularization eta adds the
entropy to rewards, r(s, a, mu) - eta log(x(s, a) / mu(s)), and changes nothing
else. A step follows the solutions as tau falls to 0: Mehrotra's predictor and
corrector (Wright (1997), "Primal-Dual Interior-Point Methods", chapter 10), in
which masses and values have step lengths of their own (but for stationary games
without regularization: these are no convex programs, and a few random ones are
solved with one length only). It solves linear equations, for right-hand sides g
and f,

    dx / W + dV(s) - gamma P dV - R dmu = g,    dmu - P' dx = f,

with weights W = x / (z + eta) and the slopes R of the rewards. That is all that
depends on the kind of model, `System.linearized`. Near an equilibrium slacks of
actions that are played vanish. So that the equations can be solved even then, a
tiny number is added to z, which means that x moves as if a small multiple of
its divergence from the x before were subtracted from rewards: a proximal point
method, with the same solution.
"""

import abc
from collections.abc import Callable
import dataclasses

import numpy as np

from mftrpo_openspiel.equilibria import reward_slopes

# How far a step goes of the way to where a mass or slack is 0.
STEP_SHARE = 0.995
# A predictor never asks for a smaller share of tau.
LEAST_CENTERING = 1e-8
# Of the largest reward, what is added to slacks where they divide masses.
PROXIMITY = 1e-10
# Of what rewards pay in all, the gap at which steps end.
LEAST_GAP = 1e-17

# From right-hand sides g, (E,), and f, (N,), to dx, (E,), and dV, (N,).
Solve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class System(abc.ABC):
  """What the equations need of a model.

  States are those that plays lead to; pairs are in the order of their states.

  Attributes:
    states: (E,), the state of each pair.
    starts: (N,), the first pair of each state.
    discounts: (N,), what the entropy of each state weighs.
    has_one_step_length: Whether masses and values go the same share of a step
      where there is no regularization.
  """

  has_one_step_length = False
  states: np.ndarray
  starts: np.ndarray
  discounts: np.ndarray

  @property
  def num_states(self) -> int:
    """Number N of states."""
    return len(self.starts)

  def masses(self, flow: np.ndarray) -> np.ndarray:
    """Returns (N,): sums over the actions of each state, of (E,) numbers."""
    return np.add.reduceat(flow, self.starts)

  @abc.abstractmethod
  def flow_of(self, policy: np.ndarray) -> np.ndarray:
    """Returns (E,): x when everybody plays a policy of the model."""

  def first_flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (E,), x > 0 to start from; that of the policy, if not better.

    It need not meet the flow equations.
    """
    return self.flow_of(policy)

  @abc.abstractmethod
  def policy_of(self, flow: np.ndarray) -> np.ndarray:
    """Returns the policy of the model whose flow is x, (E,).

    It is uniform in states that no play leads to.
    """

  @abc.abstractmethod
  def optimal_values(self, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): the largest values under the (N,) masses."""

  @abc.abstractmethod
  def rewards(self, masses: np.ndarray) -> np.ndarray:
    """Returns (E,): what pairs pay under the (N,) masses."""

  @abc.abstractmethod
  def slopes(self, masses: np.ndarray) -> reward_slopes.Slopes:
    """Returns the derivatives of `rewards`."""

  @abc.abstractmethod
  def expected(self, values: np.ndarray) -> np.ndarray:
    """Returns (E,): gamma P V of the (N,) values."""

  @abc.abstractmethod
  def missing_flow(self, flow: np.ndarray) -> np.ndarray:
    """Returns (N,): by how much x, (E,), misses the flow equations.

    That is b + P' x - mu, what `linearized` takes as f.
    """

  @abc.abstractmethod
  def linearized(
    self, weights: np.ndarray, slopes: reward_slopes.Slopes
  ) -> Solve:
    """Returns what solves the linear equations of a step; see above.

    The flow equations have to hold up to rounding after a whole step, however
    different the weights are.

    Args:
      weights: (E,), W > 0.
      slopes: R.

    Raises:
      ArithmeticError: If it is found that the equations have no solution.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
  """Where Newton's method stands.

  Attributes:
    flow: (E,), x > 0.
    values: (N,), V.
    slacks: (E,), z > 0.
  """

  flow: np.ndarray
  values: np.ndarray
  slacks: np.ndarray

  @property
  def gap(self) -> float:
    """The sum of x z."""
    return float(self.flow @ self.slacks)

  def moved(self, step: "Point", share: float, has_one_length: bool) -> "Point":
    """Returns the point after a step, dx, dV and dz.

    Args:
      step: Where it leads.
      share: Of the way to where a mass or a slack is 0, if a whole step leads
        beyond.
      has_one_length: Whether masses and values go the same share of the step.
    """
    of_flow = min(1.0, share * _longest(self.flow, step.flow))
    of_values = min(1.0, share * _longest(self.slacks, step.slacks))
    if has_one_length:
      of_flow = of_values = min(of_flow, of_values)
    return Point(
      self.flow + of_flow * step.flow,
      self.values + of_values * step.values,
      self.slacks + of_values * step.slacks,
    )


def _longest(numbers: np.ndarray, step: np.ndarray) -> float:
  """Returns the multiple of `step` to where the first of the numbers is 0."""
  return float(-1 / min((step / numbers).min(), -1e-300))


def first_point(system: System, policy: np.ndarray) -> Point:
  """Returns where everybody plays `policy`, with the values of the best one.

  The policy has to play all legal actions.
  """
  flow = system.first_flow(policy)
  masses = system.masses(flow)
  values = system.optimal_values(masses)
  slacks = (
    values[system.states] - system.rewards(masses) - system.expected(values)
  )
  scale = slacks.max() or 1.0
  return Point(flow, values, np.maximum(slacks, 0) + 0.1 * scale)


def next_point(
  system: System, point: Point, regularization: float = 0.0
) -> Point | None:
  """Returns the point after a step of Newton's method.

  None if there is none: the linear equations have no solution, or the gap has
  fallen below the rounding of rewards.
  """
  flow, values, slacks = point.flow, point.values, point.slacks
  masses = system.masses(flow)
  own = masses[system.states]
  etas = (regularization * system.discounts)[system.states]
  rewards, slopes = system.rewards(masses), system.slopes(masses)
  if regularization:
    rewards = rewards - etas * np.log(flow / own)
    slopes = dataclasses.replace(slopes, own=slopes.own + etas / own)
  largest = np.abs(rewards).max()
  if point.gap <= LEAST_GAP * largest * masses.sum():
    return None
  missing_slacks = (
    values[system.states] - rewards - system.expected(values) - slacks
  )
  missing_flow = system.missing_flow(flow)
  widths = slacks + PROXIMITY * largest
  try:
    solve = system.linearized(flow / (widths + etas), slopes)
  except ArithmeticError:
    return None

  def step(products: np.ndarray | float) -> Point:
    """Returns the step to where x z is the given."""
    target = products / flow - slacks
    change, value = solve(target - missing_slacks, missing_flow)
    return Point(change, value, target - widths * change / flow)

  predictor = step(0.0)
  has_one_length = system.has_one_step_length and not regularization
  predicted = point.moved(predictor, 1.0, has_one_length)
  centering = np.clip((predicted.gap / point.gap) ** 3, LEAST_CENTERING, 1.0)
  products = centering * point.gap / len(flow)
  corrector = step(products - predictor.flow * predictor.slacks)
  moved = point.moved(corrector, STEP_SHARE, has_one_length)
  is_finite = np.isfinite(moved.flow).all() and np.isfinite(moved.values).all()
  return moved if is_finite else None
