"""The equations of a stationary, discounted model, solved by sparse LU.

The mean field is the invariant law (stationary distribution), while values are
discounted. So the flow equations contain P, those of values contain gamma P,
and the system is not symmetric. Let (F v)(s, a) = v(s) - (P v)(s, a), the
expected decrease of v after a pair (s, a). Then the flow equations are

    F' x = 0,    sum over the states of mu = 1.

F is computed from the probabilities of leaving a state, without those of
staying, so that small flows between states are also accurate up to rounding.

Let w(s) = sum over a of W(s, a), p = W / w, and let C subtract the mean over
the actions of a state, (C v)(s, a) = v(s, a) - sum over b of p(s, b) v(s, b).
Then the equations of a step are

    dx = p dmu + W C (g - gamma F dV + R dmu),
    p (1 - gamma P) dV + (1 / w - p R) dmu = p g,
    -gamma N dV + F' (p + W C R) dmu = f - F' W C g,    N = (C F)' W (C F).

The last two lines are two sets of linear equations for dV and dmu, one of each
per state, which are sparse if P and R are. N is a sum of squares, without
cancellation, even if the weights of actions differ by many orders of magnitude.
The flow equations sum to 0 = 0. So one of them is omitted, dV is set to 0 in
its state, and then a multiple of a homogeneous solution is added so that the
total mass is correct.

The states are those that are recurrent if all actions are played. They may
consist of several classes that no play connects, such as islands without a
bridge. Then each class has a total mass of its own, the mass that the uniform
policy brings there from transient states. The policy in transient states has no
effect on the invariant law, so it is uniform there. A mean field that exists
only if players never take some action in such a state, so that they stay, is
not found.
"""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies

# Number of steps of iterative refinement of the solution of a step.
NUM_REFINEMENTS = 1


