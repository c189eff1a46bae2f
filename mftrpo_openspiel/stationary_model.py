"""The infinite-horizon, discounted mean-field MDP, solved exactly.

The model of the paper: the mean field of a policy is the invariant law of its
chain, and values are discounted sums. With P^pi the (S, S) chain of a policy,

    V^pi = (I - gamma P^pi)^-1 (r^pi + eta H(pi)),    Q = r + gamma P V,

where H(pi)(s) is the entropy of pi(.|s): the bonus that the paper means by its
regularization (its formula for J prints the opposite sign of what its
PolicyUpdate and the TRPO analysis of Shani, Efroni and Mannor (2020),
arXiv:1909.02769, use). Optimal values come from policy iteration, with the
greedy policy, or softmax(Q / eta), as its improvement step.
"""

import functools

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import tabular_distribution
import pyspiel
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse import linalg

from mftrpo_openspiel import entropy
from mftrpo_openspiel import markov_chain
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import mdp_game
from mftrpo_openspiel import model
from mftrpo_openspiel import policies
from mftrpo_openspiel import policy_kernel
from mftrpo_openspiel import validation

# Up to this many states, dense LAPACK is faster than sparse LU.
MAX_DENSE_STATES = 400
# Policy iteration ends when no state's value rises by more than this, relative
# to the largest value.
VALUE_TOLERANCE = 1e-15
MAX_POLICY_ITERATIONS = 1000
# The fixed point mu = law(P_mu^pi) of a kernel that depends on mu.
MEAN_FIELD_TOLERANCE = 1e-13
MAX_MEAN_FIELD_ITERATIONS = 10_000


