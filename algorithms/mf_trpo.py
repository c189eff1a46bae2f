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
      M =   1         6.0e-1               -
      M =  10         2.4e-4               2.6e+1
      M = 100         1.0e-10              5.4e-1
      limit           9.6e-11              below 1e-15 (from 1,000 on)
* With warm start, eta 0.05, beta 0.03 and max_step_count 10, phi_eta falls
  below 1e-6 within 400 iterations on all mean-field games of OpenSpiel whose
  moves do not depend on the mean field (`mftrpo-benchmark --games=all`). With
  max_step_count 0 and beta 0.1 it was at 650 after 772 iterations on
  OpenSpiel's four rooms.

The rate "auto" starts from the beta of the paper. While moves of the mean field
go on in the direction of the last one, it grows; where one turns back, it is
halved, see adaptive_step.py.
"""

from collections.abc import Callable

import numpy as np
import pyspiel

from mftrpo_openspiel import entropy
from mftrpo_openspiel import model as model_lib
from mftrpo_openspiel import validation
from mftrpo_openspiel.algorithms import adaptive_step
from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import annealing as annealing_lib

Schedule = Callable[[int], float]

# Not from the paper; see the study above.
DEFAULT_POLICY_UPDATES = 10
# Of the paper's settings.
DEFAULT_REGULARIZATION = 0.05
DEFAULT_POPULATION_UPDATE_RATE = 0.01
# Moves of a smaller share of the mean field than this are rounding.
LEAST_MOVE = 1e-12


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
    max_step_count: int = 0,
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
        are 1 / (eta (min(l, max_step_count) + 2)). Counting without bound, as
        within one call of TRPO, would average over all past mean fields.
      restart_distribution: nu, (N,): policies are updated in the states that
        are reached from its support. None is the mean field itself.
      annealing: Whether, and how, eta and beta go to 0. It sets eta, L, beta
        and the step counter itself.
      model: See `MeanFieldAlgorithm`.
      root_state: See `MeanFieldAlgorithm`.

    Raises:
      ValueError: If a parameter is out of range, or given though annealing
        sets it.
    """
    super().__init__(model_or_game, model=model, root_state=root_state)
    validation.check_type("annealing", annealing, bool, annealing_lib.Annealing)
    if annealing is True:
      annealing = annealing_lib.Annealing()
    if annealing:
      given = {
        "regularization": regularization is not None,
        "num_policy_updates": num_policy_updates is not None,
        "population_update_rate": population_update_rate is not None,
        "warm_start": warm_start,
        "max_step_count": max_step_count != 0,
      }
      for name, is_given in given.items():
        if is_given:
          raise ValueError(f"{name} must not be given with annealing.")
      warm_start = True
      self._STATE += (
        "_step_size",
        "_num_overshoots",
        "_age",
        "_rate",
        "_least_gain",
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
    if self._is_auto:
      population_update_rate = DEFAULT_POPULATION_UPDATE_RATE
      self._STATE += ("_rate", "_num_overshoots", "_last_move")
    elif not callable(population_update_rate):
      _check_rate(population_update_rate)
    self._rate = population_update_rate
    self._warm_start = validation.check_type("warm_start", warm_start, bool)
    self._max_step_count = validation.check_int(
      "max_step_count", max_step_count, 0
    )
    self.mean_field = self.model.initial_mean_field()
    if restart_distribution is not None:
      restart_distribution = validation.check_distribution(
        "restart_distribution",
        restart_distribution,
        self.mean_field.size,
        total=self.mean_field.sum(),
      )
    self._restart = restart_distribution
    self._logits = entropy.zero_logits(self.model.legal_actions_mask)
    self._step_count = 0
    self._iterations = 0
    self.policy = entropy.softmax(self._logits)
    self._step_size = 0.0
    self._num_overshoots = 0
    self._age = 0
    self._least_gain = 0.0
    self._last_move = np.zeros_like(self.mean_field)

  def iteration(self) -> None:
    """Improves the policy, then moves the mean field."""
    self._iterations += 1
    if not self._warm_start:
      self._logits = entropy.zero_logits(self.model.legal_actions_mask)
      self.policy = entropy.softmax(self._logits)
      self._step_count = 0
    for _ in range(self._num_policy_updates):
      action_values = self.model.action_values(
        self.policy, self.mean_field, self._entropy_weight
      )
      if self._annealing:
        gain = annealing_lib.gain(self.policy, self.mean_field, action_values)
        if not gain:
          break
        self._anneal(gain, action_values)
      self._update_policy(action_values)
      self._step_count += 1
      if self._warm_start:
        self._step_count = min(self._step_count, self._max_step_count)
    moved = self.model.propagate(
      self.policy, self.mean_field, self._num_population_steps
    )
    move = moved - self.mean_field
    if self._is_auto:
      self._adapt_rate(move)
    rate = self._rate
    if callable(rate):
      rate = _check_rate(rate(self._iterations))
    self.mean_field = self.mean_field + rate * move

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
    logits = entropy.mirror_step(
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
    self.policy = entropy.softmax(logits)

  def _anneal(self, gain: float, action_values: np.ndarray) -> None:
    """Sets eta and beta of this iteration, in which there is `gain` to have."""
    if not self._step_size:
      self._step_size = annealing_lib.first_step_size(action_values)
      overshot = True
    else:
      # After a restart the mean field has jumped.
      overshot = self._age > 0 and (
        gain > annealing_lib.OVERSHOOT * self._least_gain
      )
      self._step_size, self._num_overshoots = adaptive_step.adapted(
        self._step_size, self._num_overshoots, overshot
      )
    is_first = overshot or self._age == 0
    self._least_gain = gain if is_first else min(gain, self._least_gain)
    self._age = 0 if overshot else self._age + 1
    self._regularization, self._rate = self._annealing.rates(
      self._step_size, self._age
    )

  def _adapt_rate(self, move: np.ndarray) -> None:
    """Sets beta of this iteration, a share of the (N,) `move`."""
    if np.abs(move).sum() > LEAST_MOVE * self.mean_field.sum():
      rate, self._num_overshoots = adaptive_step.adapted(
        self._rate, self._num_overshoots, bool(move @ self._last_move < 0)
      )
      self._rate = min(rate, 1.0)
    self._last_move = move


def _check_rate(rate: float) -> float:
  if isinstance(rate, str):
    raise ValueError(
      "population_update_rate must be a number in (0, 1], a function, or"
      f" 'auto', got {rate!r}."
    )
  return validation.check_real(
    "population_update_rate", rate, 0, 1, low_open=True
  )
