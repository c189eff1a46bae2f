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

In monotone games, where players shun crowds, exploitability kept falling
wherever we tried, on small games to the limit of rounding; slowly where a few
fast modes bound c, as in the maze of docs/solvers.md. There is no proof of
that: what is known is the convergence of OMD in continuous time (Perolat et al.
(2021), arXiv:2103.00623). Where players seek crowds there may be several
equilibria, or none that attracts, and where moves depend on the mean field it
may turn around one. Exploitability then stops falling, as the records of a run
show.
"""

import dataclasses

import numpy as np

from mftrpo_openspiel import rows
from mftrpo_openspiel import validation

# Bound on what two logits of a state move apart in the first iteration (where
# values at later times are discounted, at time 0).
FIRST_CHANGE = 0.1

# A gain of this many times the least one so far is a step too far.
OVERSHOOT = 2.0
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
