"""Mean-Field Trust Region Policy Optimization (MF-TRPO).

Algorithms 1 and 2 of Ocello, Mancini, Labbi, Tiapkin, Belouchrani and Moulines,
"Mean-Field Multi-Agent Learning: A Trust Region Approach". An iteration

1. improves the policy under the frozen mean field mu with L steps of exact TRPO
   with entropic regularization eta (TRPO(mu), Algorithm 1),

       pi_{l+1} ~ pi_l exp((Q_mu^{pi_l} - eta log pi_l) / (eta (l + 2))),

2. moves the mean field towards where the policy leads it (Algorithm 2),

       mu <- mu + beta (mu (P_mu^pi)^M - mu).

As printed, TRPO starts from the uniform policy in every iteration. Its steps
then telescope: pi_L = softmax(sum_{l<L} Q_l / (eta (L + 1))), whose exponent is
smaller than that of the regularized optimum softmax(Q / eta) by a factor 1 + 1
/ L. So L sets a floor of the regularized exploitability, about 1 / (L + 1)^2.
With `warm_start` TRPO continues from the policy of the previous iteration, and
there is no floor.

With warm start, L = 1, `max_step_count` 0, beta = 1 and the limit of many
population steps, this is `mirror_descent.MirrorDescent` with lr = 1 / (2 eta)
and regularization = eta, if both start from the same mean field. (There are two
differences in games of finite horizon: the steps at time t of a discounted game
are larger here by 1 / gamma^t; and states that no play reaches keep their
policy.)

The paper specifies neither L nor M; docs/mf_trpo_parameters.md has the study
from which their defaults come. The annealed method, which is not in the paper,
is in annealed_mf_trpo.py.
"""

