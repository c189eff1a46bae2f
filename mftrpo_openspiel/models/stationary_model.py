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
import math

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import tabular_distribution
import pyspiel
from scipy import sparse

from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import markov_chain
from mftrpo_openspiel.chains import policy_kernel
from mftrpo_openspiel.chains import reachability
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import validation
from mftrpo_openspiel.values import decision_problem
from mftrpo_openspiel.values import discounted_values

# The fixed point mu = law(P_mu^pi) of a kernel that depends on mu.
MEAN_FIELD_TOLERANCE = 1e-13
MAX_MEAN_FIELD_ITERATIONS = 10_000


class StationaryModel(mean_field_model.MeanFieldModel):
  """A `MeanFieldMDP` over an infinite horizon.

  The N states of the interface are the S states of the MDP. Exploitability is
  taken from the invariant law of the policy itself, as in the paper.

  Up to 3,000 states all is solved directly: by band LU where transitions lie
  near a diagonal, as on a grid. Beyond, values are solved for iteratively, with
  a bound of their error, and invariant laws by sparse LU or GMRES. Each law has
  a bound of its error. What a method returns depends on its arguments alone.

  Attributes:
    mdp: What is played.
    value_solver: Has the `method` that values are computed by, and an
      `error_bound` of the last values, or of the last exploitability; None
      before there are any.
    law_report: How the last invariant law that was asked for was computed, and
      what is proven of its error.
  """

  def __init__(
    self,
    mdp: mdp_lib.MeanFieldMDP,
    game: pyspiel.Game | None = None,
    solver: str = "auto",
  ):
    """Initializes the model.

    Args:
      mdp: What is played.
      game: The OpenSpiel game over `mdp`; made from it if not given.
      solver: How values are solved for: "dense LU", "band LU", "sparse LU" or
        "BiCGSTAB", or "auto" for the fastest. Band LU solves for laws, too.

    Raises:
      ValueError: If there is no such solver, or it is band LU and the kernel
        depends on the mean field.
    """
    self.mdp = validation.check_type("mdp", mdp, mdp_lib.MeanFieldMDP)
    self._game = game
    self.value_solver = discounted_values.create_solver(mdp, solver)
    self._chains = self.value_solver.chains
    self.law_report = law_report.Report()
    # With few actions and a band, numpy had better work along the states.
    self._order = "C" if self._chains is None else "F"
    shape = mdp.num_states, mdp.num_actions
    self.legal_actions_mask = np.ones(shape, bool, order=self._order)
    self.discounts = np.ones(mdp.num_states)
    # What algorithms and exploitabilities ask for one after the other.
    self._policies = memo.Memo(self._own_policy)
    self._laws = memo.Memo(self._consistent_law)
    self._values = memo.Memo(self._policy_values)
    self._rewards = memo.Memo(self._rewards_at)
    self._reached = memo.Memo(self._find_reached)

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

  @functools.cached_property
  def _kernel_by_action(self) -> sparse.csr_array:
    """The kernel with row a * S + s for action a in state s."""
    rows = np.arange(self.mdp.kernel.shape[0]).reshape(-1, self.mdp.num_actions)
    return self.mdp.kernel[rows.T.ravel()]

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
    if num_steps is None:
      law, self.law_report = self._cesaro_limit(policy, mean_field, mean_field)
      return law
    chain = self._chain(policy, mean_field)
    for _ in range(validation.check_int("num_steps", num_steps, 0)):
      mean_field = mean_field @ chain
    return mean_field

  def _cesaro_limit(
    self, policy: np.ndarray, mean_field: np.ndarray, reference: np.ndarray
  ) -> tuple[np.ndarray, law_report.Report]:
    """Returns the Cesaro limit of reference (P_mu^pi)^M, and how well."""
    if self._chains is not None:
      return self._chains.cesaro_limit(self._chains.chain(policy), reference)
    chain = self._chain(policy, mean_field)
    return markov_chain.cesaro_limit(chain, reference)

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns the invariant law of `policy` that mu_0 leads to.

    Raises:
      ArithmeticError: If the kernel depends on the mean field and iterating
        mu <- law(P_mu^pi) finds no fixed point.
    """
    law, self.law_report = self._laws(self._checked_policy(policy))
    return law.copy()

  def _consistent_law(
    self, policy: np.ndarray
  ) -> tuple[np.ndarray, law_report.Report]:
    """Returns `mean_field` by computation, and how well it is known."""
    law = reference = self.mdp.initial_distribution
    if self.mdp.has_fixed_kernel:
      return self._cesaro_limit(policy, law, reference)
    for _ in range(MAX_MEAN_FIELD_ITERATIONS):
      next_law, report = self._cesaro_limit(policy, law, reference)
      step = next_law - law
      # Half a step keeps the iteration from swinging between two laws.
      law = law + step / 2
      if np.abs(step).sum() <= MEAN_FIELD_TOLERANCE:
        residual = law @ self._chain(policy, law) - law
        return law, law_report.Report(
          report.methods, math.inf, math.inf, float(np.abs(residual).sum())
        )
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
    regularization = self._checked_regularization(regularization)
    policy, mean_field = self._checked(policy, mean_field)
    values = self._values(policy, mean_field, regularization)
    self.value_solver.last = values
    return values.action_values.copy(order="K")

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (S, A): the maximum over policies of Q_mu^pi."""
    regularization = self._checked_regularization(regularization)
    mean_field = self._checked_mean_field(mean_field)
    problem = self._problem(mean_field, regularization)
    return problem.backup(self.value_solver.optimal_values(problem))

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns max_pi' J(pi', mu^pi, mu^pi) - J(pi, mu^pi, mu^pi).

    Where values are not solved by LU, it is a bound from above under the law
    that `mean_field` gives: a bound of the error is added, and so it is too
    large by twice that at most.
    """
    law, gaps = self._optimality_gaps(policy, regularization)
    gain = float(law @ gaps.gaps)
    return gain if self.value_solver.is_direct else gain + gaps.error_bound

  def _optimality_gaps(
    self, policy: np.ndarray, regularization: float
  ) -> tuple[np.ndarray, decision_problem.Gaps]:
    """Returns mu^pi, (S,), not to be written to, and V* - V^pi under it."""
    regularization = self._checked_regularization(regularization)
    policy = self._checked_policy(policy)
    law, self.law_report = self._laws(policy)
    values = self._values(policy, law, regularization)
    return law, self.value_solver.optimality_gaps(values)

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (S,) of bool: where the chain can get to from `start`.

    The support of sum_t gamma^t start P^t, which is that of `start` if gamma
    is 0.
    """
    policy, mean_field = self._checked(policy, mean_field)
    start = validation.check_masses("start", start, self.mdp.num_states)
    if not self.mdp.discount:
      return start > 0
    if not self.mdp.has_fixed_kernel:
      return reachability.reached(self._chain(policy, mean_field), start > 0)
    return self._reached(policy > 0, start > 0).copy()

  def _find_reached(
    self, is_played: np.ndarray, is_start: np.ndarray
  ) -> np.ndarray:
    """Returns `reachable` by the actions that are played."""
    chain = self._fixed_kernel.chain(is_played.astype(np.float64))
    return reachability.reached(chain, is_start)

  def accuracy(self) -> str:
    """Returns how the last values and invariant law were computed, in words."""
    bound = self.value_solver.error_bound
    values = "none yet"
    if bound is not None:
      values = f"error at most {law_report.rounded_up(bound)}"
      if not self.value_solver.is_direct:
        values += ", which exploitabilities include"
    return (
      f"Values by {self.value_solver.method.value}, {values};"
      f" {self.law_report}."
    )

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

  def _checked_regularization(self, regularization: float) -> float:
    return validation.check_real("regularization", regularization, 0)

  def _checked_policy(self, policy: np.ndarray) -> np.ndarray:
    return self._policies(validation.check_numbers("policy", policy))

  def _own_policy(self, policy: np.ndarray) -> np.ndarray:
    """Returns a copy of the policy, which callers cannot change, checked."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    return np.array(policy, order=self._order)

  def _checked_mean_field(self, mean_field: np.ndarray) -> np.ndarray:
    return validation.check_distribution(
      "mean_field", mean_field, self.mdp.num_states
    )

  def _checked(self, policy, mean_field) -> tuple[np.ndarray, np.ndarray]:
    return self._checked_policy(policy), self._checked_mean_field(mean_field)

  def _mixer(self, kernel: sparse.csr_array) -> policy_kernel.PolicyKernel:
    if self.mdp.has_fixed_kernel:
      return self._fixed_kernel
    return policy_kernel.PolicyKernel(kernel, self.mdp.num_actions)

  def _chain(
    self, policy: np.ndarray, mean_field: np.ndarray
  ) -> sparse.csr_array:
    """Returns P_mu^pi, (S, S), in canonical form."""
    return self._mixer(self.mdp.kernel_at(mean_field)).chain(policy)

  def _rewards_at(self, mean_field: np.ndarray) -> np.ndarray:
    return np.asarray(self.mdp.reward_at(mean_field), order=self._order)

  def _problem(
    self, mean_field: np.ndarray, regularization: float
  ) -> decision_problem.Problem:
    kernel = self.mdp.kernel_at(mean_field)
    return decision_problem.Problem(
      kernel=kernel if self._chains is None else self._kernel_by_action,
      mixer=self._mixer(kernel),
      rewards=self._rewards(mean_field),
      discount=self.mdp.discount,
      regularization=regularization,
      order=self._order,
    )

  def _policy_values(
    self, policy: np.ndarray, mean_field: np.ndarray, regularization: float
  ) -> decision_problem.Values:
    """Returns V_mu^pi."""
    problem = self._problem(mean_field, regularization)
    return self.value_solver.policy_values(problem, policy)