class StationaryModel(model.MeanFieldModel):
  """A `MeanFieldMDP` over an infinite horizon.

  The N states of the interface are the S states of the MDP. Exploitability is
  taken from the invariant law of the policy itself, as in the paper.
  """

  def __init__(
    self, mdp: mdp_lib.MeanFieldMDP, game: pyspiel.Game | None = None
  ):
    """Initializes the model.

    Args:
      mdp: What is played.
      game: The OpenSpiel game over `mdp`; made from it if not given.
    """
    self.mdp = validation.check_type("mdp", mdp, mdp_lib.MeanFieldMDP)
    self._game = game
    self.legal_actions_mask = np.ones((mdp.num_states, mdp.num_actions), bool)
    self.discounts = np.ones(mdp.num_states)

  @functools.cached_property
  def game(self) -> pyspiel.Game:
    """The MDP as an OpenSpiel game of finite horizon."""
    return self._game or mdp_game.MDPGame(self.mdp)

  @property
  def observation_strings(self) -> list[str]:
    """The S strings of the MDP's states at time 0 of `game`."""
    return mdp_game.decision_strings(self.game, 0)

  @functools.cached_property
  def _fixed_kernel(self) -> policy_kernel.PolicyKernel:
    return policy_kernel.PolicyKernel(self.mdp.kernel, self.mdp.num_actions)

  def initial_mean_field(self) -> np.ndarray:
    """Returns mu_0 of the MDP."""
    return self.mdp.initial_distribution.copy()

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns mu (P_mu^pi)^M, or for None its Cesaro limit as M grows."""
    policy, mean_field = self._checked(policy, mean_field)
    chain = self._chain(policy, self.mdp.kernel_at(mean_field))
    if num_steps is None:
      return markov_chain.cesaro_limit(chain, mean_field)
    for _ in range(validation.check_int("num_steps", num_steps, 0)):
      mean_field = mean_field @ chain
    return mean_field

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns the invariant law of `policy` that mu_0 leads to.

    Raises:
      ArithmeticError: If the kernel depends on the mean field and iterating
        mu <- law(P_mu^pi) finds no fixed point.
    """
    reference = self.mdp.initial_distribution
    if self.mdp.has_fixed_kernel:
      return self.propagate(policy, reference, None)
    law = reference
    for _ in range(MAX_MEAN_FIELD_ITERATIONS):
      chain = self._chain(policy, self.mdp.kernel_at(law))
      step = markov_chain.cesaro_limit(chain, reference) - law
      # Half a step keeps the iteration from swinging between two laws.
      law = law + step / 2
      if np.abs(step).sum() <= MEAN_FIELD_TOLERANCE:
        return law
    raise ArithmeticError(
      "No mean field consistent with the policy was found in"
      f" {MAX_MEAN_FIELD_ITERATIONS} iterations; the last step was"
      f" {np.abs(step).sum():.1e}."
    )

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> np.ndarray:
    """Returns (S, A): Q_mu^pi."""
    policy, mean_field = self._checked(policy, mean_field, regularization)
    kernel = self.mdp.kernel_at(mean_field)
    rewards = self.mdp.reward_at(mean_field)
    values = self._policy_values(policy, kernel, rewards, regularization)
    return self._backup(kernel, rewards, values)

  def optimal_action_values(
    self, mean_field: np.ndarray, regularization: float = 0.0
  ) -> np.ndarray:
    """Returns (S, A): the maximum over policies of Q_mu^pi."""
    policy = entropy.uniform_policy(self.legal_actions_mask)
    policy, mean_field = self._checked(policy, mean_field, regularization)
    kernel = self.mdp.kernel_at(mean_field)
    rewards = self.mdp.reward_at(mean_field)
    values = self._policy_values(policy, kernel, rewards, regularization)
    values += self._optimality_gap(kernel, rewards, values, regularization)
    return self._backup(kernel, rewards, values)

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns max_pi' J(pi', mu^pi, mu^pi) - J(pi, mu^pi, mu^pi)."""
    law = self.mean_field(policy)
    policy, law = self._checked(policy, law, regularization)
    kernel = self.mdp.kernel_at(law)
    rewards = self.mdp.reward_at(law)
    values = self._policy_values(policy, kernel, rewards, regularization)
    gap = self._optimality_gap(kernel, rewards, values, regularization)
    return float(law @ gap)

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (S,) of bool: where the chain can get to from `start`."""
    policy, mean_field = self._checked(policy, mean_field)
    start = validation.check_masses("start", start, self.mdp.num_states)
    reached = start > 0
    chain = self._chain(policy, self.mdp.kernel_at(mean_field))
    while not reached.all():
      grown = reached | (reached @ chain > 0)
      if (grown == reached).all():
        break
      reached = grown
    return reached

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns the policy that plays `policy` at every time step."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    return policies.StationaryPolicy(self.game, policy)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns what `policy` plays in each state at time 0.

    Raises:
      ValueError: If it plays something else at time 1.
    """
    game = mdp_game.MDPGame(self.mdp, horizon=2)
    first, second = (
      policies.policy_array(
        policy, mdp_game.decision_states(game, t), self.mdp.num_actions
      )
      for t in (0, 1)
    )
    if not np.allclose(first, second, rtol=0, atol=validation.SUM_TOLERANCE):
      raise ValueError(
        "policy must be the same at every time step to be stationary, it"
        f" differs by {np.abs(first - second).max():g} between times 0 and 1."
      )
    return validation.check_policy(first, self.legal_actions_mask)

  def to_distribution(
    self, mean_field: np.ndarray
  ) -> tabular_distribution.TabularDistribution:
    """Returns the distribution that is `mean_field` at every time step."""
    return super().to_distribution(
      validation.check_distribution(
        "mean_field", mean_field, self.mdp.num_states
      )
    )

  def _node_rows(self) -> dict[str, int]:
    """Returns for each node, by its string, the state with the same mass."""
    return {
      string: x
      for t in range(self.game.horizon)
      for strings in (
        mdp_game.decision_strings(self.game, t),
        self.game.support(t),
      )
      for x, string in enumerate(strings)
    }

  def _checked(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> tuple[np.ndarray, np.ndarray]:
    validation.check_real("regularization", regularization, 0)
    return (
      validation.check_policy(policy, self.legal_actions_mask),
      validation.check_distribution(
        "mean_field", mean_field, self.mdp.num_states
      ),
    )

  def _policy_kernel(
    self, kernel: sparse.csr_array
  ) -> policy_kernel.PolicyKernel:
    if self.mdp.has_fixed_kernel:
      return self._fixed_kernel
    return policy_kernel.PolicyKernel(kernel, self.mdp.num_actions)

  def _chain(
    self, policy: np.ndarray, kernel: sparse.csr_array
  ) -> sparse.csr_array:
    """Returns P^pi, (S, S), in canonical form."""
    return self._policy_kernel(kernel).chain(policy)

  def _backup(self, kernel, rewards, values) -> np.ndarray:
    """Returns Q = r + gamma P V, (S, A)."""
    expected = (kernel @ values).reshape(rewards.shape)
    return rewards + self.mdp.discount * expected

  def _discounted_sum(self, policy, kernel, stage_values) -> np.ndarray:
    """Returns (I - gamma P^pi)^-1 x for the (S,) x."""
    mixer = self._policy_kernel(kernel)
    if self.mdp.num_states > MAX_DENSE_STATES:
      identity = sparse.eye_array(self.mdp.num_states, format="csr")
      system = (identity - self.mdp.discount * mixer.chain(policy)).tocsc()
      return linalg.splu(system).solve(stage_values)
    system = -self.mdp.discount * mixer.dense_chain(policy)
    system.ravel()[:: self.mdp.num_states + 1] += 1.0
    # The transpose is in the memory order of LAPACK, and so is not copied.
    factors, pivots, _ = lapack.dgetrf(system.T, overwrite_a=True)
    return lapack.dgetrs(factors, pivots, stage_values, trans=True)[0]

  def _policy_values(
    self, policy, kernel, rewards, regularization
  ) -> np.ndarray:
    """Returns V^pi, (S,)."""
    stage_values = (policy * rewards).sum(axis=1)
    if regularization:
      stage_values += regularization * entropy.entropy(policy)
    return self._discounted_sum(policy, kernel, stage_values)

  def _optimality_gap(
    self, kernel, rewards, values, regularization
  ) -> np.ndarray:
    """Returns V* - V, (S,), for the values V of some policy.

    Policy iteration in terms of what each improvement adds, so that a small
    gap is not the difference of two large numbers:
    V_{k+1} - V_k = (I - gamma P^{pi_{k+1}})^-1 (T V_k - V_k).
    """
    gap = np.zeros_like(values)
    scale = max(1.0, np.abs(values).max())
    least = np.inf
    for _ in range(MAX_POLICY_ITERATIONS):
      action_values = self._backup(kernel, rewards, values + gap)
      if regularization:
        improved = entropy.soft_maximum(action_values, regularization)
        policy = entropy.softmax(action_values, regularization)
      else:
        improved = action_values.max(axis=1)
        policy = entropy.greedy_policy(action_values)
      residual = improved - (values + gap)
      largest = np.abs(residual).max()
      if largest <= VALUE_TOLERANCE * scale:
        return gap
      # Rounding: the residual has stopped falling at a negligible size.
      if largest <= 1e-10 * scale and largest >= least / 2:
        return gap
      least = min(least, largest)
      gap += self._discounted_sum(policy, kernel, residual)
    raise ArithmeticError(
      f"Policy iteration left a residual of {largest:.1e} after"
      f" {MAX_POLICY_ITERATIONS} iterations."
    )
