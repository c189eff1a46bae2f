"""Several mean-field MDPs side by side, solved at once.

The disjoint union of B MDPs is an MDP whose states are those of the first, then
those of the second, and so on; nobody gets from one to another. Each holds a
share 1 / B of the players. An algorithm that runs on the union runs on all of
them, at the price of little more than one: with a hundred states most of an
iteration is what numpy and Python spend on any array.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import validation
from mftrpo_openspiel.values import decision_problem

# What actions pay that an MDP lacks, so that nobody takes them.
NEVER = -1e100


@dataclasses.dataclass(frozen=True, eq=False)
class _UnionReward:
  """The rewards of all MDPs."""

  mdps: Sequence[mdp_lib.MeanFieldMDP]
  num_actions: int

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    shape = len(mean_field), self.num_actions
    rewards = np.full(shape, NEVER, order="F")
    end = 0
    for mdp in self.mdps:
      start, end = end, end + mdp.num_states
      law = len(self.mdps) * mean_field[start:end]
      rewards[start:end, : mdp.num_actions] = mdp.reward(law)
    return rewards


def _padded_kernel(
  mdp: mdp_lib.MeanFieldMDP, num_actions: int
) -> sparse.csr_array:
  """Returns the kernel with copies of the first action for those it lacks."""
  actions = np.arange(num_actions)
  actions[mdp.num_actions :] = 0
  rows = mdp.num_actions * np.arange(mdp.num_states)[:, None] + actions
  return mdp.kernel[rows.ravel()]


def union_mdp(mdps: Sequence[mdp_lib.MeanFieldMDP]) -> mdp_lib.MeanFieldMDP:
  """Returns the disjoint union of MDPs.

  Args:
    mdps: With kernels that do not depend on the mean field, and one discount.

  Raises:
    ValueError: If there are none, a kernel depends on the mean field, or the
      discounts differ.
  """
  if not mdps:
    raise ValueError("mdps must have at least one, got none.")
  for mdp in mdps:
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
    reward=_UnionReward(mdps, num_actions),
    discount=mdps[0].discount,
    initial_distribution=np.concatenate(laws),
  )


class UnionModel(stationary_model.StationaryModel):
  """A stationary model of the union of MDPs.

  Actions that an MDP lacks are not legal in its states. Each MDP has a weight
  of its own that regularizations are multiplied by, as `discounts`. Policies
  and mean fields are taken from the algorithms as they are, unchecked, and
  optimal values are sought from the last ones on.
  """

  def __init__(
    self, mdps: Sequence[mdp_lib.MeanFieldMDP], weights: Sequence[float]
  ):
    """Initializes the model.

    Args:
      mdps: As for `union_mdp`.
      weights: One an MDP, >= 0.

    Raises:
      ValueError: As `union_mdp`, or if a weight is negative.
    """
    super().__init__(union_mdp(mdps), solver="band LU")
    for weight in weights:
      validation.check_real("weights", weight, 0)
    sizes = [mdp.num_states for mdp in mdps]
    self._starts = np.cumsum([0, *sizes[:-1]])
    self._block = np.repeat(np.arange(len(mdps)), sizes)
    self.discounts = np.array(weights, dtype=np.float64)[self._block]
    counts = np.array([mdp.num_actions for mdp in mdps])[self._block]
    self.legal_actions_mask = np.asfortranarray(
      np.arange(self.mdp.num_actions) < counts[:, None]
    )
    self._lacks = ~self.legal_actions_mask
    self._optimal_values = np.zeros(self.mdp.num_states)

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

  def split_state(
    self, state: Mapping[str, np.ndarray]
  ) -> list[dict[str, np.ndarray]]:
    """Returns the states of which `state` was joined."""
    num_mdps = len(self._starts)
    states = [{} for _ in range(num_mdps)]
    for name, array in state.items():
      if array.ndim == 2:
        legal = zip(self.split(array), self.split(self.legal_actions_mask))
        parts = [part[:, mask[0]] for part, mask in legal]
      elif array.ndim == 1:
        parts = self.split(num_mdps * array)
      else:
        parts = [array] * num_mdps
      for part_state, part in zip(states, parts):
        part_state[name] = part
    return states

  def split(self, values: np.ndarray) -> list[np.ndarray]:
    """Returns the rows of each MDP in an array over all states."""
    return np.split(values, self._starts[1:])

  def masses(self, values: np.ndarray) -> np.ndarray:
    """Returns the (B,) sums over the states of each MDP."""
    return np.add.reduceat(values, self._starts)

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> np.ndarray:
    """Returns (S, A): Q_mu^pi."""
    return self._legal(
      super().action_values(policy, mean_field, regularization)
    )

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (S, A): the maximum over policies of Q_mu^pi."""
    problem = self._problem(
      mean_field, self._checked_regularization(regularization)
    )
    # The optimal values of one mean field are near to those of the next.
    start = decision_problem.Values(problem, self._optimal_values)
    values = start.values + self.value_solver.optimality_gaps(start).gaps
    self._optimal_values = values
    return self._legal(problem.backup(values))

  def exploitabilities(
    self, policy: np.ndarray, regularization: float | np.ndarray = 0.0
  ) -> np.ndarray:
    """Returns the (B,) exploitabilities in the MDPs.

    Args:
      policy: (S, A).
      regularization: eta, a number to be weighed, or (B,) as they are.
    """
    law, gaps = self._optimality_gaps(policy, regularization)
    # The gaps of one MDP are found while those of another one go on: rounding
    # may leave them below zero.
    gains = self.masses(law * gaps.gaps) / self.masses(law)
    return np.maximum(gains, 0.0)

  def _legal(self, action_values: np.ndarray) -> np.ndarray:
    action_values[self._lacks] = -np.inf
    return action_values

  def _checked_regularization(
    self, regularization: float | np.ndarray
  ) -> float | np.ndarray:
    if np.ndim(regularization):
      return regularization[self._block]
    return regularization * self.discounts if regularization else 0.0

  def _checked_policy(self, policy: np.ndarray) -> np.ndarray:
    return policy

  def _checked_mean_field(self, mean_field: np.ndarray) -> np.ndarray:
    return mean_field
