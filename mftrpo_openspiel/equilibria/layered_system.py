"""The equations over a finite horizon, solved by a sweep over the layers.

Let w(s) = sum over a of W(s, a), p = W / w, and let C subtract the mean over
the actions of a state, (C v)(s, a) = v(s, a) - sum over b of p(s, b) v(s, b).
Then the equations of a state are

    dx = p dmu + W C (g + P dV' + R dmu),
    dV = p (g + P dV' + R dmu) - dmu / w,

for the steps dmu and dV in a layer and dmu', dV' in the next one. With the
matrices Phi = p P, N = (C P)' W (C P) and Psi = Phi' + P' W C R they become

    dmu' = Psi dmu + N dV' + P' W C g + f',
    dV   = Phi dV' - (1 / w - p R) dmu + p g,

the equations of linear-quadratic optimal control. As there, dV = v - Y dmu,
where the matrix Y of each layer is computed from that of the next one by a
Riccati recursion,

    Y = 1 / w - p R + Phi G Psi,    G = Y' (I + N Y')^-1.

This takes one dense LU per layer, of the size of a layer. The matrices need not
be symmetric, rewards may depend on all masses of their layer, and neither N nor
Y needs to be invertible. N is a sum of squares, without cancellation, even if
the weights of actions differ by many orders of magnitude. In the forward sweep,
dx is computed from dmu by the first equation, and dmu' from dx, so that flow is
conserved up to rounding. Before a matrix is factorized, masses are divided by
the square root of w and values are multiplied by it.
"""

from collections.abc import Sequence
import itertools
from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy import sparse

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import layer_moves
from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.utils import tabular_policies


