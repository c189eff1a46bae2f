"""An equilibrium as a complementarity problem, the same for all models.

There are N states that plays can reach, and E pairs (s, a) of such a state and
a legal action. The unknowns are

* x(s, a) > 0, the mass of players who are in s and take a,
* V(s), the value of s,
* z(s, a) > 0, the slack: the loss of a against the best action,

with the mean field mu(s) = sum over a of x(s, a), and the equations

    z(s, a) = V(s) - r(s, a, mu) - gamma (P V)(s, a),    (values)
    mu = b + P' x,                                       (flow)
    x(s, a) z(s, a) = tau.                               (complementarity)

The solution for tau = 0 is an equilibrium. If the first two equations hold, the
sum of x z bounds the gain of a player who deviates from x. Regularization eta
adds the entropy bonus to rewards, r(s, a, mu) - eta log(x(s, a) / mu(s)), and
changes nothing else.

Newton steps follow the solutions while tau decreases to 0. Each consists of
Mehrotra's predictor and corrector (Wright (1997), "Primal-Dual Interior-Point
Methods", chapter 10), with different step lengths for masses and values. (Only
stationary games without regularization use the same length for both: they are
not convex programs, and a few random ones are solved only in this way.) A step
solves linear equations with right-hand sides g and f,

    dx / W + dV(s) - gamma P dV - R dmu = g,    dmu - P' dx = f,

where W = x / (z + eta) are weights and R the slopes of the rewards. Their
solution, `System.linearized`, is the main part that depends on the kind of
model. Near an equilibrium, the slacks of actions that are played tend to zero.
So that the equations can be solved even then, a tiny number is added to z. The
effect on x is that of subtracting from the rewards a small multiple of the
divergence from the previous x: a proximal point method, with the same solution.
"""

import abc
from collections.abc import Callable
import dataclasses

import numpy as np

from mftrpo_openspiel.equilibria import reward_slopes

# Length of a step, relative to the length at which a mass or slack becomes 0.
STEP_SHARE = 0.995
# Lower bound on the factor by which a step reduces tau.
LEAST_CENTERING = 1e-8
# Number that is added to slacks in the weights, relative to the largest reward.
PROXIMITY = 1e-10
# Steps end at this gap, relative to the largest reward times the total mass.
LEAST_GAP = 1e-17

# From right-hand sides g, (E,), and f, (N,), to dx, (E,), and dV, (N,).
Solve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class System(abc.ABC):
  """The equations of a model.

  States are those that plays can reach; pairs are in the order of their states.

  Attributes:
    states: (E,), the state of each pair.
    starts: (N,), the first pair of each state.
    discounts: (N,), the weight of the entropy bonus of each state.
    has_one_step_length: Whether masses and values have the same step length if
      there is no regularization.
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
    """Returns (N,): sums of (E,) numbers over the actions of each state."""
    return np.add.reduceat(flow, self.starts)

  @abc.abstractmethod
  def flow_of(self, policy: np.ndarray) -> np.ndarray:
    """Returns (E,): x if all players use a policy of the model."""

  def first_flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (E,): the initial x > 0; by default that of the policy.

    It need not satisfy the flow equations.
    """
    return self.flow_of(policy)

  @abc.abstractmethod
  def policy_of(self, flow: np.ndarray) -> np.ndarray:
    """Returns the policy of the model whose flow is x, (E,).

    It is uniform in states that no play reaches.
    """

  @abc.abstractmethod
  def optimal_values(self, masses: np.ndarray) -> np.ndarray:
    """Returns (N,): the optimal values under the (N,) masses."""

  @abc.abstractmethod
  def rewards(self, masses: np.ndarray) -> np.ndarray:
    """Returns (E,): the rewards of pairs under the (N,) masses."""

  @abc.abstractmethod
  def slopes(self, masses: np.ndarray) -> reward_slopes.Slopes:
    """Returns the derivatives of `rewards`."""

  @abc.abstractmethod
  def expected(self, values: np.ndarray) -> np.ndarray:
    """Returns (E,): gamma P V of the (N,) values."""

  @abc.abstractmethod
  def missing_flow(self, flow: np.ndarray) -> np.ndarray:
    """Returns (N,): the residual b + P' x - mu of the flow equations.

    It is the right-hand side f for `linearized`. x is (E,).
    """

  @abc.abstractmethod
  def linearized(
    self, weights: np.ndarray, slopes: reward_slopes.Slopes
  ) -> Solve:
    """Returns a function that solves the linear equations of a step.

    The equations are those of the module docstring. After a whole step the flow
    equations must hold up to rounding, however different the weights are.

    Args:
      weights: (E,), W > 0.
      slopes: R.

    Raises:
      ArithmeticError: If the equations are found to be singular.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
  """An iterate of Newton's method.

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
    """Returns the point after a step.

    Args:
      step: dx, dV and dz.
      share: If a whole step is too long, the length of the step relative to the
        length at which a mass or a slack becomes 0.
      has_one_length: Whether masses and values have the same step length.
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
  """Returns the multiple of `step` at which the first number becomes 0."""
  return float(-1 / min((step / numbers).min(), -1e-300))


def first_point(system: System, policy: np.ndarray) -> Point:
  """Returns the point of `policy`, with optimal values under its masses.

  The policy must play all legal actions.
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

  It is None if the linear equations have no solution, or the gap is smaller
  than the rounding errors of rewards.
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
    """Returns the step towards x z = `products`."""
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
