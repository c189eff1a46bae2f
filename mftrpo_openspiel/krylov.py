"""Discounted sums of large chains by BiCGSTAB."""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

MAX_PASSES = 100
MAX_ITERATIONS = 1000


def discounted_sum(
  chain: sparse.csr_array,
  discount: float,
  stage_values: np.ndarray,
  tolerance: float,
  target: float | None = None,
) -> tuple[np.ndarray, float]:
  """Returns (I - gamma P)^-1 x, and its largest residual.

  Args:
    chain: P, (S, S).
    discount: gamma.
    stage_values: x, (S,).
    tolerance: What the residual must not exceed, relative to the largest value
      or 1, ...
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
      goal = tolerance * max(1.0, np.abs(values).max())
    if largest <= goal:
      return values, largest
    # The largest entry of a residual is some times its root mean square.
    step, _ = linalg.bicgstab(
      operator,
      residual,
      rtol=0.0,
      atol=goal / 4 * math.sqrt(len(values)),
      maxiter=MAX_ITERATIONS,
    )
    tried = values + step
    tried_residual = residual_of(tried)
    tried_largest = np.abs(tried_residual).max()
    if tried_largest <= largest / 2:
      values, residual, largest = tried, tried_residual, tried_largest
      continue
    # Plain sweeps shrink every residual; these, by a factor e.
    for _ in range(math.ceil(1 / (1 - discount))):
      values = values + residual
      residual = residual_of(values)
    largest = np.abs(residual).max()
  raise ArithmeticError(
    f"Discounted values have a residual of {largest:.1e} after"
    f" {MAX_PASSES} passes of BiCGSTAB; {goal:.1e} was asked for."
  )
