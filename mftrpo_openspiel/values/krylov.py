"""Discounted sums of large chains by BiCGSTAB, or GMRES where that fails."""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

MAX_PASSES = 100
# What is tried in a pass. BiCGSTAB breaks down on some chains of few states
# with discounts near 1.
_METHODS = (
  (linalg.bicgstab, {"maxiter": 1000}),
  (linalg.gmres, {"maxiter": 1, "restart": 40}),
)


def discounted_sum(
  chain: sparse.csr_array,
  discount: float,
  stage_values: np.ndarray,
  tolerance: float,
  target: float | None = None,
) -> np.ndarray:
  """Returns (I - gamma P)^-1 x, (S,).

  Args:
    chain: P, (S, S).
    discount: gamma.
    stage_values: x, (S,).
    tolerance: What no residual must exceed, relative to the largest value, ...
    target: ... or as it is, if given.

  Raises:
    ArithmeticError: If it is not reached.
  """

  def residual_of(values):
    return stage_values + discount * (chain @ values) - values

  operator = linalg.LinearOperator(
    chain.shape, matvec=lambda x: x - discount * (chain @ x), dtype=np.float64
  )
  # What is the same in all states is solved for here.
  values = np.full_like(stage_values, stage_values.mean() / (1 - discount))
  residual = residual_of(values)
  largest = np.abs(residual).max()
  for _ in range(MAX_PASSES):
    goal = target
    if goal is None:
      goal = tolerance * np.abs(values).max()
    if largest <= goal:
      return values
    # The largest entry of a residual is some times its root mean square.
    target_norm = goal / 4 * math.sqrt(len(values))
    for method, limits in _METHODS:
      with np.errstate(divide="ignore", invalid="ignore"):
        step, _ = method(
          operator, residual, rtol=0.0, atol=target_norm, **limits
        )
      tried = values + step
      tried_residual = residual_of(tried)
      tried_largest = np.abs(tried_residual).max()
      if tried_largest <= largest / 2:
        values, residual, largest = tried, tried_residual, tried_largest
        break
    else:
      # Plain sweeps shrink every residual; these, by a factor e.
      for _ in range(math.ceil(1 / (1 - discount))):
        values = values + residual
        residual = residual_of(values)
      largest = np.abs(residual).max()
  raise ArithmeticError(
    f"Discounted values have a residual of {largest:.1e} after"
    f" {MAX_PASSES} passes of BiCGSTAB; {goal:.1e} was asked for."
  )