class StationarySystem(complementarity.System):
  """The equations of a `StationaryModel` whose kernel is fixed.

  Attributes:
    falls: F, (E, N).
    discount: gamma.
    classes: (N,), the class of each state.
    class_sums: (number of classes, N), sums of masses in each class.
    class_masses: The total mass of each class.
    anchors: The first state of each class.
    own: (E, N), 1 where the state is that of the pair.
  """

  has_one_step_length = True

  def __init__(self, model: stationary_model.StationaryModel):
    """Initializes the system of a model.

    Raises:
      ValueError: If the kernel depends on the mean field, or the derivatives of
        the rewards are not known.
    """
    mdp = model.mdp
    if not mdp.has_fixed_kernel:
      raise ValueError(
        "kernel must not depend on the mean field, got a function;"
        " annealed_mf_trpo does not require this."
      )
    self._slopes = reward_slopes.of_model(model)
    self._model = model
    self._uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
    mean_field = model.mean_field(self._uniform)
    self._rows = np.flatnonzero(mean_field > 0)
    num_states, num_actions = len(self._rows), mdp.num_actions
    self._model_pairs = (
      self._rows[:, None] * num_actions + np.arange(num_actions)
    ).ravel()
    self.states = np.repeat(np.arange(num_states), num_actions)
    self.starts = np.arange(0, len(self.states), num_actions)
    self.discounts = np.ones(num_states)
    self.discount = mdp.discount
    kernel = mdp.fixed_kernel[self._model_pairs][:, self._rows].tocoo()
    moves = kernel.col != self.states[kernel.row]
    leaving = sparse.csr_array(
      (kernel.data[moves], (kernel.row[moves], kernel.col[moves])), kernel.shape
    )
    self.own = _own(np.ones(len(self.states)), self.states)
    self.falls = sparse.csr_array(
      _own(leaving.sum(axis=1), self.states) - leaving
    )
    _, self.classes = csgraph.connected_components(
      self.own.T @ leaving, connection="strong"
    )
    self.class_sums = sparse.csr_array(
      _own(np.ones(num_states), self.classes).T
    )
    self.class_masses = self.class_sums @ mean_field[self._rows]
    _, self.anchors = np.unique(self.classes, return_index=True)

  def flow_of(self, policy: np.ndarray) -> np.ndarray:
    """See the base class."""
    flow = self._model.mean_field(policy)[:, None] * policy
    return flow.ravel()[self._model_pairs]

  def policy_of(self, flow: np.ndarray) -> np.ndarray:
    """See the base class."""
    policy = np.array(self._uniform, order="C")
    shares = flow / self.masses(flow)[self.states]
    policy.ravel()[self._model_pairs] = shares
    return policy

  def optimal_values(self, masses: np.ndarray) -> np.ndarray:
    """See the base class."""
    best = self._model.optimal_values(self._mean_field(masses))
    return best.values[self._rows]

  def rewards(self, masses: np.ndarray) -> np.ndarray:
    """See the base class."""
    rewards = self._model.mdp.reward_at(self._mean_field(masses))
    return rewards.ravel()[self._model_pairs]

  def slopes(self, masses: np.ndarray) -> reward_slopes.Slopes:
    """See the base class."""
    slopes = self._slopes(self._mean_field(masses))
    coupling = slopes.coupling
    if coupling is not None:
      coupling = coupling[self._model_pairs][:, self._rows]
    return reward_slopes.Slopes(slopes.own[self._model_pairs], coupling)

  def _mean_field(self, masses: np.ndarray) -> np.ndarray:
    """Returns the masses of all states of the model."""
    mean_field = np.zeros(len(self._uniform))
    mean_field[self._rows] = masses
    return mean_field

  def expected(self, values: np.ndarray) -> np.ndarray:
    """See the base class."""
    return self.discount * (values[self.states] - self.falls @ values)

  def missing_flow(self, flow: np.ndarray) -> np.ndarray:
    """See the base class; residuals of total masses are added at anchors."""
    return self.spread(self.class_masses) - self.flow_change(flow)

  def flow_change(self, flow: np.ndarray) -> np.ndarray:
    """Returns (N,): F' x, with the total mass of each class at its anchor."""
    totals = self.class_sums @ self.masses(flow)
    return self.falls.T @ flow + self.spread(totals)

  def spread(self, totals: np.ndarray) -> np.ndarray:
    """Returns (N,): the number of each class at its anchor, zeros elsewhere."""
    numbers = np.zeros(self.num_states)
    numbers[self.anchors] = totals
    return numbers

  def linearized(
    self, weights: np.ndarray, slopes: reward_slopes.Slopes
  ) -> complementarity.Solve:
    """See the base class."""
    return _Factors(self, weights, slopes)


