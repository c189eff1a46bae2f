"""The infinite-horizon, discounted mean-field MDP, solved exactly.

The model of the paper: the mean field of a policy is the invariant law
(stationary distribution) of its Markov chain, and values are expected
discounted sums. With P^pi the (S, S) transition matrix of a policy,

    V^pi = (I - gamma P^pi)^-1 (r^pi + eta H(pi)),    Q = r + gamma P V,

where H(pi)(s) is the entropy of pi(.|s). This bonus is the regularization of
the paper (whose formula for J has the opposite sign of its PolicyUpdate and of
the TRPO analysis of Shani, Efroni and Mannor (2020), arXiv:1909.02769). Optimal
values come from policy iteration, whose improvement step is the greedy policy,
or softmax(Q / eta).
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import tabular_distribution
import pyspiel
from scipy import sparse

from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.chains import reachability
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.utils import fixed_point
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation
from mftrpo_openspiel.values import evaluation
from mftrpo_openspiel.values import frozen_mdp
from mftrpo_openspiel.values import policy_iteration

# The fixed point mu = law(P_mu^pi) of a kernel that depends on mu.
MEAN_FIELD_TOLERANCE = 1e-13
MAX_MEAN_FIELD_ITERATIONS = 10_000


class StationaryModel(mean_field_model.MeanFieldModel):
  """A `MeanFieldMDP` over an infinite horizon.

  The N states of the interface are the S states of the MDP. The returns in the
  exploitability start from the invariant law of the policy, as in the paper.

  Up to 3,000 states, all linear systems are solved directly, by band LU if
  transitions are close to the diagonal, as on a grid. For more states, values
  are solved for iteratively, and invariant laws by sparse LU or GMRES.
  `invariant_law`, `policy_values`, `optimal_values` and `optimality_gap` return
  results with error bounds. The result of a method depends only on its
  arguments.

  Arrays over states and actions are processed fastest in Fortran order.

  Attributes:
    mdp: The mean-field MDP.
    solver: The method of policy evaluation, with its `name`.
  """

  def __init__(
    self,
    mdp: mdp_lib.MeanFieldMDP,
    game: pyspiel.Game | None = None,
    solver: str | evaluation.EvaluationMethod = "auto",
    laws: long_run_law.LongRunLaws | None = None,
  ):
    """Initializes the model.

    Args:
      mdp: The mean-field MDP.
      game: The OpenSpiel game over `mdp`; created from it if not given.
      solver: The linear solver for values: "dense LU", "band LU", "sparse LU"
        or "BiCGSTAB", or "auto" for the fastest. Band LU is also used for
        invariant laws.
      laws: The solver for invariant laws if band LU is not used; None to select
        one by the number of states.

    Raises:
      ValueError: If the solver is unknown, or is band LU and the kernel depends
        on the mean field.
    """
    if isinstance(mdp, pyspiel.Game):
      raise ValueError(
        "mdp must be a MeanFieldMDP, got a game; "
        + (
          "pass game.mean_field_mdp()."
          if hasattr(mdp, "mean_field_mdp")
          else "it has none, pass the game to CompiledGame instead."
        )
      )
    self.mdp = validation.check_type("mdp", mdp, mdp_lib.MeanFieldMDP)
    self._game = game
    self._kernel_at = memo.Memo(mdp.kernel_at)
    self._transitions_at = memo.Memo(self._find_transitions)
    self._fixed_kernel: transition_kernel.TransitionKernel | None = None
    if mdp.has_fixed_kernel:
      self._fixed_kernel = self._find_transitions(mdp.initial_distribution)
    if isinstance(solver, str):
      solver = evaluation.create_method(
        solver, mdp.num_states, self._fixed_kernel
      )
    self.solver, self._laws = solver, laws or long_run_law.LongRunLaws()
    # How the last results were computed.
    self._values: frozen_mdp.PolicyValues | frozen_mdp.OptimalValues | None
    self._values, self._law_report = None, law_report.Report()
    shape = mdp.num_states, mdp.num_actions
    self.legal_actions_mask = np.ones(shape, bool, order="F")
    self.discounts = np.ones(mdp.num_states)
    # Caches of results that algorithms and exploitabilities request in turn.
    self._own_policy = memo.Memo(self._copied_policy)
    self._law_of = memo.Memo(self._consistent_law)
    self._values_of = memo.Memo(self._evaluate)
    self._rewards_at = memo.Memo(self._find_rewards)
    self._reached = memo.Memo(self._find_reached)

  def __getstate__(self) -> dict[str, Any]:
    """Returns the state for pickle and copy: all but the LU factors."""
    return self.__dict__ | {"_values": None, "_law_report": law_report.Report()}

  @functools.cached_property
  def game(self) -> pyspiel.Game:
    """The MDP as an OpenSpiel game of finite horizon."""
    return self._game or mdp_game.MDPGame(self.mdp)

  @property
  def game_name(self) -> str:
    """The name of the game, or "mean-field MDP" if no game was given."""
    # A game of finite horizon is created only when requested.
    return games.brief_name(self._game) if self._game else "mean-field MDP"

  @property
  def observation_strings(self) -> list[str]:
    """Observation strings of the S states at time 0 of `game`."""
    return mdp_game.decision_strings(self.game, 0)

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
      law = self._cesaro_limit(policy, mean_field, mean_field)
      self._law_report = law.report
      return law.masses
    chain = self._chain(policy, mean_field)
    for _ in range(validation.check_int("num_steps", num_steps, 0)):
      mean_field = mean_field @ chain
    return mean_field

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns the invariant law of `policy` for the start mu_0.

    Raises:
      ArithmeticError: If the kernel depends on the mean field and the iteration
        mu <- law(P_mu^pi) does not converge to a fixed point.
    """
    return self.invariant_law(policy).masses

  def invariant_law(self, policy: np.ndarray) -> law_report.Law:
    """Returns `mean_field` with its error bounds and residual.

    Raises:
      ArithmeticError: As `mean_field`.
    """
    law = self._law_of(self._checked_policy(policy))
    self._law_report = law.report
    return law._replace(masses=law.masses.copy())

  def _cesaro_limit(
    self, policy: np.ndarray, mean_field: np.ndarray, reference: np.ndarray
  ) -> law_report.Law:
    """Returns the Cesaro limit of reference (P_mu^pi)^M."""
    if isinstance(self.solver, evaluation.BandLU):
      return self.solver.chains.cesaro_limit(policy, reference)
    chain = self._chain(policy, mean_field)
    return self._laws.cesaro_limit(chain, reference)

  def _consistent_law(self, policy: np.ndarray) -> law_report.Law:
    """Computes `invariant_law`, which is cached."""
    law = reference = self.mdp.initial_distribution
    if self.mdp.has_fixed_kernel:
      return self._cesaro_limit(policy, law, reference)
    reports: list[law_report.Report] = []

    def long_run_law(law: np.ndarray) -> np.ndarray:
      masses, report = self._cesaro_limit(policy, law, reference)
      reports.append(report)
      return masses

    law, last_step = fixed_point.find(
      long_run_law, law, MEAN_FIELD_TOLERANCE, MAX_MEAN_FIELD_ITERATIONS
    )
    if not last_step <= MEAN_FIELD_TOLERANCE:
      raise ArithmeticError(
        "No mean field consistent with the policy was found in"
        f" {MAX_MEAN_FIELD_ITERATIONS} iterations; the last step was"
        f" {last_step:.1e}."
      )
    residual = float(np.abs(law @ self._chain(policy, law) - law).sum())
    report = law_report.Report(
      reports[-1].methods, math.inf, math.inf, residual
    )
    return law_report.Law(law, report)

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (S, A): Q_mu^pi."""
    if bonus is None:
      values = self.policy_values(policy, mean_field, regularization)
      return values.action_values.copy(order="K")
    regularization = self._checked_regularization(regularization)
    policy, mean_field = self._checked(policy, mean_field)
    bonus = validation.check_finite("bonus", bonus, self.mdp.num_states)
    mdp = self._frozen(mean_field, regularization)
    paid = dataclasses.replace(mdp, rewards=mdp.rewards + bonus[:, None])
    self._values = values = self.solver.evaluate(paid, policy)
    return values.action_values - bonus[:, None]

  def policy_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
  ) -> frozen_mdp.PolicyValues:
    """Returns V_mu^pi, (S,), and Q_mu^pi, with a bound on their errors."""
    regularization = self._checked_regularization(regularization)
    policy, mean_field = self._checked(policy, mean_field)
    self._values = values = self._values_of(policy, mean_field, regularization)
    return values

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns (S, A): the maximum over policies of Q_mu^pi."""
    return self.optimal_values(mean_field, regularization, start).action_values

  def optimal_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> frozen_mdp.OptimalValues:
    """Returns V*_mu, (S,), and Q*_mu, with a bound on their errors.

    The arguments are those of `optimal_action_values`.
    """
    regularization = self._checked_regularization(regularization)
    mdp = self._frozen(self._checked_mean_field(mean_field), regularization)
    if start is not None:
      start = self._checked_policy(start)
    values = policy_iteration.optimal_values(self.solver, mdp, start)
    self._values = values
    return values

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns max_pi' J(pi', mu^pi, mu^pi) - J(pi, mu^pi, mu^pi).

    If values are not computed by LU, it is an upper bound under the law that
    `mean_field` returns: a bound on the error is added to the computed value,
    so the result is too large by at most twice this bound.
    """
    law, gap = self._law_and_gap(policy, regularization)
    gain = float(law @ gap.values)
    return gain if self.solver.is_direct else gain + gap.error_bound

  def optimality_gap(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> frozen_mdp.OptimalValues:
    """Returns V* - V^pi under mu^pi, (S,), with a bound on its error.

    It is the gain of the best response in each state; `exploitability` is its
    mean under mu^pi.
    """
    return self._law_and_gap(policy, regularization)[1]

  def best_deviation(
    self, policy: np.ndarray, rewards: np.ndarray
  ) -> mean_field_model.Deviation:
    """Returns the best deviation from `policy`, from its invariant law.

    Args:
      policy: (S, A), the policy of all other players.
      rewards: (S, A), the reward of each action in each state at all times,
        which replaces the MDP's reward under the mean field of the policy.
    """
    policy = self._checked_policy(policy)
    law, values = self._paid(policy, policy, rewards)
    gap = policy_iteration.optimality_gap(self.solver, values)
    return mean_field_model.Deviation(
      float(law @ values.values),
      float(law @ gap.values),
      tabular_policies.greedy_policy(gap.action_values),
      0.0 if self.solver.is_direct else gap.error_bound,
    )

  def deviation_value(
    self, policy: np.ndarray, deviation: np.ndarray, rewards: np.ndarray
  ) -> float:
    """Returns the return of a player with `deviation` if others use `policy`.

    The player starts from the invariant law of `policy`. Both policies are
    (S, A), and so are the rewards of each action in each state.
    """
    policy = self._checked_policy(policy)
    deviation = validation.check_policy(deviation, self.legal_actions_mask)
    law, values = self._paid(policy, deviation, rewards)
    return float(law @ values.values)

  def _paid(
    self, policy: np.ndarray, own: np.ndarray, rewards: np.ndarray
  ) -> tuple[np.ndarray, frozen_mdp.PolicyValues]:
    """Returns mu^pi, and the values of the policy `own` for given rewards."""
    law = self._law_of(policy).masses
    mdp = frozen_mdp.FrozenMDP(
      self._transitions(law), np.asfortranarray(rewards), self.mdp.discount
    )
    return law, self.solver.evaluate(mdp, own)

  def _law_and_gap(
    self, policy: np.ndarray, regularization: float
  ) -> tuple[np.ndarray, frozen_mdp.OptimalValues]:
    """Returns mu^pi, (S,), not to be modified, and the `optimality_gap`."""
    regularization = self._checked_regularization(regularization)
    policy = self._checked_policy(policy)
    law = self._law_of(policy)
    values = self._values_of(policy, law.masses, regularization)
    gap = policy_iteration.optimality_gap(self.solver, values)
    self._values, self._law_report = gap, law.report
    return law.masses, gap

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (S,) of bool: the support of sum_t gamma^t start P^t."""
    policy, mean_field = self._checked(policy, mean_field)
    start = validation.check_masses("start", start, self.mdp.num_states)
    if not self.mdp.discount or (start > 0).all():
      return start > 0
    if not self.mdp.has_fixed_kernel:
      return reachability.reached(self._chain(policy, mean_field), start > 0)
    return self._reached(policy > 0, start > 0).copy()

  def _find_reached(
    self, is_played: np.ndarray, is_start: np.ndarray
  ) -> np.ndarray:
    """Computes `reachable` from the actions of positive probability."""
    chain = self._chain(is_played.astype(np.float64), is_start)
    return reachability.reached(chain, is_start)

  def accuracy(self) -> str:
    """Describes how the last values and invariant law were computed."""
    values, words = self._values, "none yet"
    if values is not None:
      bound = law_report.rounded_up(values.error_bound)
      words = f"error at most {bound}"
      if not self.solver.is_direct:
        words += ", which exploitabilities include"
    return f"Values by {self.solver.name}, {words}; {self._law_report}."

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns the policy that uses `policy` at every time step."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    return policies.StationaryPolicy(self.game, policy)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (S, A) array of `policy` at time 0.

    Raises:
      ValueError: If the policy differs at time 1.
    """
    game = mdp_game.MDPGame(self.mdp, horizon=2)
    first, second = (
      policies.policy_array(
        policy,
        mdp_game.decision_states(game, t),
        self.legal_actions_mask.shape,
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
    """Returns the distribution with `mean_field` at every time step."""
    return super().to_distribution(self._checked_mean_field(mean_field))

  def _node_rows(self) -> dict[str, int]:
    """Maps the string of each node to the index of the state with its mass."""
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
    return self._own_policy(validation.check_numbers("policy", policy))

  def _copied_policy(self, policy: np.ndarray) -> np.ndarray:
    """Returns a checked copy of the policy, which callers cannot modify."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    return np.array(policy, order="F")

  def _checked_mean_field(self, mean_field: np.ndarray) -> np.ndarray:
    return validation.check_distribution(
      "mean_field", mean_field, self.mdp.num_states
    )

  def _checked(self, policy, mean_field) -> tuple[np.ndarray, np.ndarray]:
    return self._checked_policy(policy), self._checked_mean_field(mean_field)

  def _transitions(
    self, mean_field: np.ndarray
  ) -> transition_kernel.TransitionKernel:
    """Returns P_mu."""
    if self._fixed_kernel is not None:
      return self._fixed_kernel
    return self._transitions_at(mean_field)

  def _find_transitions(
    self, mean_field: np.ndarray
  ) -> transition_kernel.TransitionKernel:
    return transition_kernel.TransitionKernel(
      self._kernel_at(mean_field), self.mdp.num_actions
    )

  def _chain(
    self, policy: np.ndarray, mean_field: np.ndarray
  ) -> sparse.csr_array:
    """Returns P_mu^pi, (S, S), in canonical form."""
    if self._fixed_kernel is not None:
      return self._fixed_kernel.chain(policy)
    # Usually this is the only chain of the kernel, so nothing is precomputed.
    mixture = state_action_rows.mixture(policy)
    chain = mixture @ self._kernel_at(mean_field)
    chain.sum_duplicates()
    return chain

  def _find_rewards(self, mean_field: np.ndarray) -> np.ndarray:
    return np.asfortranarray(self.mdp.reward_at(mean_field))

  def _frozen(
    self, mean_field: np.ndarray, regularization: float
  ) -> frozen_mdp.FrozenMDP:
    """Returns the MDP of a single player under a fixed mean field."""
    return frozen_mdp.FrozenMDP(
      self._transitions(mean_field),
      self._rewards_at(mean_field),
      self.mdp.discount,
      regularization,
    )

  def _evaluate(
    self, policy: np.ndarray, mean_field: np.ndarray, regularization: float
  ) -> frozen_mdp.PolicyValues:
    mdp = self._frozen(mean_field, regularization)
    return self.solver.evaluate(mdp, policy)
