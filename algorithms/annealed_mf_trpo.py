"""Annealed MF-TRPO, which converges to an equilibrium without regularization.

This method is not from the MF-TRPO paper; it is a contribution of this package.
With entropic regularization eta, MF-TRPO converges to a policy at a distance of
order eta from an equilibrium of the game. Here the entropy is taken relative to
the previous policy instead of the uniform one. This removes the bias of eta in
the policy update and keeps the trust region, with action values that are not
regularized (TRPO's first step, l = 0):

    pi <- pi exp(Q_mu^pi / (2 eta)) / normalization,
    mu <- mu + beta (mu (P_mu^pi)^M - mu).

This is the step of `mirror_descent.MirrorDescent` with lr = 1 / (2 eta) and no
entropy, under a mean field that lags behind the policy.

Its fixed points are equilibria: no action is better than one that is played,
and mu is the mean field of pi. eta and beta go to 0 together,

    beta_k = w / (w + n),    eta_k = beta_k / (2 c),

n iterations after a restart. For the logits y of the policy, with one iteration
per unit of time, this is

    dy = (c / beta) Q_mu,    dmu = beta (mu^y - mu),

a heavy-ball method: the lagging mean field is its momentum and beta its
friction, up to a factor of 1 + 1 / w because beta falls. Friction that falls
like 1 / n is that of Nesterov's method (Su, Boyd and Candes (2016), "A
Differential Equation for Modeling Nesterov's Accelerated Gradient Method"). As
there, the method restarts when it moves uphill (O'Donoghue and Candes (2015),
"Adaptive Restart for Accelerated Gradient Schemes"). The height is the gain,
what a player could gain by one better step, which is a by-product:

    sum_s mu(s) max_a (Q_mu^pi(s, a) - V_mu^pi(s)).

The method moves uphill when the gain exceeds twice its minimum since the last
restart (not counting the iteration of the restart, in which the mean field
catches up with the policy). Then c was too large as well, and is halved;
between restarts it grows (see heavy_ball.py). Therefore nothing depends on the
scale of the rewards.

Where players only avoid crowds, so that the game has a potential, this is fast:
see docs/solvers.md. Where they also chase each other, as in rock, paper,
scissors, momentum makes the crowd cycle, and with falling friction the gain
does not decrease: it is as large at each restart as at those before. Momentum
is given up after two restarts in a row at which the gain was not below half of
the smallest one at any earlier restart, or once c has to fall to a tenth of its
largest value. The method then starts again from the first policy (or, if the
gain has fallen below a thousandth of the initial one, from the policy of the
smallest gain after a restart), beta stays 1, mu is the mean field of the
policy, and the logits take optimistic mirror steps (see optimistic_steps.py),
which converge in rotations as well.

There is no proof of convergence in all monotone games; what is known is the
convergence of OMD in continuous time (Perolat et al. (2021), arXiv:2103.00623).
docs/solvers.md has the results in 300 random monotone games, and where the
method is slow. It may circle around an equilibrium where players seek crowds,
or where moves depend on the mean field. Exploitability then stops falling,
which is reported at the end of a run.
"""

import dataclasses

import numpy as np
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import heavy_ball
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.algorithms import optimistic_steps
from mftrpo_openspiel.algorithms import population_update_rate as rate_lib
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# Lower bound on logits relative to the largest one, far below rounding. Without
# it the probability of leaving a state could become exactly 0, which changes
# the invariant distribution of the chain, and later gains could not restore it.
LEAST_LOGIT = -100.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State(algorithm.State):
  """The state of annealed MF-TRPO.

  Attributes:
    logits: (N, A), of which the policy is the softmax.
    rate: beta of the last iteration; before the first, that of the paper.
    ball: Step size, friction and restarts of the heavy-ball method.
    optimistic_step: The last one, once momentum is given up.
  """

  logits: np.ndarray
  rate: float
  ball: heavy_ball.HeavyBall
  optimistic_step: optimistic_steps.OptimisticStep