class _Factors:
  """The factorized linear equations for given weights and slopes."""

  def __init__(
    self,
    system: StationarySystem,
    weights: np.ndarray,
    slopes: reward_slopes.Slopes,
  ):
    self._system, self._weights = system, weights
    totals = system.masses(weights)
    self._shares = weights / totals[system.states]
    self._averages = _matrix(system.own.T @ sparse.diags_array(self._shares))
    # The common part of the slopes of all actions of a state does not affect
    # choices. It is subtracted so that its rounding errors do not, either.
    rates = _matrix(sparse.diags_array(slopes.own) @ system.own)
    if slopes.coupling is not None:
      rates = _matrix(rates + slopes.coupling)
    self._rates = rates
    self._tilts = _matrix(rates - rates[system.starts[system.states]])
    self._tilts.eliminate_zeros()
    falls = self._centered(system.falls)
    self._squares = _matrix(falls.T @ (sparse.diags_array(weights) @ falls))
    self._value_rows = _matrix(
      self._averages @ system.falls * system.discount
      + (1 - system.discount) * sparse.eye_array(system.num_states)
    )
    matrix = self._matrix()
    # Without the flow equation and dV of one state in each class: the one of
    # the largest weight, whose coupling to the others is strongest.
    size = system.num_states
    order = np.lexsort((totals, system.classes))
    self._grounds = order[np.append(np.diff(system.classes[order]) > 0, True)]
    both = np.arange(2 * size).reshape(2, size).T.ravel()
    self._equations = both[~np.isin(both, size + self._grounds)]
    self._unknowns = both[~np.isin(both, self._grounds)]
    matrix = matrix[self._equations][:, self._unknowns]
    self._scales = 1 / abs(matrix).max(axis=1).toarray().ravel()
    scaled = sparse.csc_array(sparse.diags_array(self._scales) @ matrix)
    try:
      self._factors = linalg.splu(scaled)
    except RuntimeError as error:
      raise ArithmeticError(f"No Newton step: {error}.") from error
    self._shifts = np.stack([self._shift(k) for k in self._grounds], axis=1)
    moved = [system.masses(self._flow(0.0, shift)) for shift in self._shifts.T]
    self._moved_masses = system.class_sums @ np.stack(moved, axis=1)

  def _matrix(self) -> sparse.csr_array:
    """Returns (2 N, 2 N): the equations of values and of flow, for dV, dmu."""
    system = self._system
    crowding = -(self._averages @ self._rates)
    crowding += sparse.diags_array(1 / system.masses(self._weights))
    pushes = sparse.diags_array(self._shares) @ system.own
    if self._tilts.nnz:
      tilts = self._centered(self._tilts)
      pushes = pushes + sparse.diags_array(self._weights) @ tilts
    return sparse.block_array(
      [
        [self._value_rows, crowding],
        [-system.discount * self._squares, system.falls.T @ pushes],
      ],
      format="csr",
    )

  def __call__(
    self, dual: np.ndarray, primal: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns dx, (E,), and dV, (N,), for g, (E,), and f, (N,)."""
    system = self._system
    flow, values = self._solve(dual, primal)
    for _ in range(NUM_REFINEMENTS):
      masses = system.masses(flow)
      left = dual - flow / self._weights + self._rates @ masses
      left -= values[system.states] - system.expected(values)
      more, change = self._solve(left, primal - system.flow_change(flow))
      flow, values = flow + more, values + change
    return flow, values

  def _solve(
    self, dual: np.ndarray, primal: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns dx and dV, unrefined."""
    system = self._system
    totals = system.class_sums @ primal
    still = np.zeros(2 * system.num_states)
    pushed = system.falls.T @ self._flow(dual, still)
    solution = self._solved(
      self._averages @ dual, primal - system.spread(totals) - pushed
    )
    masses = system.masses(self._flow(dual, solution))
    solution += self._shifts @ np.linalg.solve(
      self._moved_masses, totals - system.class_sums @ masses
    )
    return self._flow(dual, solution), solution[: system.num_states]

  def _shift(self, ground: int) -> np.ndarray:
    """Returns dV and dmu, (2 N,), where dV is 1 in the state `ground`."""
    unit = np.zeros(self._system.num_states)
    unit[ground] = 1
    shift = self._solved(
      -(self._value_rows @ unit),
      self._system.discount * (self._squares @ unit),
    )
    shift[ground] += 1
    return shift

  def _solved(self, values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns dV and dmu, (2 N,), for right-hand sides of both, (N,)."""
    solution = np.zeros(2 * len(values))
    right = np.concatenate([values, flow])[self._equations]
    solution[self._unknowns] = self._factors.solve(self._scales * right)
    return solution

  def _flow(self, dual: np.ndarray | float, solution: np.ndarray) -> np.ndarray:
    """Returns dx, (E,), for dV and dmu; it sums to dmu up to rounding."""
    system = self._system
    values, masses = np.split(solution, 2)
    change = dual - system.discount * (system.falls @ values)
    change = change + self._tilts @ masses
    tilt = self._weights * self._centered(change)
    rest = masses - system.masses(tilt)
    return tilt + self._shares * rest[system.states]

  def _centered(self, numbers: Any) -> Any:
    """Returns C v of an array of E rows, dense or sparse."""
    return numbers - self._system.own @ (self._averages @ numbers)


def _own(numbers: np.ndarray, states: np.ndarray) -> sparse.csr_array:
  """Returns a matrix with one number per row, in the column of its state."""
  size = len(states)
  return sparse.csr_array(
    (numbers, states, np.arange(size + 1)), (size, int(states.max()) + 1)
  )


def _matrix(matrix: Any) -> sparse.csr_array:
  """Returns a CSR array."""
  return sparse.csr_array(matrix)
