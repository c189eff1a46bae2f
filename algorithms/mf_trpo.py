"""Mean-Field Trust Region Policy Optimization (MF-TRPO).

Algorithms 1 and 2 of Ocello, Mancini, Labbi, Tiapkin, Belouchrani and Moulines,
"Mean-Field Multi-Agent Learning: A Trust Region Approach". An iteration

1. improves the policy under the frozen mean field mu with L steps of exact TRPO
   with entropic regularization eta (TRPO(mu), Algorithm 1),

       pi_{l+1} ~ pi_l exp((Q_mu^{pi_l} - eta log pi_l) / (eta (l + 2))),

2. moves the mean field towards where the policy leads it (Algorithm 2),

       mu <- mu + beta (mu (P_mu^pi)^M - mu).

As printed, TRPO starts from the uniform policy in every iteration. Its steps
then telescope: pi_L = softmax(sum_{l<L} Q_l / (eta (L + 1))), which is short of
the regularized optimum softmax(Q / eta) by a factor 1 + 1 / L. So L sets a
floor of the regularized exploitability, about 1 / (L + 1)^2. With `warm_start`
TRPO goes on from the policy of the previous iteration and the floor vanishes.

The steps are taken on logits: log pi is never computed from a tiny pi. With
`annealing` eta and beta go to 0, and with them the bias: see annealing.py.

The paper gives neither L nor M. Ours, `DEFAULT_POLICY_UPDATES` and the limit of
many population steps, come from this study (stationary model, beta = 0.01):

* Floor of phi_eta on the two islands with eta 0.05 / 0.3, and time:
      L =   1    6.3e-3 / 3.7e-3      1
      L =   5    4.7e-4 / 3.2e-4      2.3
      L =  10    1.3e-4 / 9.1e-5      4
      L =  20    3.4e-5 / 2.4e-5      8
      L =  50    5.6e-6 / 4.0e-6     19
* phi_eta with eta 0.05 and warm start. In four rooms the crowd starts in one
  corner, and few steps at a time do not get it across in 5,000 iterations:
                two islands, 1,000    four rooms, 5,000 iterations
      M =   1         7.6e-1               -
      M =  10         2.4e-4               2.6e+1
      M = 100         1.0e-10              5.4e-1
      limit           9.6e-11              below 1e-15 (from 1,000 on)
* With warm start, eta 0.05, beta 0.03 and max_step_count 10, phi_eta falls
  below 1e-6 within 400 iterations on all mean-field games of OpenSpiel whose
  moves do not depend on the mean field (`mftrpo-benchmark --games=all`). With
  max_step_count 0 and beta 0.1 it was at 650 after 772 iterations on
  OpenSpiel's four rooms.

* Where a crowd is driven round these settings do not settle: in rock, paper,
  scissors with a small aversion to crowds phi_eta stays above 1 with beta 0.03
  and max_step_count 10, and goes to 0 with beta 0.003 and max_step_count 0.

The rate "auto" is that of adaptive_rate.py; there it falls until moves of the
mean field get smaller.
"""

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import adaptive_rate
from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import annealing as annealing_lib
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

Schedule = Callable[[int], float]

# Not from the paper; see the study above.
DEFAULT_POLICY_UPDATES = 10
# Of the paper's settings.
DEFAULT_REGULARIZATION = 0.05
DEFAULT_POPULATION_UPDATE_RATE = 0.01


