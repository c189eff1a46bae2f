"""Expected visits and invariant laws of large chains by GMRES.

Both are solutions of equations u (I - J) = b, where J is the jump chain. Chains
such as those on random graphs would fill the factors of an LU, but mix fast:
GMRES finds their laws. The residual is as small when such a chain falls apart
into parts that hardly any player moves between, while the share of each part is
that of the start. What tells is the time to get to one fixed state h, the only
one in which balance is not asked for. Let v >= 0 have

    v_i - sum_{j != h} J_ij v_j >= 1 / leave_i    in all states i != h,

which is the equation of that time, up to a factor, and is solved roughly, by
GMRES again. Multiplied by |K r| for the residual r of the balance u (I - J) = 0
(`certificate` has K >= 0 and |u - u'| <= K |r|), it gives

    sum_i |u_i - u'_i| / leave_i <= sum_i v_i |r_i|

if u' is right in h: a bound of the error of all masses together.
"""

from collections.abc import Callable
import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# Largest |d|_1 of the last correction d to a law, ...
LAW_TOLERANCE = 1e-10
# ... or relative residual below which it cannot be improved.
ROUNDING = 1e-14
# By how much one pass reduces the residual, and in how many steps.
REDUCTION = 1e-6
NUM_STEPS = 40
MAX_PASSES = 100
# By how much one pass reduces the residual of the time to a state, and how many
# there are until it is small enough everywhere.
TIME_REDUCTION = 0.1
MAX_TIME_PASSES = 40
# Share of a uniform law below which states do not count for less.
LEAST_WEIGHT = 1e-8


def invariant_law(
  chain: sparse.csr_array, start: np.ndarray, max_passes: int = MAX_PASSES
) -> law_report.Law:
  """Returns the invariant law of an irreducible chain.

  Args:
    chain: P, (n, n).
    start: (n,), where it starts if it is positive in all states: a law near
      the one that is sought saves work.
    max_passes: When to give up.

  Raises:
    NearlyReducibleError: If the chain falls apart as far as can be told.
    ArithmeticError: If LAW_TOLERANCE is not reached.
  """
  jumps, leave = jump_chain.jump_chain(chain, 0.0)
  law = jump_chain.approximate_law(jumps, start * leave)
  law = _law_of_jumps(jumps, law, max_passes)
  report = _report(_law_error(law, jumps, leave), len(law))
  return law_report.Law(
    jump_chain.law_in_time(law, leave),
    report.with_rounding(4 * law_report.UNIT_ROUNDOFF),
  )


def expected_visits(
  chain: sparse.csr_array,
  exits: np.ndarray,
  entries: np.ndarray,
  max_passes: int = MAX_PASSES,
) -> law_report.Law:
  """Returns how often each state is visited before an exit.

  The errors that are reported are those of exits together, relative to all
  entries.

  The arguments are those of `elimination.expected_visits`, and after how many
  passes to give up.

  Raises:
    NearlyReducibleError: If exits are so rare that they cannot be seen.
    ArithmeticError: If the residual does not get down to ROUNDING.
  """
  jumps, leave = jump_chain.jump_chain(chain, exits)
  visits = np.zeros(len(entries))
  for _ in range(max_passes):
    residual = entries + visits @ jumps - visits
    error = np.abs(residual).sum()
    if error <= ROUNDING * visits.sum():
      rounding = certificate.rounding(jump_chain.num_terms(jumps))
      error += rounding * 2 * visits.sum()
      # Exits are 1^T (I - J) K, and so those of a residual add up to it.
      report = _report(error / entries.sum(), len(entries))
      return law_report.Law(visits / leave, report)
    step, _ = solve(lambda x: x - x @ jumps, residual, REDUCTION)
    visits = np.maximum(visits + step, 0.0)
  raise ArithmeticError(
    f"The visits of {len(visits)} transient states were not found by GMRES: the"
    f" chain leaves them too slowly. The last residual was {error:.1e}."
  )


