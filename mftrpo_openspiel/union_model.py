"""Several mean-field MDPs side by side, solved at once.

The disjoint union of B MDPs is an MDP whose states are those of the first, then
those of the second, and so on; nobody gets from one to another. Each holds a
share 1 / B of the players. An algorithm that runs on the union runs on all of
them, at the price of little more than one: with a hundred states most of an
iteration is what numpy and Python spend on any array.

All runs of an algorithm have its one regularization. Rewards therefore come in
units: in units of eta the regularization of any game is 1.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np
from scipy import sparse

from mftrpo_openspiel import banded_chains
from mftrpo_openspiel import entropy
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import stationary_model
from mftrpo_openspiel import validation

# As in the values of single models: policy iteration ends when no state's value
# rises by more than this, relative to the largest value of its MDP.
VALUE_TOLERANCE = 1e-15
MAX_POLICY_ITERATIONS = 1000
# The LU of a policy serves policy iteration, which looks at the residual it
# leaves, for policies that differ from it by no more than this.
SAME_POLICY = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class _UnionReward:
  """The rewards of all MDPs, in their units; 0 for actions that they lack."""

  mdps: Sequence[mdp_lib.MeanFieldMDP]
  units: Sequence[float]
  num_actions: int

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    rewards = np.zeros((len(mean_field), self.num_actions))
    end = 0
    for mdp, unit in zip(self.mdps, self.units):
      start, end = end, end + mdp.num_states
      law = len(self.mdps) * mean_field[start:end]
      rewards[start:end, : mdp.num_actions] = mdp.reward(law) / unit
    return rewards


def _padded_kernel(
  mdp: mdp_lib.MeanFieldMDP, num_actions: int
) -> sparse.csr_array:
  """Returns the kernel with copies of the first action for those it lacks."""
  actions = np.arange(num_actions)
  actions[mdp.num_actions :] = 0
  rows = mdp.num_actions * np.arange(mdp.num_states)[:, None] + actions
  return mdp.kernel[rows.ravel()]


def union_mdp(
  mdps: Sequence[mdp_lib.MeanFieldMDP], units: Sequence[float]
) -> mdp_lib.MeanFieldMDP:
  """Returns the disjoint union of MDPs.

  Args:
    mdps: With kernels that do not depend on the mean field, and one discount.
    units: One an MDP; its rewards are divided by it.

  Raises:
    ValueError: If there are none, a kernel depends on the mean field, the
      discounts differ, or a unit is not positive.
  """
  if not mdps:
    raise ValueError("mdps must have at least one, got none.")
  for mdp, unit in zip(mdps, units, strict=True):
    validation.check_real("units", unit, 0, low_open=True)
    if not mdp.has_fixed_kernel:
      raise ValueError(
        "mdps must have kernels that are arrays, got a function."
      )
    if mdp.discount != mdps[0].discount:
      raise ValueError(
        "mdps must have one discount, got"
        f" {mdps[0].discount:g} and {mdp.discount:g}."
      )
  num_actions = max(mdp.num_actions for mdp in mdps)
  laws = [mdp.initial_distribution / len(mdps) for mdp in mdps]
  return mdp_lib.MeanFieldMDP(
    kernel=sparse.csr_array(
      sparse.block_diag([_padded_kernel(mdp, num_actions) for mdp in mdps])
    ),
    reward=_UnionReward(mdps, units, num_actions),
    discount=mdps[0].discount,
    initial_distribution=np.concatenate(laws),
  )


class UnionModel(stationary_model.StationaryModel):
  """A stationary model of the union of MDPs.

  Actions that an MDP lacks are not legal in its states. Laws and values are
  those of a `StationaryModel` up to rounding: they come from band LU. Policy
  iteration starts where it ended the last time. Policies and mean fields are
  taken from the algorithms as they are, unchecked.
  """

  def __init__(
    self, mdps: Sequence[mdp_lib.MeanFieldMDP], units: Sequence[float]
  ):
    """Initializes the model; as `union_mdp`."""
    super().__init__(union_mdp(mdps, units))
    self._units = np.array(units, dtype=np.float64)
    sizes = [mdp.num_states for mdp in mdps]
    self._starts = np.cumsum([0, *sizes[:-1]])
    self._block = np.repeat(np.arange(len(mdps)), sizes)
    counts = np.array([mdp.num_actions for mdp in mdps])[self._block]
    self.legal_actions_mask = np.asfortranarray(
      np.arange(self.mdp.num_actions) < counts[:, None]
    )
    self._lacks = ~self.legal_actions_mask
    self._uniform = entropy.uniform_policy(self.legal_actions_mask)
    self._chains = banded_chains.BandedChains(
      self.mdp.kernel, self.mdp.num_actions
    )
    self._uniform_lu = self._lu(self._uniform)
    # Row a * S + s, so that values of actions come in Fortran order.
    rows = np.arange(self.mdp.kernel.shape[0]).reshape(counts.size, -1)
    self._kernel = self.mdp.kernel[rows.T.ravel()]
    self._paid: tuple[np.ndarray, np.ndarray] | None = None
    self._optimal_values: np.ndarray | None = None

  def join_states(
    self,
    states: Sequence[Mapping[str, np.ndarray]],
    like: Mapping[str, np.ndarray],
  ) -> dict[str, np.ndarray]:
    """Returns the state of an algorithm on the union, from those on the MDPs.

    Args:
      states: One an MDP, after as many iterations each; see
        `algorithm.MeanFieldAlgorithm.state`.
      like: Any state of the algorithm on the union.
    """
    joined = {}
    for name, array in like.items():
      parts = [state[name] for state in states]
      if array.ndim == 2:
        joined[name] = array.copy(order="K")
        joined[name][self.legal_actions_mask] = np.concatenate(
          [part.ravel() for part in parts]
        )
      elif array.ndim == 1:
        joined[name] = self.join_mean_fields(parts)
      else:
        joined[name] = parts[0]
    return joined

  def join_mean_fields(self, mean_fields: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the (S,) mean field with those of the MDPs as its parts."""
    return np.concatenate(mean_fields) / len(mean_fields)

  def split(self, values: np.ndarray) -> list[np.ndarray]:
    """Returns the rows of each MDP in an array over all states."""
    return np.split(values, self._starts[1:])

  def masses(self, values: np.ndarray) -> np.ndarray:
    """Returns the (B,) sums over the states of each MDP."""
    return np.add.reduceat(values, self._starts)

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns mu (P^pi)^M, or for None its Cesaro limit as M grows."""
    if num_steps is not None:
      return super().propagate(policy, mean_field, num_steps)
    return self._chains.cesaro_limit(self._chains.chain(policy), mean_field)

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> np.ndarray:
    """Returns (S, A): Q_mu^pi, in units."""
    rewards = self._rewards(mean_field)
    values = self._policy_values(policy, rewards, regularization)
    return self._backup(rewards, values)

  def optimal_action_values(
    self, mean_field: np.ndarray, regularization: float = 0.0
  ) -> np.ndarray:
    """Returns (S, A): the maximum over policies of Q_mu^pi, in units."""
    rewards = self._rewards(mean_field)
    values = self._optimal_values
    if values is None:
      values = self._policy_values(self._uniform, rewards, regularization)
    gap = self._optimality_gap(rewards, values, regularization)
    # The optimal values of one mean field are near to those of the next.
    self._optimal_values = values + gap
    return self._backup(rewards, self._optimal_values)

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns that of the union: the mean over the MDPs, in units."""
    law = self.mean_field(policy)
    gains = self.exploitabilities(policy, law, regularization)
    return float((gains / self._units).mean())

  def exploitabilities(
    self, policy: np.ndarray, law: np.ndarray, regularization: float = 0.0
  ) -> np.ndarray:
    """Returns the (B,) exploitabilities in the MDPs, not in units.

    Args:
      policy: (S, A).
      law: (S,), `mean_field(policy)`.
      regularization: eta, in units.
    """
    rewards = self._rewards(law)
    values = self._policy_values(policy, rewards, regularization)
    gap = self._optimality_gap(rewards, values, regularization)
    return self._units * self.masses(law * gap) / self.masses(law)

  def _policy_values(self, policy, rewards, regularization) -> np.ndarray:
    """Returns V^pi, (S,)."""
    if regularization:
      logs = np.log(np.maximum(policy, np.finfo(np.float64).tiny))
      rewards = rewards - regularization * logs
    return self._discounted_sum(policy, (policy * rewards).sum(axis=1))

  def _rewards(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns r, (S, A); the last ones if they are asked for again."""
    # The steps of an iteration share the mean field, and nobody writes into it.
    if self._paid is None or self._paid[0] is not mean_field:
      rewards = np.asfortranarray(self.mdp.reward_at(mean_field))
      self._paid = mean_field, rewards
    return self._paid[1]

  def _lu(self, policy: np.ndarray) -> banded_chains.LU:
    return self._chains.discounted_lu(
      self._chains.chain(policy), self.mdp.discount
    )

  def _discounted_sum(self, policy, stage_values) -> np.ndarray:
    # Where TRPO and policy iteration start.
    is_uniform = np.array_equal(policy, self._uniform)
    lu = self._uniform_lu if is_uniform else self._lu(policy)
    return self._chains.discounted_sum(lu, stage_values)

  def _backup(self, rewards, values) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    expected = (self._kernel @ values).reshape(rewards.shape, order="F")
    action_values = rewards + self.mdp.discount * expected
    action_values[self._lacks] = -np.inf
    return action_values

  def _optimality_gap(self, rewards, values, regularization) -> np.ndarray:
    """Returns V* - V, (S,), for any V.

    Policy iteration in terms of what each improvement adds, as for a single
    MDP, until all have ended.
    """
    gap = np.zeros_like(values)
    scale = np.maximum(1.0, self._largest(values))
    least = np.full(len(scale), np.inf)
    going = np.ones(len(scale), dtype=bool)
    evaluated = None
    for _ in range(MAX_POLICY_ITERATIONS):
      action_values = self._backup(rewards, values + gap)
      if regularization:
        improved = entropy.soft_maximum(action_values, regularization)
        policy = entropy.softmax(action_values, regularization)
      else:
        improved = action_values.max(axis=1)
        policy = entropy.greedy_policy(action_values)
      residual = improved - (values + gap)
      largest = self._largest(residual)
      # Rounding: a residual has stopped falling at a negligible size.
      stalled = (largest <= 1e-10 * scale) & (largest >= least / 2)
      going &= (largest > VALUE_TOLERANCE * scale) & ~stalled
      if not going.any():
        return gap
      least = np.minimum(least, largest)
      residual[~going[self._block]] = 0.0
      if evaluated is None or np.abs(policy - evaluated).max() > SAME_POLICY:
        evaluated, lu = policy, self._lu(policy)
      gap += self._chains.discounted_sum(lu, residual)
    raise ArithmeticError(
      f"Policy iteration left a residual of {largest.max():.1e} after"
      f" {MAX_POLICY_ITERATIONS} iterations."
    )

  def _largest(self, values: np.ndarray) -> np.ndarray:
    """Returns the (B,) largest absolute values in the MDPs."""
    return np.maximum.reduceat(np.abs(values), self._starts)
