"""Regularized equilibria to machine precision, by Newton's method.

With entropic regularization eta, an equilibrium (mu, pi) is a fixed point,

    pi = softmax(Q*_mu / eta),    mu = mu^pi,

where Q*_mu are the optimal regularized action values under mu: each player is
rational, and the mean field is consistent with the policy of all players. Here
the fixed point is found as a root, by SciPy's Newton-Krylov method (Knoll and
Keyes (2004), "Jacobian-free Newton-Krylov methods", J. Comput. Phys. 193). Only
the model is shared with the algorithms that learn an equilibrium, so that they
can be compared with this solution.

The unknowns are the logits y of the policy, and the equation is

    Q*_mu / eta - y = 0    with    mu = mu^softmax(y),

where the mean over the legal actions is subtracted from both terms. Every mean
field that is evaluated is therefore the one of some policy: no mass is
negative, and there is none in states that no play reaches. (The equation in log
mu has the same roots, but Newton's method does not converge there: on the two
islands with eta = 0.05 it finds no root.)

If Newton's method does not converge from the uniform policy, it starts from an
equilibrium with more regularization, which is found in the same way.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy import optimize

from mftrpo_openspiel.algorithms import certificate
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

METHOD = "Newton-Krylov"
# Relative residual up to which the linear equation of a step is solved.
LINEAR_TOLERANCE = 1e-3
# Residual up to which equilibria with more regularization are solved.
COARSE_TOLERANCE = 1e-6
# Ratio of the first increased regularization to the requested one.
CONTINUATION_FACTOR = 4.0


def find_equilibrium(
  model: model_lib.MeanFieldModel,
  regularization: float,
  *,
  tolerance: float = 1e-12,
  max_evaluations: int = 5000,
  max_newton_steps: int = 25,
) -> certificate.Equilibrium:
  """Returns a regularized equilibrium of `model`.

  In monotone games, such as those with crowd aversion, it is unique.

  Args:
    model: The game.
    regularization: eta > 0, the weight of the entropy bonus.
    tolerance: Bound, > 0, on `rationality` and `consistency`. Because of
      rounding in the model, which grows with 1 / eta, they cannot fall far
      below the default.
    max_evaluations: Bound on the number of evaluations, each of which computes
      a mean field and the best response to it.
    max_newton_steps: Bound on the number of Newton steps from one start.

  Raises:
    ValueError: If a parameter is out of range, or values at some time of the
      model are discounted to 0, so that any policy is optimal there.
    ArithmeticError: If no equilibrium is found whose residuals are within
      `tolerance`.
  """
  validation.check_type("model", model, model_lib.MeanFieldModel)
  target = validation.check_real(
    "regularization", regularization, 0, low_open=True
  )
  tolerance = validation.check_real("tolerance", tolerance, 0, low_open=True)
  max_evaluations = validation.check_int("max_evaluations", max_evaluations, 1)
  validation.check_int("max_newton_steps", max_newton_steps, 1)
  if not (model.discounts > 0).all():
    raise ValueError(
      "model must have positive discounts, got"
      f" {model.discounts.min():g} in state {int(model.discounts.argmin())}."
    )

  search = _Search(model, max_evaluations, max_newton_steps)
  coarse = max(tolerance, COARSE_TOLERANCE)
  action_values, trial = search.zero_logits, target
  least = np.inf
  path: list[float] = []  # The regularizations on the way to the target.
  while True:
    is_target = trial == target
    found = search.newton(
      action_values / trial, trial, tolerance if is_target else coarse
    )
    if is_target:
      if found.residual <= tolerance:
        break
      # Converged up to rounding; otherwise Newton's method may continue.
      is_at_rest = found.residual <= coarse and found.residual > least / 2
      least = min(least, found.residual)
    if search.is_exhausted or (is_target and is_at_rest):
      raise ArithmeticError(
        "No equilibrium was found with residuals within tolerance"
        f" {tolerance:g}: {least:.1e} was reached for regularization"
        f" {target:g} in {search.num_evaluations} evaluations."
      )
    if found.residual <= coarse:
      action_values = trial * found.logits
      if not is_target:
        path.append(trial)
      trial = target
    elif path:
      trial = np.sqrt(trial * path[-1])
    else:
      trial = CONTINUATION_FACTOR * trial

  method = METHOD
  if path:
    steps = ", ".join(f"{trial:g}" for trial in path)
    method += f" continued from regularization {steps}"
  return certificate.certified(
    model,
    found.policy,
    found.mean_field,
    target,
    num_evaluations=search.num_evaluations,
    method=method,
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidate:
  """A mean field, the best response to it, and their residuals."""

  logits: np.ndarray
  policy: np.ndarray
  mean_field: np.ndarray
  rationality: float
  consistency: float

  @property
  def residual(self) -> float:
    return max(self.rationality, self.consistency)


class _StopSearch(Exception):  # noqa: N818 (not an error)
  """Stops Newton's method from a callback, as SciPy has no other way."""


