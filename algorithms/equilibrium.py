"""The equilibrium of a game, by the method that applies to it.

The first choice is the interior-point method, which needs moves that do not
depend on the mean field and derivatives of rewards. Where it does not apply,
regularized equilibria are found by the Newton-Krylov method, which needs only
the model.
"""

import numpy as np

from mftrpo_openspiel.algorithms import certificate
from mftrpo_openspiel.algorithms import interior_point
from mftrpo_openspiel.algorithms import newton_krylov
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

METHOD = "interior point"
# Number of steps after exploitability was last halved.
LAST_STEPS = 3
# Mean fields whose total difference is at most this are considered equal.
SAME_MEAN_FIELD = 1e-12


def solve(
  model: model_lib.MeanFieldModel,
  regularization: float = 0.0,
  tolerance: float = 1e-10,
  *,
  max_iterations: int = 200,
) -> certificate.Equilibrium:
  """Returns an equilibrium of `model`, up to rounding where that is possible.

  In monotone games, such as those with crowd aversion, all equilibria have the
  same mean field.

  Args:
    model: The game.
    regularization: eta >= 0, the weight of the entropy bonus.
    tolerance: Bound, > 0, on the exploitability phi_eta relative to that of the
      uniform policy. For the Newton-Krylov method it is the bound on
      `rationality` and `consistency` instead.
    max_iterations: Bound on the number of interior-point steps.

  Raises:
    ValueError: If a parameter is out of range, or if regularization is 0 and
      the interior-point method does not apply to the game. Annealed MF-TRPO may
      find an equilibrium in this case.
    ArithmeticError: If no equilibrium is found whose exploitability is within
      `tolerance`.
  """
  validation.check_type("model", model, model_lib.MeanFieldModel)
  eta = validation.check_real("regularization", regularization, 0)
  tolerance = validation.check_real("tolerance", tolerance, 0, low_open=True)
  validation.check_int("max_iterations", max_iterations, 1)
  try:
    solver = interior_point.InteriorPoint(model, eta)
  except ValueError:
    if not eta:
      raise
    return newton_krylov.find_equilibrium(model, eta, tolerance=tolerance)
  target = max(tolerance * solver.exploitability, solver.rounding)
  # The method converges fast, so that exploitability which is no longer halved
  # is rounding. The policy still improves for some steps, because with
  # regularization exploitability is quadratic in the error of the policy.
  least, num_steps_since = np.inf, 0
  while solver.num_iterations < max_iterations and num_steps_since < LAST_STEPS:
    solver.iteration()
    num_steps_since += 1
    if solver.exploitability > target or solver.exploitability < least / 2:
      least, num_steps_since = solver.exploitability, 0
  if solver.exploitability > target:
    raise ArithmeticError(
      f"No equilibrium was found with exploitability within tolerance"
      f" {tolerance:g} of the uniform policy's: {solver.exploitability:.1e} was"
      f" reached, {target:.1e} was requested, in {max_iterations} iterations."
    )
  policy, mean_field = solver.policy, solver.mean_field
  refined = solver.refined_policy() if eta else None
  if refined is not None and model.exploitability(refined, eta) <= target:
    policy, mean_field = refined, model.mean_field(refined)
  return certificate.certified(
    model,
    _rational_everywhere(model, policy, mean_field, eta),
    mean_field,
    eta,
    num_evaluations=solver.num_iterations,
    method=METHOD,
    gap=solver.gap,
  )


def _rational_everywhere(
  model: model_lib.MeanFieldModel,
  policy: np.ndarray,
  mean_field: np.ndarray,
  eta: float,
) -> np.ndarray:
  """Returns the policy with best responses in the states without mass.

  The policy is not changed if this would change its mean field.
  """
  best = model.optimal_action_values(mean_field, eta)
  response = softmax.softmax(best, eta * model.discounts)
  filled = np.where(mean_field[:, None] > 0, policy, response)
  change = np.abs(model.mean_field(filled) - mean_field).sum()
  return filled if change <= SAME_MEAN_FIELD else policy