class AnnealedMFTRPO(mf_trpo.TrustRegionAlgorithm[State]):
  """Annealed MF-TRPO with exact action values."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    num_population_steps: int | None = None,
    restart_distribution: np.ndarray | None = None,
    window: float = 10.0,
  ):
    """Initializes annealed MF-TRPO.

    Args:
      game: The game to solve; an OpenSpiel game is compiled.
      num_population_steps: M, number of population steps per iteration; None is
        the limit of many.
      restart_distribution: nu, (N,): policies are updated in the states that
        are reached from its support. None is the mean field itself.
      window: w > 0, the number of iterations after which beta has fallen to
        1/2.

    Raises:
      ValueError: If a parameter is out of range.
    """
    self._window = validation.check_real("window", window, 0, low_open=True)
    super().__init__(game, num_population_steps, restart_distribution)
    logits = mirror_steps.uniform_logits(self.model.legal_actions_mask)
    nothing = np.zeros_like(logits)
    self._state = State(
      policy=softmax.softmax(logits),
      mean_field=self.model.initial_mean_field(),
      logits=logits,
      rate=rate_lib.DEFAULT_RATE,
      ball=heavy_ball.HeavyBall(logits),
      optimistic_step=optimistic_steps.OptimisticStep(nothing, nothing),
    )

  def _next_state(self, state: State) -> State:
    """Improves the policy, then moves the mean field."""
    improved = self._improved(state)
    policy = state.policy
    if improved.logits is not state.logits:
      policy = softmax.softmax(improved.logits)
    move = self._move(policy, state.mean_field)
    return dataclasses.replace(
      improved,
      policy=policy,
      mean_field=state.mean_field + improved.rate * move,
      iteration=state.iteration + 1,
    )

  def _improved(self, state: State) -> State:
    """Returns the state with the next logits, beta and step sizes."""
    ball, step, rate = state.ball, state.optimistic_step, state.rate
    action_values = self.model.action_values(
      state.policy, state.mean_field, start=self._restart
    )
    gain = heavy_ball.gain(state.policy, state.mean_field, action_values)
    if not gain:
      return state
    if ball.is_given_up:
      step, action_values = step.next(
        state.logits,
        state.policy,
        state.mean_field,
        action_values,
        self.model.discounts,
        first_step_size=ball.step_size,
      )
      eta = 1 / (2 * step.step_size)
    else:
      if ball.step_size:
        ball = ball.next(gain, state.logits)
      else:
        ball = ball.begun(gain, self._first_step_size(state, action_values))
      if ball.is_given_up:
        return dataclasses.replace(
          state, logits=ball.best_logits, rate=1.0, ball=ball
        )
      rate = self._window / (self._window + ball.num_since_restart)
      eta = rate / (2 * ball.step_size)
    logits = self._stepped(state, action_values, eta)
    return dataclasses.replace(
      state, logits=logits, rate=rate, ball=ball, optimistic_step=step
    )

  def _first_step_size(self, state: State, action_values: np.ndarray) -> float:
    """Returns the first c, computed from the states that plays reach.

    Other states have no mass, so that crowd aversion makes their values far
    larger than all others.
    """
    alike = np.where(self.model.legal_actions_mask, 0.0, -np.inf)
    return heavy_ball.first_step_size(
      self._where_reached(state.policy, state.mean_field, action_values, alike)
    )

  def _stepped(
    self, state: State, action_values: np.ndarray, eta: float
  ) -> np.ndarray:
    """Returns the logits after TRPO's first step, l = 0, without entropy."""
    learning_rate = (
      mirror_steps.inverse(eta * self.model.discounts[:, None]) / 2
    )
    stepped = mirror_steps.mirror_step(
      state.logits, action_values, learning_rate
    )
    stepped = np.where(
      self.model.legal_actions_mask, np.maximum(stepped, LEAST_LOGIT), -np.inf
    )
    return self._where_reached(
      state.policy, state.mean_field, stepped, state.logits
    )