class _Search:
  """Newton's method on the fixed-point equation of a model.

  The unknowns are a vector: the logits of the legal actions, with mean 0 in
  each state, for the states that the uniform policy reaches and in which there
  is a choice. Other logits move no mass, and including them makes Newton's
  steps worse. (Where moves depend on the mean field, an equilibrium may reach
  other states. It is then not a root, and candidates near it have a residual
  that shows this.)

  Attributes:
    num_evaluations: Number of best responses that were computed so far.
  """

  def __init__(
    self,
    model: model_lib.MeanFieldModel,
    max_evaluations: int,
    max_newton_steps: int,
  ):
    self._model = model
    self._max_evaluations = max_evaluations
    self._max_newton_steps = max_newton_steps
    self.num_evaluations = 0
    mask = model.legal_actions_mask
    self._num_legal = mask.sum(axis=1, keepdims=True)
    visited = model.mean_field(tabular_policies.uniform_policy(mask)) > 0
    self._is_unknown = mask & visited[:, None] & (self._num_legal > 1)

    # Logits of the uniform policy.
    self.zero_logits = np.zeros(np.count_nonzero(self._is_unknown))

  @property
  def is_exhausted(self) -> bool:
    """Whether no evaluation is left."""
    return self.num_evaluations >= self._max_evaluations

  def newton(
    self, logits: np.ndarray, regularization: float, tolerance: float
  ) -> _Candidate:
    """Returns the best candidate that Newton's method finds from `logits`.

    It stops at the first one whose residual is within `tolerance`, or without
    success after `max_newton_steps` or when no evaluation is left.
    """
    best = self._candidate(logits, regularization)

    def check(logits, _=None):
      nonlocal best
      candidate = self._candidate(logits, regularization)
      if candidate.residual < best.residual:
        best = candidate
      if best.residual <= tolerance:
        raise _StopSearch

    if best.residual <= tolerance:
      return best
    try:
      # The type stub lacks the options, and expects functions of numbers.
      solve: Any = optimize.newton_krylov
      solve(
        lambda logits: self._difference(logits, regularization),
        logits,
        maxiter=self._max_newton_steps,
        inner_rtol=LINEAR_TOLERANCE,
        f_tol=0.0,
        callback=check,
      )
    except (_StopSearch, optimize.NoConvergence):
      pass
    return best

  def _best_values(
    self, logits: np.ndarray, regularization: float
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean field of softmax(y), and Q* under it, (N, A)."""
    table = mirror_steps.uniform_logits(self._model.legal_actions_mask)
    table[self._is_unknown] = logits
    mean_field = self._model.mean_field(softmax.softmax(table))
    if self.is_exhausted:
      raise _StopSearch
    self.num_evaluations += 1
    return mean_field, self._model.optimal_action_values(
      mean_field, regularization
    )

  def _difference(
    self, logits: np.ndarray, regularization: float
  ) -> np.ndarray:
    """Returns Q* / eta - y, where Q* is under the mean field of softmax(y)."""
    _, values = self._best_values(logits, regularization)
    values = np.where(self._model.legal_actions_mask, values, 0.0)
    values -= values.sum(axis=1, keepdims=True) / self._num_legal
    with np.errstate(over="ignore"):
      values /= (regularization * self._model.discounts)[:, None]
    if not np.isfinite(values).all():
      raise ArithmeticError(
        f"Action values divided by regularization {regularization:g} are too"
        " large for floating-point numbers."
      )
    return values[self._is_unknown] - logits

  def _candidate(self, logits: np.ndarray, regularization: float) -> _Candidate:
    """Returns the mean field of softmax(y) and the best response to it."""
    model, temperatures = self._model, regularization * self._model.discounts
    mean_field, best = self._best_values(logits, regularization)
    policy = softmax.softmax(best, temperatures)
    values = model.action_values(policy, mean_field, regularization)
    change = np.abs(policy - softmax.softmax(values, temperatures))
    return _Candidate(
      logits=logits,
      policy=policy,
      mean_field=mean_field,
      rationality=float(change[mean_field > 0].max()),
      consistency=float(np.abs(model.mean_field(policy) - mean_field).sum()),
    )