def solve(
  apply: Callable[[np.ndarray], np.ndarray],
  right_side: np.ndarray,
  rtol: float = 0.0,
  atol: float = 0.0,
) -> tuple[np.ndarray, bool]:
  """Returns the x of one cycle of GMRES, and whether it has not converged.

  Args:
    apply: x -> M x.
    right_side: b of M x = b, (n,).
    rtol: How small |b - M x|_2 shall be, relative to |b|_2, ...
    atol: ... or as it is; the larger one counts.
  """
  size = len(right_side)
  operator = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
  solution, status = linalg.gmres(
    operator, right_side, rtol=rtol, atol=atol, restart=NUM_STEPS, maxiter=1
  )
  return solution, status != 0


def _report(bound: float, size: int) -> law_report.Report:
  """Returns the report with a bound of the errors of `size` states together.

  Raises:
    NearlyReducibleError: If it is too large.
  """
  if not bound <= certificate.max_error(size):
    raise certificate.NearlyReducibleError(
      f"The {size} states of the chain all but fall apart: GMRES cannot resolve"
      f" its long-run law to {certificate.max_error(size):.0e}."
    )
  return law_report.Report(
    frozenset([law_report.Method.GMRES]), math.inf, bound
  )


def _law_of_jumps(
  jumps: sparse.csr_array, law: np.ndarray, max_passes: int
) -> np.ndarray:
  """Returns the invariant law of the irreducible jump chain, from one near it.

  A correction d solves d (I - J) = r for the residual r = u J - u, whose sum is
  zero: there the singular system is a regular one. r is measured as
  |r / sqrt(u)|_2, which is at least |r|_1 and in which chains are contractions.

  Raises:
    ArithmeticError: If it is not found.
  """
  for _ in range(max_passes):
    residual = law @ jumps - law
    residual -= residual.sum() * law  # What rounding has made of zero.
    if np.abs(residual).sum() <= ROUNDING:
      return law
    weights = np.sqrt(np.maximum(law, LEAST_WEIGHT / len(law)))

    def residual_of(z, weights=weights):
      return z - ((weights * z) @ jumps) / weights

    z, failed = solve(residual_of, residual / weights, REDUCTION)
    step = weights * z
    law = np.maximum(law + step, 0.0)
    law /= law.sum()
    if not failed and np.abs(step).sum() <= LAW_TOLERANCE:
      return law
  raise ArithmeticError(
    f"The invariant law of {len(law)} states was not found to within"
    f" {LAW_TOLERANCE:.0e} by GMRES: the chain mixes too slowly."
  )


def _law_error(
  law: np.ndarray, jumps: sparse.csr_array, leave: np.ndarray
) -> float:
  """Returns a bound of the error of a law in time, all masses together.

  Args:
    law: u', (n,), an invariant law of J.
    jumps: J, (n, n), irreducible.
    leave: (n,), the probabilities to leave each state.

  Returns:
    A bound of |mu - mu'|_1 for the laws mu that are u / leave, normalised;
    infinite if the time to the likeliest state is not found.
  """
  hub = law.argmax()
  is_inner = np.arange(len(law)) != hub
  rounding = certificate.rounding(jump_chain.num_terms(jumps))
  stays = 1 / leave
  # Not less than a share of the mean, so that roughly will do.
  target = np.where(is_inner, stays + stays.mean(), 0.0)
  times = np.where(is_inner, target @ law / law[hub], 0.0)

  def decrease(times):
    return times - np.where(is_inner, jumps @ times, 0.0)

  for _ in range(MAX_TIME_PASSES):
    certain = decrease(times) - rounding * (times + jumps @ np.abs(times))
    share = np.min(certain * leave, where=is_inner, initial=1.0)
    if share > 0.5 and times.min() >= 0:
      inflow = law @ jumps
      residual = np.abs(inflow - law) + rounding * (inflow + law)
      return float(2 * (times @ residual) / share / (law / leave).sum())
    step, _ = solve(decrease, target - decrease(times), TIME_REDUCTION)
    times = times + np.where(is_inner, step, 0.0)
  return math.inf
