"""Discounted sums of large chains by BiCGSTAB, or by GMRES if that fails."""

from collections.abc import Callable
import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel.chains import gmres

# Largest number of iterations in one pass of BiCGSTAB.
MAX_ITERATIONS = 1000


def discounted_sum(
  chain: sparse.csr_array,
  discount: float,
  stage_values: np.ndarray,
  tolerance: float,
  target: float | None = None,
  max_passes: int = 100,
) -> np.ndarray:
  """Returns (I - gamma P)^-1 x, (S,).

  Args:
    chain: P, (S, S).
    discount: gamma.
    stage_values: x, (S,).
    tolerance: Upper bound on the largest residual, relative to the largest
      value.
    target: If given, an absolute upper bound on the largest residual, which
      replaces `tolerance`.
    max_passes: Largest number of passes.

  Raises:
    ArithmeticError: If the bound is not reached.
  """

  def residual_of(values):
    return stage_values + discount * (chain @ values) - values

  # This starting point is exact if x is the same in all states.
  values = np.full_like(stage_values, stage_values.mean() / (1 - discount))
  residual = residual_of(values)
  largest = np.abs(residual).max()
  for _ in range(max_passes):
    goal = tolerance * np.abs(values).max() if target is None else target
    if largest <= goal:
      return values
    # The largest entry of a residual is a few times its root mean square.
    norm = goal / 4 * math.sqrt(len(values))
    # BiCGSTAB breaks down on some chains of few states with discounts near 1.
    for solve in (_bicgstab, gmres.solve):
      with np.errstate(divide="ignore", invalid="ignore"):
        step, _ = solve(
          lambda x: x - discount * (chain @ x), residual, atol=norm
        )
      tried = values + step
      tried_residual = residual_of(tried)
      if np.abs(tried_residual).max() <= largest / 2:
        values, residual = tried, tried_residual
        break
    else:
      # Value iteration reduces every residual; this number of sweeps reduces it
      # by at least a factor e.
      for _ in range(math.ceil(1 / (1 - discount))):
        values = values + residual
        residual = residual_of(values)
    largest = np.abs(residual).max()
  raise ArithmeticError(
    f"Discounted values have a residual of {largest:.1e} after"
    f" {max_passes} passes of BiCGSTAB; {goal:.1e} was required."
  )


def _bicgstab(
  apply: Callable[[np.ndarray], np.ndarray], right_side: np.ndarray, atol: float
) -> tuple[np.ndarray, int]:
  size = len(right_side)
  operator = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
  return linalg.bicgstab(
    operator, right_side, rtol=0.0, atol=atol, maxiter=MAX_ITERATIONS
  )