import dataclasses

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.algorithms import population_update_rate as rate_lib
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# Not specified in the paper; see docs/mf_trpo_parameters.md.
DEFAULT_POLICY_UPDATES = 10
# One of the two values in the paper.
DEFAULT_REGULARIZATION = 0.05


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of MF-TRPO.

  Attributes:
    logits: (N, A), of which the policy is the softmax.
    step_count: Step counter l of the next step of a warm start.
    rate: Provides beta of the next iteration.
  """

  logits: np.ndarray
  step_count: int
  rate: rate_lib.PopulationUpdateRate


class TrustRegionAlgorithm(algorithm.ArrayAlgorithm[algorithm.StateT]):
  """Base class for the parts that Algorithms 1 and 2 share with variants.

  It moves the mean field, and restricts policy updates to reached states. The
  arguments are those of `MFTRPO`, and are checked here.
  """

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    num_population_steps: int | None,
    restart_distribution: np.ndarray | None,
  ):
    if num_population_steps is not None:
      validation.check_int("num_population_steps", num_population_steps, 1)
    self._num_population_steps = num_population_steps
    super().__init__(game)
    if restart_distribution is not None:
      mean_field = self.model.initial_mean_field()
      restart_distribution = validation.check_distribution(
        "restart_distribution",
        restart_distribution,
        mean_field.size,
        mean_field.sum(),
      )
    self._restart = restart_distribution

  def _move(self, policy: np.ndarray, mean_field: np.ndarray) -> np.ndarray:
    """Returns mu (P_mu^pi)^M - mu, (N,)."""
    moved = self.model.propagate(policy, mean_field, self._num_population_steps)
    return moved - mean_field

  def _where_reached(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    stepped: np.ndarray,
    logits: np.ndarray,
  ) -> np.ndarray:
    """Returns `stepped` in the states of positive d_{nu,mu}^pi, else `logits`.

    Algorithm 1 updates the policy only in these states. `stepped` and `logits`
    are the logits after and before a step, (N, A).
    """
    start = mean_field if self._restart is None else self._restart
    visited = self.model.reachable(policy, mean_field, start)
    return np.where(visited[:, None], stepped, logits)


class MFTRPO(TrustRegionAlgorithm[State]):
  """MF-TRPO with exact action values.

  After an iteration, `policy` is pi_k and `mean_field` is mu_k of Algorithm 2.
  """

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    regularization: float = DEFAULT_REGULARIZATION,
    num_policy_updates: int | None = None,
    num_population_steps: int | None = None,
    population_update_rate: float
    | rate_lib.Schedule
    | str = rate_lib.DEFAULT_RATE,
    warm_start: bool = False,
    max_step_count: int | None = None,
    restart_distribution: np.ndarray | None = None,
  ):
    """Initializes MF-TRPO.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      regularization: eta > 0, the weight of the entropy bonus.
      num_policy_updates: L, number of TRPO steps per iteration. The paper does
        not specify it; None is DEFAULT_POLICY_UPDATES, or 1 with a warm start.
      num_population_steps: M, number of population steps per iteration; None is
        the limit of many. The paper does not specify it either.
      population_update_rate: beta in (0, 1]; or a function from the iteration
        number 1, 2, ... to beta; or "auto" for an adaptive rate, see
        population_update_rate.py.
      warm_start: Whether TRPO continues from the previous policy.
      max_step_count: Bound on the step counter l of a warm start, whose step
        sizes are 1 / (eta (min(l, max_step_count) + 2)); None is 0. Counting
        without a bound, as within one call of TRPO, would average over all past
        mean fields.
      restart_distribution: nu, (N,): policies are updated in the states that
        are reached from its support. None is the mean field itself.

    Raises:
      ValueError: If a parameter is out of range, or `max_step_count` is given
        without a warm start.
    """
    self._warm_start = validation.check_type("warm_start", warm_start, bool)
    if max_step_count is not None and not warm_start:
      raise ValueError(
        "max_step_count must not be given without warm_start, got"
        f" {max_step_count!r}."
      )
    self._max_step_count = validation.check_int(
      "max_step_count", 0 if max_step_count is None else max_step_count, 0
    )
    self._regularization = validation.check_real(
      "regularization", regularization, 0, low_open=True
    )
    if num_policy_updates is None:
      num_policy_updates = 1 if warm_start else DEFAULT_POLICY_UPDATES
    self._num_policy_updates = validation.check_int(
      "num_policy_updates", num_policy_updates, 1
    )
    rate_lib.check(population_update_rate)
    super().__init__(game, num_population_steps, restart_distribution)
    self._weighted_regularization = (
      self._regularization * self.model.discounts[:, None]
    )
    self._learning_rate = mirror_steps.inverse(self._weighted_regularization)
    mean_field = self.model.initial_mean_field()
    logits = mirror_steps.uniform_logits(self.model.legal_actions_mask)
    self._state = self._first_state = State(
      policy=softmax.softmax(logits),
      mean_field=mean_field,
      logits=logits,
      step_count=0,
      rate=rate_lib.create(population_update_rate, mean_field.size),
    )

  def _next_state(self, state: State) -> State:
    """Algorithm 2: improves the policy, then moves the mean field."""
    logits, policy, step_count = self._trpo(state)
    move = self._move(policy, state.mean_field)
    iteration = state.iteration + 1
    beta, rate = state.rate.next(iteration, move, state.mean_field)
    return State(
      policy=policy,
      mean_field=state.mean_field + beta * move,
      iteration=iteration,
      logits=logits,
      step_count=step_count,
      rate=rate,
    )

  def _trpo(self, state: State) -> tuple[np.ndarray, np.ndarray, int]:
    """Algorithm 1: returns the logits, the policy and l after L steps."""
    mean_field = state.mean_field
    first = state if self._warm_start else self._first_state
    logits, policy, step_count = first.logits, first.policy, first.step_count
    for _ in range(self._num_policy_updates):
      action_values = self.model.action_values(
        policy, mean_field, self._regularization, self._restart
      )
      stepped = mirror_steps.mirror_step(
        logits,
        action_values,
        self._learning_rate / (step_count + 2),
        self._weighted_regularization,
      )
      logits = self._where_reached(policy, mean_field, stepped, logits)
      policy = softmax.softmax(logits)
      step_count += 1
      if self._warm_start:
        step_count = min(step_count, self._max_step_count)
    return logits, policy, step_count
