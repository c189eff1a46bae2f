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
Candes (2015), "Adaptive Restart for Accelerated Gradient Schemes"): where,
under the mean field so far, the policy before was better,

    sum_s mu(s) sum_a (pi_k(a|s) - pi_{k-1}(a|s)) Q(s, a) < 0.

Then c was too large as well, and is halved; between restarts it grows, see
adaptive_step.py. So nothing depends on the scale of the rewards.

In monotone games, where players shun crowds, this went on to the limit of
rounding wherever we tried (docs/solvers.md). There is no proof of that: what is
known is the convergence of OMD in continuous time (Perolat et al. (2021),
arXiv:2103.00623). Where players seek crowds there may be several equilibria, or
none that attracts, and where moves depend on the mean field it may turn around
one. Exploitability then stops falling, as the records of a run show.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel import validation

# Largest change of a logit in the first iteration (where values at later times
# are discounted, the largest at time 0).
FIRST_CHANGE = 0.1

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


def first_step_size(advantages: np.ndarray) -> float:
  """Returns the first c, with which logits change by FIRST_CHANGE.

  Args:
    advantages: (N, A), of the uniform policy.
  """
  largest = np.abs(advantages).max()
  return float(FIRST_CHANGE / largest) if largest > 0 else 1.0


def advantages(policy: np.ndarray, action_values: np.ndarray) -> np.ndarray:
  """Returns (N, A): Q - V, and 0 for actions that are not legal.

  Args:
    policy: (N, A).
    action_values: (N, A), Q; -inf where an action is not legal.
  """
  is_legal = np.isfinite(action_values)
  values = np.where(is_legal, action_values, 0.0)
  mean = (policy * values).sum(axis=1, keepdims=True)
  return np.where(is_legal, values - mean, 0.0)


def is_at_rest(
  mean_field: np.ndarray, advantages: np.ndarray, action_values: np.ndarray
) -> bool:
  """Returns whether there is no more to gain by another policy than rounding.

  Args:
    mean_field: (N,).
    advantages: (N, A), of the policy.
    action_values: (N, A), of the policy; -inf where an action is not legal.
  """
  gain = mean_field @ advantages.max(axis=1)
  scale = np.abs(action_values[np.isfinite(action_values)]).max()
  return bool(gain <= ROUNDING * scale)
