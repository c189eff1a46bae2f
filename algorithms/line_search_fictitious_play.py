"""Fictitious Play whose step size is found by a line search.

Lavigne and Pfeiffer (2022), "Generalized Conditional Gradient and Learning in
Potential Mean Field Games", arXiv:2209.12772: in a game with a potential, FP is
the Frank-Wolfe algorithm on it, so that its step size need not be 1 / (k + 1).
With the state-action masses x of the current policy and y of its best response,
the potential on the segment x + a (y - x) has the derivative

    g(a) = sum_{s,b} (y - x)(s, b) r(s, b, mu_a),    mu_a = mu + a (mu_BR - mu).

This is the gain of the best response over the current policy under the mean
field mu_a. It does not need a potential, and by the performance difference
lemma it can be computed from action values:

    g(a) = sum_s mu_BR(s) sum_b (pi_BR - pi)(b|s) Q^pi_{mu_a}(s, b).

g(0) is the exploitability. In a monotone game g decreases in a. The step goes
to the root of g, or to a = 1 if there is none in [0, 1]. In a potential game,
such as one in which players avoid crowds, this maximizes the potential on the
segment. In other games the step goes to the point at which the best response
has no further gain, and nothing is proven: in rock, paper, scissors the gain is
positive until all players have joined, and the crowd cycles, where FP with 1 /
(k + 1) converges.

The paper has a linear rate for games with diffusion. On finitely many states
the best response jumps between corners, and exploitability falls about as 1 / k
with and without the search. On a `StationaryModel`, whose values are discounted
while mean fields are not, g is the gain of players who start from the mean
field of the response. Where moves depend on the mean field, g is only close to
the gain of the response. There the method is a heuristic.

Where several actions are equally good up to rounding, the response takes all of
them with the same probability, so that rounding does not decide, and a step
changes the mean field in several directions at once.
"""

import numpy as np
from scipy import optimize

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.utils import rows
from mftrpo_openspiel.utils import tabular_policies

# Absolute error of the step size.
STEP_TOLERANCE = 1e-12
# Actions are equally good if their values differ by at most this, relative to
# the largest value in any state.
ROUNDING = 1e-12


class LineSearchFictitiousPlay(fictitious_play.AveragingAlgorithm):
  """FP with a line search; `mean_field` is the average mu."""

  def _next_state(self, state: fictitious_play.State) -> fictitious_play.State:
    """Averages in the best response, with the weight of the line search."""
    response = _best_response(
      self.model.optimal_action_values(
        state.mean_field, start=state.response if state.iteration else None
      )
    )
    masses = self.model.mean_field(response)
    rate = self._step_size(state, response, masses)
    return self._mixed(state, response, masses, rate)

  def _step_size(
    self,
    state: fictitious_play.State,
    response: np.ndarray,
    response_masses: np.ndarray,
  ) -> float:
    """Returns a in [0, 1], the root of g."""
    change = response_masses[:, None] * (response - state.policy)
    changes = change != 0  # False where an action is not legal.
    change = change[changes]

    def gain(rate: float) -> float:
      mean_field = (1 - rate) * state.mean_field + rate * response_masses
      values = self.model.action_values(state.policy, mean_field)
      return float(change @ values[changes])

    if gain(0.0) <= 0:  # Rounding, at an equilibrium.
      return 0.0
    if gain(1.0) >= 0:
      return 1.0
    return optimize.brentq(gain, 0.0, 1.0, xtol=STEP_TOLERANCE)


def _best_response(action_values: np.ndarray) -> np.ndarray:
  """Returns the (N, A) policy that is uniform over all best actions."""
  scale = np.abs(action_values[np.isfinite(action_values)]).max()
  best = rows.maximum(action_values)[:, None]
  return tabular_policies.uniform_policy(
    action_values >= best - ROUNDING * scale
  )