class MFTRPO(algorithm.MeanFieldAlgorithm):
  """MF-TRPO with exact action values.

  After an iteration, `policy` is pi_k and `mean_field` is mu_k of Algorithm 2.
  """

  _STATE = ("policy", "mean_field", "_logits", "_step_count", "_iterations")

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    regularization: float | None = None,
    num_policy_updates: int | None = None,
    num_population_steps: int | None = None,
    population_update_rate: float | Schedule | str | None = None,
    warm_start: bool = False,
    max_step_count: int | None = None,
    restart_distribution: np.ndarray | None = None,
    *,
    annealing: annealing_lib.Annealing | bool = False,
    model: str = "compiled",
    root_state: pyspiel.State | None = None,
  ):
    """Initializes MF-TRPO.

    Args:
      model_or_game: What to solve.
      regularization: eta > 0, the weight of the entropy bonus; None is
        DEFAULT_REGULARIZATION.
      num_policy_updates: L, TRPO steps in an iteration. The paper does not
        give it; None is DEFAULT_POLICY_UPDATES, or 1 with warm start.
      num_population_steps: M, moves of the population in an iteration; None is
        the limit of many. The paper does not give it either.
      population_update_rate: beta in (0, 1]; or a function from the iteration
        number 1, 2, ... to it; or "auto" for one that finds itself. None is
        DEFAULT_POPULATION_UPDATE_RATE.
      warm_start: Whether TRPO goes on from the previous policy.
      max_step_count: Bound on the step counter l of a warm start, whose steps
        are 1 / (eta (min(l, max_step_count) + 2)); None is 0. Counting without
        bound, as within one call of TRPO, would average over all past mean
        fields.
      restart_distribution: nu, (N,): policies are updated in the states that
        are reached from its support. None is the mean field itself.
      annealing: Whether, and how, eta and beta go to 0. It sets eta, L, beta
        and the step counter itself.
      model: See `MeanFieldAlgorithm`.
      root_state: See `MeanFieldAlgorithm`.

    Raises:
      ValueError: If a parameter is out of range, or given though annealing
        sets it, or without the warm start that it is for.
    """
    validation.check_type("annealing", annealing, bool, annealing_lib.Annealing)
    validation.check_type("warm_start", warm_start, bool)
    if annealing is True:
      annealing = annealing_lib.Annealing()
    if annealing:
      given = {
        "regularization": regularization is not None,
        "num_policy_updates": num_policy_updates is not None,
        "population_update_rate": population_update_rate is not None,
        "warm_start": warm_start,
        "max_step_count": max_step_count is not None,
      }
      for name, is_given in given.items():
        if is_given:
          raise ValueError(f"{name} must not be given with annealing.")
      warm_start = True
      self._STATE += ("_rate",)
    if max_step_count is None:
      max_step_count = 0
    elif not warm_start:
      raise ValueError(
        "max_step_count must not be given without warm_start, got"
        f" {max_step_count!r}."
      )
    self._annealing = annealing or None
    if regularization is None:
      regularization = DEFAULT_REGULARIZATION
    self._regularization = validation.check_real(
      "regularization", regularization, 0, low_open=True
    )
    # The weight of the entropy relative to the uniform policy.
    self._entropy_weight = 0.0 if annealing else self._regularization
    if num_policy_updates is None:
      num_policy_updates = 1 if warm_start else DEFAULT_POLICY_UPDATES
    self._num_policy_updates = validation.check_int(
      "num_policy_updates", num_policy_updates, 1
    )
    if num_population_steps is not None:
      validation.check_int("num_population_steps", num_population_steps, 1)
    self._num_population_steps = num_population_steps
    if population_update_rate is None:
      population_update_rate = DEFAULT_POPULATION_UPDATE_RATE
    self._is_auto = population_update_rate == "auto"
    if not self._is_auto and not callable(population_update_rate):
      _check_rate(population_update_rate)
    self._rate = population_update_rate
    self._warm_start = warm_start
    self._max_step_count = validation.check_int(
      "max_step_count", max_step_count, 0
    )
    super().__init__(model_or_game, model=model, root_state=root_state)
    self.mean_field = self.model.initial_mean_field()
    if restart_distribution is not None:
      restart_distribution = validation.check_distribution(
        "restart_distribution",
        restart_distribution,
        self.mean_field.size,
        total=self.mean_field.sum(),
      )
    self._restart = restart_distribution
    self._logits = softmax.zero_logits(self.model.legal_actions_mask)
    self._step_count = 0
    self._iterations = 0
    self.policy = softmax.softmax(self._logits)
    # What sets eta and beta, if they are not given.
    self._controller: annealing_lib.Annealer | adaptive_rate.AdaptiveRate | None
    self._controller = None
    if annealing:
      self._controller = annealing_lib.Annealer(annealing, self._logits)
    elif self._is_auto:
      self._controller = adaptive_rate.AdaptiveRate(self.mean_field.size)

  def iteration(self) -> None:
    """Improves the policy, then moves the mean field."""
    self._iterations += 1
    if not self._warm_start:
      self._logits = softmax.zero_logits(self.model.legal_actions_mask)
      self.policy = softmax.softmax(self._logits)
      self._step_count = 0
    for _ in range(self._num_policy_updates):
      action_values = self.model.action_values(
        self.policy, self.mean_field, self._entropy_weight
      )
      if self._annealing:
        action_values = self._anneal(action_values)
        if action_values is None:
          break
      self._update_policy(action_values)
      self._step_count += 1
      if self._warm_start:
        self._step_count = min(self._step_count, self._max_step_count)
    moved = self.model.propagate(
      self.policy, self.mean_field, self._num_population_steps
    )
    move = moved - self.mean_field
    if self._is_auto:
      self._rate = self._controller.adapt(move, self.mean_field.sum())
    rate = self._rate
    if callable(rate):
      rate = _check_rate(rate(self._iterations))
    self.mean_field = self.mean_field + rate * move

  def state(self) -> dict[str, np.ndarray]:
    """Returns all that later iterations depend on; not to be written to."""
    state = super().state()
    for name in self._controlled():
      state[name] = np.asarray(getattr(self._controller, name))
    return state

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was.

    Raises:
      ValueError: If it is not the state of such an algorithm on such a model.
    """
    super().restore(state)
    for name in self._controlled():
      array = state[name]
      setattr(self._controller, name, array if array.ndim else array.item())

  def _controlled(self) -> tuple[str, ...]:
    return () if self._controller is None else self._controller.STATE

  def _update_policy(self, action_values: np.ndarray) -> None:
    """One step of Algorithm 1, lines 3 to 11.

    PolicyUpdate is a mirror step with learning rate 1 / (eta (l + 2)).
    """
    # The action values at time t carry gamma^t, and so does their entropy.
    discounts = self.model.discounts[:, None]
    regularization = self._regularization * discounts
    # Where the discount is 0 there is nothing to gain.
    rate = np.divide(
      1.0,
      regularization,
      out=np.zeros_like(regularization),
      where=regularization >= np.finfo(np.float64).tiny,
    )
    logits = softmax.mirror_step(
      self._logits,
      action_values,
      rate / (self._step_count + 2),
      self._entropy_weight * discounts,
    )
    if self._annealing:
      logits = np.where(
        self.model.legal_actions_mask,
        np.maximum(logits, annealing_lib.LEAST_LOGIT),
        -np.inf,
      )
    start = self.mean_field if self._restart is None else self._restart
    if not (start > 0).all():
      visited = self.model.reachable(self.policy, self.mean_field, start)
      logits = np.where(visited[:, None], logits, self._logits)
    self._logits = logits
    self.policy = softmax.softmax(logits)

  def _anneal(self, action_values: np.ndarray) -> np.ndarray | None:
    """Sets eta and beta of this iteration.

    Returns:
      (N, A), the action values to improve the policy by; None if it is not to
      be improved further.
    """
    gain = annealing_lib.gain(self.policy, self.mean_field, action_values)
    if not gain:
      return None
    annealer = self._controller
    if not annealer.is_optimistic:
      self._regularization, self._rate = annealer.rates(
        gain, self._logits, action_values
      )
      if not annealer.is_optimistic:
        return action_values
      self._logits = annealer.best_logits
      self.policy = softmax.softmax(self._logits)
      self._rate = 1.0
      return None
    step_size, action_values = annealer.optimistic(
      self._logits,
      self.policy,
      self.mean_field,
      action_values,
      self.model.discounts,
    )
    self._regularization = 1 / (2 * step_size)
    return action_values


def _check_rate(rate: float) -> float:
  if isinstance(rate, str):
    raise ValueError(
      "population_update_rate must be a number in (0, 1], a function, or"
      f" 'auto', got {rate!r}."
    )
  return validation.check_real(
    "population_update_rate", rate, 0, 1, low_open=True
  )
