"""Regularized equilibria with accurate probabilities of rare actions.

Exploitability is insensitive to the exact probability of a very rare action.
But the mean field of a stationary game may depend on it: if most players stay
in their cells, the ratios of small transition probabilities determine the
invariant law. The accuracy of the masses x of the interior-point method is
limited by the remaining x z.

So Newton's method is continued with the logits of the policy as unknowns, and
the equation

    d = V - r - gamma P V + eta log pi = 0

under the mean field of the policy itself. A step solves the same linear
equations as a step of the interior-point method, with W = x / eta, g = -d and
f = 0, and changes eta log pi by r' dmu - dV + gamma P dV - d.
"""

import numpy as np

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import reward_slopes

MAX_STEPS = 12
# Upper bound on d / eta, the relative errors of probabilities, of a result.
SMALL = 1e-6


def refined_policy(
  system: complementarity.System,
  policy: np.ndarray,
  values: np.ndarray,
  regularization: float,
) -> np.ndarray | None:
  """Returns a policy with smaller errors d near a regularized equilibrium.

  Args:
    system: The equations of the model.
    policy: A policy of the model, near an equilibrium.
    values: (N,), V of the system's states.
    regularization: eta > 0.

  Returns:
    The policy with the smallest error; None if this error is not small, or
    probabilities are too small for floating-point numbers.
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