class LayeredSystem(complementarity.System):
  """The equations of a `CompiledGame` whose transitions are fixed.

  Attributes:
    layers: The states of each layer.
    pairs: The pairs of each layer.
    moves: The transitions from each layer, except the last one, as blocks.
    transitions: The same as distributions of the next state after each pair,
      (e, n').
    arrivals: The transposes of `transitions`.
  """

  def __init__(self, model: compiled_game.CompiledGame):
    """Initializes the system of a model.

    Raises:
      ValueError: If transitions of the model depend on the mean field, or the
        derivatives of its rewards are not known.
    """
    if not model.form.has_fixed_moves:
      raise ValueError(
        "game must have transitions that do not depend on the mean field, got"
        f" {model.game_name}; annealed_mf_trpo does not require this."
      )
    self._slopes = reward_slopes.of_model(model)
    self._model = model
    mask = model.legal_actions_mask
    num_actions = mask.shape[1]
    self._uniform = tabular_policies.uniform_policy(mask)
    mean_field = model.mean_field(self._uniform)
    self._mdp, _ = model.form.dynamics(mean_field)
    reached = mean_field > 0
    self._rows = np.flatnonzero(reached)
    self._model_pairs = np.flatnonzero((mask & reached[:, None]).ravel())
    self._slots = np.flatnonzero(mask[reached].ravel())
    self.states = self._slots // num_actions
    self.starts = np.searchsorted(self.states, np.arange(len(self._rows)))
    self.discounts = model.discounts[self._rows]
    kept = [np.flatnonzero(reached[here]) for here in self._mdp.layers]
    self.layers = _slices([len(rows) for rows in kept])
    counts = np.bincount(self.states)
    self.pairs = _slices([int(counts[here].sum()) for here in self.layers])
    self._initial = np.zeros(len(self._rows))
    self._initial[self.layers[0]] = self._mdp.initial[kept[0]]
    self.moves: list[layer_moves.LayerMoves] = []
    self.transitions: list[sparse.csr_array] = []
    for k, (rows, columns) in enumerate(itertools.pairwise(kept)):
      origins = rows[:, None] * num_actions + np.arange(num_actions)
      transitions = self._mdp.transitions(k)[origins.ravel()][:, columns]
      self.moves.append(layer_moves.LayerMoves(transitions, num_actions))
      slots = self._slots[self.pairs[k]] - self.layers[k].start * num_actions
      self.transitions.append(transitions[slots])
    self.arrivals = [sparse.csr_array(laws.T) for laws in self.transitions]

  def flow_of(self, policy: np.ndarray) -> np.ndarray:
    """See the base class."""
    flow = self._model.mean_field(policy)[:, None] * policy
    return flow.ravel()[self._model_pairs]

  def first_flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns the mean of the policy's flow and one that is uniform in a layer.

    Under a random policy, the masses of distant states are tiny, and Newton's
    method takes many steps to increase them.
    """
    flow = self.flow_of(policy)
    equal = [np.full_like(flow[here], flow[here].mean()) for here in self.pairs]
    return (flow + np.concatenate(equal)) / 2

  def policy_of(self, flow: np.ndarray) -> np.ndarray:
    """See the base class."""
    policy = self._uniform.copy()
    shares = flow / self.masses(flow)[self.states]
    policy.ravel()[self._model_pairs] = shares
    return policy

  def optimal_values(self, masses: np.ndarray) -> np.ndarray:
    """See the base class."""
    best = self._model.optimal_action_values(self._mean_field(masses))
    return best.max(axis=1)[self._rows]

  def rewards(self, masses: np.ndarray) -> np.ndarray:
    """See the base class."""
    pay = self._model.form.rewards(self._mean_field(masses))
    return self._mdp.action_rewards(*pay).ravel()[self._model_pairs]

  def slopes(self, masses: np.ndarray) -> reward_slopes.Slopes:
    """See the base class."""
    slopes = self._slopes(self._mean_field(masses))
    coupling = slopes.coupling
    if coupling is not None:
      coupling = coupling[self._model_pairs][:, self._rows]
    return reward_slopes.Slopes(slopes.own[self._model_pairs], coupling)

  def _mean_field(self, masses: np.ndarray) -> np.ndarray:
    """Returns the masses of all states of the model."""
    mean_field = np.zeros(len(self._model.layers))
    mean_field[self._rows] = masses
    return mean_field

  def expected(self, values: np.ndarray) -> np.ndarray:
    """See the base class."""
    result = np.zeros(len(self.states))
    parts = zip(self.pairs, self.layers[1:], self.transitions)
    for pairs, below, transitions in parts:
      result[pairs] = transitions @ values[below]
    return result

  def missing_flow(self, flow: np.ndarray) -> np.ndarray:
    """See the base class."""
    missing = self._initial - self.masses(flow)
    parts = zip(self.pairs, self.layers[1:], self.arrivals)
    for pairs, below, arrivals in parts:
      missing[below] += arrivals @ flow[pairs]
    return missing

  def padded(self, k: int, numbers: np.ndarray) -> np.ndarray:
    """Returns (n, A) of layer k from (E,), zeros for illegal actions."""
    num_actions = self._uniform.shape[1]
    here = self.layers[k]
    padded = np.zeros((here.stop - here.start, num_actions))
    slots = self._slots[self.pairs[k]] - here.start * num_actions
    padded.ravel()[slots] = numbers[self.pairs[k]]
    return padded

  def linearized(
    self, weights: np.ndarray, slopes: reward_slopes.Slopes
  ) -> complementarity.Solve:
    """See the base class."""
    return _Sweep(self, weights, slopes)


class _Sweep:
  """The factorized linear equations for given weights and slopes."""

  def __init__(
    self,
    system: LayeredSystem,
    weights: np.ndarray,
    slopes: reward_slopes.Slopes,
  ):
    self._system, self._weights = system, weights
    totals = system.masses(weights)
    self._roots = np.sqrt(totals)
    self._shares = weights / totals[system.states]
    # The common part of the slopes of all actions of a state does not affect
    # choices. It is subtracted so that its rounding errors do not, either.
    firsts = system.starts[system.states]
    self._own = slopes.own - slopes.own[firsts]
    self._tilts = weights * self._centered(self._own)
    # From the coupling: the difference between actions, W C R, and p R.
    self._coupling = self._coupling_tilts = None
    mean_coupling = None
    if slopes.coupling is not None:
      means = _sums(self._shares, system.starts)
      mean_coupling = sparse.csr_array(means @ slopes.coupling)
      difference = sparse.csr_array(slopes.coupling - slopes.coupling[firsts])
      difference.eliminate_zeros()
      if difference.nnz:
        self._coupling = difference
        centered = difference - (means @ difference)[system.states]
        self._coupling_tilts = sparse.csr_array(
          sparse.diags_array(weights) @ centered
        )
    diagonal = 1 / totals - system.masses(self._shares * slopes.own)
    # Y of each layer, starting from the last one.
    self._steps: list[_Step] = []
    costs: np.ndarray | None = None
    for k, here in reversed(list(enumerate(system.layers))):
      own_costs = np.diag(diagonal[here])
      if mean_coupling is not None:
        own_costs -= mean_coupling[here][:, here].toarray()
      if costs is not None:
        step = self._step(k, costs)
        self._steps.insert(0, step)
        own_costs += step.phi @ step.gains @ step.psi
      costs = own_costs
    self._first = costs

  def _step(self, k: int, costs: np.ndarray) -> "_Step":
    """Returns the matrices of layer k, from the unscaled Y' of the next one."""
    system, here = self._system, self._system.layers[k]
    moves, roots = system.moves[k], self._roots[system.layers[k + 1]]
    shares, weights, tilts = (
      system.padded(k, numbers)
      for numbers in (self._shares, self._weights, self._tilts)
    )
    laws = moves.laws / roots[moves.successors][:, None]
    means = np.einsum("na,nam->nm", shares, laws)
    psi = moves.matrix(means + np.einsum("na,nam->nm", tilts, laws)).T
    if self._coupling_tilts is not None:
      coupled = self._coupling_tilts[system.pairs[k]][:, here]
      psi = psi + (system.arrivals[k] @ coupled).toarray() / roots[:, None]
    centered = laws - means[:, None]
    squares = moves.squares(np.sqrt(weights)[:, :, None] * centered)
    after = costs * roots[:, None] * roots
    matrix = squares @ after
    matrix[np.diag_indices_from(matrix)] += 1
    factors = linalg.lapack.dgetrf(matrix)[:2]
    gains = linalg.lapack.dgetrs(*factors, after.T, trans=1)[0].T
    return _Step(moves.matrix(means), squares, psi, after, gains, factors)

  def _centered(self, numbers: np.ndarray) -> np.ndarray:
    """Returns C v, (E,)."""
    system = self._system
    return numbers - system.masses(self._shares * numbers)[system.states]

  def __call__(
    self, dual: np.ndarray, primal: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns dx, (E,), and dV, (N,), for g, (E,), and f, (N,)."""
    system = self._system
    means = system.masses(self._shares * dual)
    pushes = self._weights * (dual - means[system.states])
    # In reverse, dV for dmu = 0, and dmu' for dmu = 0 and dV' = 0.
    later: list[tuple[np.ndarray, np.ndarray]] = []
    value = means[system.layers[-1]]
    for k in reversed(range(len(self._steps))):
      here, below = system.layers[k : k + 2]
      step, roots = self._steps[k], self._roots[below]
      arriving = primal[below] + system.arrivals[k] @ pushes[system.pairs[k]]
      value = value * roots
      moved = arriving / roots + step.squares @ value
      later.append((value, moved))
      value = means[here] + step.phi @ (value - step.gains @ moved)
    values, masses = np.empty_like(primal), primal.copy()
    flow = np.empty_like(dual)
    first = system.layers[0]
    values[first] = value - self._first @ masses[first]
    for k, here in enumerate(system.layers):
      pairs = system.pairs[k]
      change = dual[pairs] + self._own[pairs] * masses[system.states[pairs]]
      if self._coupling is not None:
        change += self._coupling[pairs][:, here] @ masses[here]
      if k < len(self._steps):
        below, step = system.layers[k + 1], self._steps[k]
        value, moved = later.pop()
        roots = self._roots[below]
        arriving = linalg.lapack.dgetrs(
          *step.factors, step.psi @ masses[here] + moved
        )[0]
        values[below] = (value - step.after @ arriving) / roots
        change += system.transitions[k] @ values[below]
      flow[pairs] = self._flow(k, change, masses[here])
      if k < len(self._steps):
        masses[below] += system.arrivals[k] @ flow[pairs]
    return flow, values

  def _flow(self, k: int, change: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Returns dx in layer k, which sums to dmu up to rounding.

    Args:
      k: The layer.
      change: The sum of g, the values of the next layer and the slopes for each
        pair, up to a constant per state.
      masses: dmu.
    """
    pairs, here = self._system.pairs[k], self._system.layers[k]
    starts = self._system.starts[here] - pairs.start
    states = self._system.states[pairs] - here.start
    shares = self._shares[pairs]
    mean = np.add.reduceat(shares * change, starts)
    tilt = self._weights[pairs] * (change - mean[states])
    rest = masses - np.add.reduceat(tilt, starts)
    return tilt + shares * rest[states]


class _Step(NamedTuple):
  """The matrices of a layer and the next one; P stands for P / sqrt(w').

  Attributes:
    phi: (n, n'), Phi.
    squares: (n', n'), N.
    psi: (n', n), Psi.
    after: (n', n'), Y'.
    gains: (n', n'), G.
    factors: The LU of I + N Y', and its pivots.
  """

  phi: np.ndarray
  squares: np.ndarray
  psi: np.ndarray
  after: np.ndarray
  gains: np.ndarray
  factors: tuple[np.ndarray, np.ndarray]


def _sums(numbers: np.ndarray, starts: np.ndarray) -> sparse.csr_array:
  """Returns (n, E): a matrix of weighted sums over the pairs of each state."""
  indptr = np.append(starts, len(numbers))
  shape = len(starts), len(numbers)
  return sparse.csr_array((numbers, np.arange(len(numbers)), indptr), shape)


def _slices(sizes: Sequence[int]) -> list[slice]:
  """Returns consecutive slices of these sizes."""
  bounds = itertools.accumulate(sizes, initial=0)
  return [slice(*pair) for pair in itertools.pairwise(bounds)]
