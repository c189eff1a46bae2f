"""A schedule of MF-TRPO that ends at an equilibrium without regularization.

With entropic regularization eta MF-TRPO ends at a distance of order eta from
an equilibrium of the game. Here the entropy is taken relative to the policy
before, instead of the uniform one. Of the two parts of eta in the update of a
policy, the bias is gone and the trust region is left, with action values that
are not regularized (TRPO's first step, l = 0):

    pi <- pi exp(Q_mu^pi / (2 eta)) / normalization,
    mu <- mu + beta (mu (P_mu^pi)^M - mu).

This rests only where no action is better than one that is played, and mu is the
mean field of pi: at an equilibrium. eta and beta go to 0 together,

    beta_k = w / (w + n),    eta_k = beta_k / (2 c),

n iterations after a restart. For the logits y of the policy that is, in a time
of which an iteration takes beta,

    dy = (c / beta) Q_mu,    dmu = mu^y - mu,

a heavy ball: the mean field that lags behind is its momentum, beta its
friction. Friction that falls like w / n is Nesterov's (Su, Boyd and Candes
(2016), "A Differential Equation for Modeling Nesterov's Accelerated Gradient
Method"). As there, it restarts where the ball runs uphill (O'Donoghue and
Candes (2015), "Adaptive Restart for Accelerated Gradient Schemes"). The height
is what the next step of a player could gain, which costs nothing to compute,

    sum_s mu(s) max_a (Q_mu^pi(s, a) - V_mu^pi(s)),

and uphill is where it is more than twice its least since the last restart (not
counting the iteration of the restart, in which the mean field catches up with
the policy). Then c was too large as well, and is halved; between restarts it
grows, see adaptive_step.py. So nothing depends on the scale of the rewards.

Where players only shun crowds, so that the game has a potential, this is fast:
see docs/solvers.md. Where they also go after each other, as in rock, paper,
scissors, the ball is driven round, and friction that falls lets it go up for
ever. Each restart then finds as much to gain as those before. After
`MAX_STRIKES` restarts in a row at which the gain was not below `FALL` times the
least one at any restart before, or where c has to fall to `LEAST_SHARE` of its
largest, the ball is given up. All starts over from the first policy (or, where
the gain has fallen below `PROGRESS` times that of the beginning, from the
policy of the least gain after a restart), beta stays 1, mu is the mean field of
the policy, and logits take optimistic mirror steps, see optimistic_step.py,
which settle in rotations too.

There is no proof that this settles in all monotone games: what is known is the
convergence of OMD in continuous time (Perolat et al. (2021), arXiv:2103.00623).
Of 300 random monotone games, most with rotation, 251 got to a millionth of the
uniform policy's exploitability within 500 iterations, and 5 were then more than
three times as far from equilibrium as the better of OMD, tuned for each game,
and fictitious play (docs/solvers.md). It is slow where there is hardly any
aversion to crowds, and where a few fast modes bound c, as in the maze there.
Where players seek crowds there may be several equilibria, or none that
attracts, and where moves depend on the mean field it may turn around one.
Exploitability then stops falling, as the end of a run says.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel.algorithms import adaptive_step
from mftrpo_openspiel.algorithms import optimistic_step
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# Bound on what two logits of a state move apart in the first iteration (where
# values at later times are discounted, at time 0).
FIRST_CHANGE = 0.1

# A gain of this many times the least one so far is a step too far.
OVERSHOOT = 2.0
# At a restart the gain should be below this times that of all before it; after
# so many restarts in a row where it is not, the ball turns around something.
FALL = 0.5
MAX_STRIKES = 2
# A restart so soon after another one says no more than that one.
REBOUND = 3
# The ball is given up as well where c has to fall to this share of its largest:
# friction is too low for it then, and restarts get rarer and rarer.
LEAST_SHARE = 0.1
# Optimistic steps start from the first policy, but for this much progress.
PROGRESS = 1e-3
# What there is to gain, relative to the largest value, is rounding below this.
ROUNDING = 1e-15
# No action becomes less likely than exp(this), below all rounding. Otherwise a
# policy that stays would end as one that never leaves: the long-run law of its
# chain is another one, and later gains could not bring the action back.
LEAST_LOGIT = -100.0


@dataclasses.dataclass(frozen=True)
class Annealing:
  """How fast eta and beta fall.

  Attributes:
    window: w > 0, after so many iterations beta has fallen to a half.
  """

  window: float = 10.0

  def __post_init__(self):
    validation.check_real("window", self.window, 0, low_open=True)

  def rates(self, step_size: float, age: int) -> tuple[float, float]:
    """Returns eta and beta.

    Args:
      step_size: c.
      age: Iterations since the last restart.
    """
    population_update_rate = self.window / (self.window + age)
    return population_update_rate / (2 * step_size), population_update_rate


def first_step_size(action_values: np.ndarray) -> float:
  """Returns the first c, with which logits move apart by FIRST_CHANGE.

  Args:
    action_values: (N, A), of the uniform policy; -inf where an action is not
      legal. Not all the same.
  """
  is_legal = np.isfinite(action_values)
  lowest = np.where(is_legal, action_values, np.inf).min(axis=1)
  return float(FIRST_CHANGE / (action_values.max(axis=1) - lowest).max())


def gain(
  policy: np.ndarray, mean_field: np.ndarray, action_values: np.ndarray
) -> float:
  """Returns sum_s mu(s) max_a (Q(s, a) - V(s)), or 0 where that is rounding.

  Args:
    policy: (N, A).
    mean_field: (N,), mu.
    action_values: (N, A), Q of the policy; -inf where an action is not legal.
  """
  values = np.where(np.isfinite(action_values), action_values, 0.0)
  best = rows.maximum(action_values)
  total = float(mean_field @ (best - rows.total(policy * values)))
  return total if total > ROUNDING * np.abs(values).max() else 0.0


def _inverse(discounts: np.ndarray) -> np.ndarray:
  """Returns the (N,) inverses; 0 where there is nothing to gain."""
  is_positive = discounts >= np.finfo(np.float64).tiny
  return np.where(is_positive, 1 / np.where(is_positive, discounts, 1.0), 0.0)


class Annealer:
  """Sets the steps of annealed MF-TRPO.

  Attributes:
    best_logits: (N, A), where to start over from.
  """

  # The attributes, arrays and numbers, that later steps depend on.
  STATE = (
    "step_size",
    "largest_step_size",
    "num_overshoots",
    "age",
    "least_gain",
    "restart_gain",
    "num_strikes",
    "best_gain",
    "best_logits",
    "last_logits",
    "last_action_values",
    "last_step_size",
  )

  def __init__(self, annealing: Annealing, logits: np.ndarray):
    """Initializes the annealer.

    Args:
      annealing: How fast eta and beta fall.
      logits: (N, A), of the first policy.
    """
    self._annealing = annealing
    self.step_size = 0.0
    self.largest_step_size = 0.0
    self.num_overshoots = 0
    self.age = 0
    # The least since the last restart, at the restarts, and right after them,
    # or PROGRESS times that in the beginning.
    self.least_gain = np.inf
    self.restart_gain = np.inf
    self.best_gain = np.inf
    self.num_strikes = 0
    self.best_logits = logits
    # Of the last optimistic step; c is 0 before the first.
    self.last_logits = np.zeros_like(logits)
    self.last_action_values = np.zeros_like(logits)
    self.last_step_size = 0.0

  @property
  def is_optimistic(self) -> bool:
    """Whether the ball was given up for optimistic steps."""
    return self.num_strikes >= MAX_STRIKES

  def rates(
    self, gain: float, logits: np.ndarray, action_values: np.ndarray
  ) -> tuple[float, float]:
    """Returns eta and beta of a step of the heavy ball, or gives it up.

    Args:
      gain: What there is to gain.
      logits: (N, A), before the step.
      action_values: (N, A); -inf where an action is not legal.
    """
    if self.step_size and self.age == 0:
      # The mean field is that of the policy.
      if self.best_gain == np.inf:
        self.best_gain = PROGRESS * gain
      elif gain < self.best_gain:
        self.best_gain, self.best_logits = gain, logits
    if not self.step_size:
      self.step_size = first_step_size(action_values)
      overshot = True
    else:
      # After a restart the mean field has jumped.
      overshot = self.age > 0 and gain > OVERSHOOT * self.least_gain
      self.step_size, self.num_overshoots = adaptive_step.adapted(
        self.step_size, self.num_overshoots, overshot
      )
      self.largest_step_size = max(self.step_size, self.largest_step_size)
      if overshot:
        if gain < FALL * self.restart_gain:
          self.num_strikes = 0
        elif self.age > REBOUND:
          self.num_strikes += 1
        self.restart_gain = min(gain, self.restart_gain)
        if self.step_size < LEAST_SHARE * self.largest_step_size:
          self.num_strikes = MAX_STRIKES
    is_first = overshot or self.age == 0
    self.least_gain = gain if is_first else min(gain, self.least_gain)
    self.age = 0 if overshot else self.age + 1
    return self._annealing.rates(self.step_size, self.age)

  def optimistic(
    self,
    logits: np.ndarray,
    policy: np.ndarray,
    mean_field: np.ndarray,
    action_values: np.ndarray,
    discounts: np.ndarray,
  ) -> tuple[float, np.ndarray]:
    """Returns c and the action values of an optimistic step.

    Args:
      logits: (N, A), before the step.
      policy: (N, A), of the logits.
      mean_field: (N,), mu.
      action_values: (N, A); -inf where an action is not legal.
      discounts: (N,), see `MeanFieldModel`.
    """
    is_legal = np.isfinite(action_values)
    values = np.where(is_legal, action_values, 0.0)
    change = np.zeros_like(values)
    if self.last_step_size:
      change = values - self.last_action_values
      # Values at time t carry gamma^t, which steps of logits do not.
      scale = _inverse(discounts)[:, None]
      self.step_size = optimistic_step.step_size(
        self.step_size,
        policy,
        mean_field * discounts,
        scale * values,
        policy - softmax.softmax(self.last_logits),
        np.subtract(
          logits, self.last_logits, out=np.zeros_like(values), where=is_legal
        ),
        scale * change,
      )
      change *= self.last_step_size / self.step_size
    self.last_logits = logits
    self.last_action_values = values
    self.last_step_size = self.step_size
    return self.step_size, np.where(is_legal, values + change, -np.inf)
