"""Regularized equilibria to the last digit of the rarest move.

Exploitability does not see how rare a move is that is hardly ever made. But the
mean field of a stationary game may depend on it: where most players stay in
their cells, it is the ratios of rare moves that make the crowd. The masses x of
the interior-point method are known up to what is left of x z only.

So Newton's method goes on with the logits of the policy, and the equation

    d = V - r - gamma P V + eta log pi = 0

under the mean field of the policy itself. A step solves the same linear
equations as one of the interior-point method, with W = x / eta, g = -d and f =
0, and moves eta log pi by r' dmu - dV + gamma P dV - d.
"""

import numpy as np

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import reward_slopes

MAX_STEPS = 12
# What d / eta has to fall to: relative errors of probabilities.
SMALL = 1e-6


def refined_policy(
  system: complementarity.System,
  policy: np.ndarray,
  values: np.ndarray,
  regularization: float,
) -> np.ndarray | None:
  """Returns a policy of smaller errors d near a regularized equilibrium.

  Args:
    system: The equations of the model.
    policy: Of the model, near an equilibrium.
    values: (N,), V of the system's states.
    regularization: eta > 0.

  Returns:
    The policy of the least error; None if that is not small, or probabilities
    get too small for numbers.
  """
  etas = (regularization * system.discounts)[system.states]
  best, least = None, SMALL
  for _ in range(MAX_STEPS):
    flow = system.flow_of(policy)
    if not flow.min() > 0:
      break
    masses = system.masses(flow)
    own = masses[system.states]
    logits = np.log(flow / own)
    rewards, slopes = system.rewards(masses), system.slopes(masses)
    errors = _change(system, values) - rewards + etas * logits
    largest = float(np.abs(errors / etas).max())
    if best is not None and not largest < least / 2:
      break
    if largest < least:
      best, least = policy, largest
    try:
      solve = system.linearized(
        flow / etas,
        reward_slopes.Slopes(slopes.own + etas / own, slopes.coupling),
      )
    except ArithmeticError:
      break
    step, rise = solve(-errors, np.zeros_like(masses))
    moved = system.masses(step)
    gains = slopes.own * moved[system.states] - _change(system, rise) - errors
    if slopes.coupling is not None:
      gains += slopes.coupling @ moved
    logits += gains / etas
    values = values + rise
    largest_logits = np.maximum.reduceat(logits, system.starts)
    policy = system.policy_of(np.exp(logits - largest_logits[system.states]))
    if not np.isfinite(policy).all():
      break
  return best


def _change(system: complementarity.System, values: np.ndarray) -> np.ndarray:
  """Returns (E,): V - gamma P V."""
  return values[system.states] - system.expected(values)
