"""An equilibrium and its residuals, computed by the model itself."""

import dataclasses

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import softmax


@dataclasses.dataclass(frozen=True, eq=False)
class Equilibrium:
  """An equilibrium and its residuals.

  Attributes:
    policy: (N, A), pi; it is rational also in states that no play reaches.
    mean_field: (N,), mu.
    regularization: eta, or 0.
    rationality: max |pi - softmax(Q^pi_mu / eta)| over the states of positive
      mass. Q^pi_mu are the values of pi itself, so that the residual is 0 for
      the best response to mu and for no other policy. (At time t of a finite
      horizon eta is replaced by gamma^t eta, because the values include
      gamma^t.) Without regularization it is the largest loss by the choice in a
      state, times the mass in the state.
    consistency: |mu^pi - mu|_1, summed over all layers of a finite horizon.
    exploitability: phi_eta of pi, measured by the model; NashConv without
      regularization.
    losses: (N, A), the loss of each action against the best one under mu; inf
      where it is not legal.
    num_evaluations: Number of steps, or of best responses, that were computed
      to find it.
    method: Name of the method that found it.
    gap: Primal-dual gap of the interior-point method; otherwise None.
  """

  policy: np.ndarray
  mean_field: np.ndarray
  regularization: float
  rationality: float
  consistency: float
  exploitability: float
  losses: np.ndarray
  num_evaluations: int
  method: str
  gap: float | None = None

  @property
  def never_played(self) -> np.ndarray:
    """(N, A) of bool: legal actions whose loss exceeds the numerical error.

    Where players avoid crowds, no equilibrium plays these actions in states of
    positive mass. The error of the mean field is of the order of the square
    root of exploitability, so losses relative to the largest one are compared
    with the square root of relative exploitability. With regularization each
    action is played, and no entry is True.
    """
    is_legal = np.isfinite(self.losses)
    if self.regularization:
      return np.zeros_like(is_legal)
    largest = self.losses[is_legal].max()
    error = max(self.exploitability, np.finfo(float).eps * largest)
    return is_legal & (self.losses > np.sqrt(error * largest))

  def __repr__(self) -> str:
    """Returns one line with the residuals, without the arrays."""
    num_states, num_actions = self.policy.shape
    return (
      f"Equilibrium(eta = {self.regularization:g}, {num_states} states,"
      f" {num_actions} actions: rationality {self.rationality:.1e}, consistency"
      f" {self.consistency:.1e}, phi_{self.regularization:g}"
      f" {self.exploitability:.1e})"
    )


def certified(
  model: model_lib.MeanFieldModel,
  policy: np.ndarray,
  mean_field: np.ndarray,
  regularization: float,
  *,
  num_evaluations: int,
  method: str,
  gap: float | None = None,
) -> Equilibrium:
  """Returns the residuals of a policy, (N, A), and a mean field, (N,)."""
  temperatures = regularization * model.discounts
  visited = mean_field > 0
  best = model.optimal_action_values(mean_field, regularization)
  losses = best.max(axis=1, keepdims=True) - best
  if regularization:
    values = model.action_values(policy, mean_field, regularization)
    change = np.abs(policy - softmax.softmax(values, temperatures))
    rationality = change[visited].max()
  else:
    lost = np.where(policy > 0, losses, 0.0)
    rationality = (mean_field * np.einsum("na,na->n", policy, lost)).max()
  return Equilibrium(
    policy=policy,
    mean_field=mean_field,
    regularization=regularization,
    rationality=float(rationality),
    consistency=float(np.abs(model.mean_field(policy) - mean_field).sum()),
    exploitability=model.exploitability(policy, regularization),
    losses=losses,
    num_evaluations=num_evaluations,
    method=method,
    gap=gap,
  )
