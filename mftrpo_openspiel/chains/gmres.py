"""Expected visits and invariant laws of large chains by GMRES.

Both are solutions of equations u (I - J) = b, where J is the jump chain. Chains
such as those on random graphs have dense LU factors, but mix fast, so that
GMRES converges.

A small residual alone does not bound the error. If a chain consists of parts
between which hardly any player moves, the residual is also small for a law in
which the mass of each part is that of the start. The error depends on the time
to reach a fixed state h, whose balance equation is omitted. Let v >= 0 satisfy

    v_i - sum_{j != h} J_ij v_j >= 1 / leave_i    in all states i != h.

With equality, v_i is the expected time from i to h. Here an approximate
solution, again by GMRES, is scaled so that the inequality holds. Let K >= 0 be
the inverse of I - J without state h, and r the residual of the balance
u' (I - J) = 0. If u' is exact in h, then |u - u'| <= |r| K in the other states
(as in `certificate`, but with row vectors), and so

    sum_i |u_i - u'_i| / leave_i <= |r| K (1 / leave) <= sum_i v_i |r_i|,

which bounds the sum of the errors of all masses.
"""

from collections.abc import Callable
import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# The iteration ends if the last correction d of a law has |d|_1 below this, ...
LAW_TOLERANCE = 1e-10
# ... or if the relative residual is below this and cannot be improved.
ROUNDING = 1e-14
# The factor by which one pass reduces the residual, its largest number of
# steps, and the largest number of passes.
REDUCTION = 1e-6
NUM_STEPS = 40
MAX_PASSES = 100
# The factor by which one pass reduces the residual of the time to reach a
# state, and the largest number of these passes.
TIME_REDUCTION = 0.1
MAX_TIME_PASSES = 40
# Lower bound on the weights of states, relative to a uniform law.
LEAST_WEIGHT = 1e-8


def invariant_law(
  chain: sparse.csr_array, start: np.ndarray, max_passes: int = MAX_PASSES
) -> law_report.Law:
  """Returns the invariant law of an irreducible chain.

  Args:
    chain: P, (n, n).
    start: (n,), the law from which the iteration starts, if it is positive in
      all states; one that is close to the result saves time.
    max_passes: Largest number of passes.

  Raises:
    NearlyReducibleError: If the chain cannot be distinguished from a reducible
      one.
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
  """Returns the expected number of visits of each state before an exit.

  The reported error is the sum of the errors of all exits, relative to the sum
  of all entries.

  The arguments are those of `elimination.expected_visits`, and the largest
  number of passes.

  Raises:
    NearlyReducibleError: If exits are so rare that they cannot be resolved.
    ArithmeticError: If the relative residual does not reach ROUNDING.
  """
  jumps, leave = jump_chain.jump_chain(chain, exits)
  visits = np.zeros(len(entries))
  for _ in range(max_passes):
    residual = entries + visits @ jumps - visits
    error = np.abs(residual).sum()
    if error <= ROUNDING * visits.sum():
      rounding = certificate.rounding(jump_chain.num_terms(jumps))
      error += rounding * 2 * visits.sum()
      # Exit probabilities are (I - J) 1, so the exits that a residual causes
      # have the same sum as the residual.
      report = _report(error / entries.sum(), len(entries))
      return law_report.Law(visits / leave, report)
    step, _ = solve(lambda x: x - x @ jumps, residual, REDUCTION)
    visits = np.maximum(visits + step, 0.0)
  raise ArithmeticError(
    f"GMRES did not converge for the visits of {len(visits)} transient states:"
    f" the chain leaves them too slowly. The last residual was {error:.1e}."
  )


def solve(
  apply: Callable[[np.ndarray], np.ndarray],
  right_side: np.ndarray,
  rtol: float = 0.0,
  atol: float = 0.0,
) -> tuple[np.ndarray, bool]:
  """Returns the x of one cycle of GMRES, and whether it did not converge.

  Args:
    apply: x -> M x.
    right_side: b of M x = b, (n,).
    rtol: Tolerance for |b - M x|_2, relative to |b|_2.
    atol: Absolute tolerance for |b - M x|_2; the larger one of both applies.
  """
  size = len(right_side)
  operator = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
  solution, status = linalg.gmres(
    operator, right_side, rtol=rtol, atol=atol, restart=NUM_STEPS, maxiter=1
  )
  return solution, status != 0


def _report(bound: float, size: int) -> law_report.Report:
  """Returns the report with a bound on the sum of the errors of `size` states.

  Raises:
    NearlyReducibleError: If the bound is too large.
  """
  if not bound <= certificate.max_error(size):
    raise certificate.NearlyReducibleError(
      f"The chain of {size} states is nearly reducible: GMRES cannot resolve"
      f" its long-run law to {certificate.max_error(size):.0e}."
    )
  return law_report.Report(
    frozenset([law_report.Method.GMRES]), math.inf, bound
  )


def _law_of_jumps(
  jumps: sparse.csr_array, law: np.ndarray, max_passes: int
) -> np.ndarray:
  """Returns the invariant law of the irreducible jump chain, from a start.

  A correction d solves d (I - J) = r for the residual r = u J - u, whose sum is
  zero. On vectors of sum zero the singular system is regular. The norm of r is
  |r / sqrt(u)|_2, which is at least |r|_1 and in which chains are contractions.

  Raises:
    ArithmeticError: If the iteration does not converge.
  """
  for _ in range(max_passes):
    residual = law @ jumps - law
    residual -= residual.sum() * law  # The sum is zero except for rounding.
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
    f"GMRES did not compute the invariant law of {len(law)} states to"
    f" {LAW_TOLERANCE:.0e}: the chain mixes too slowly."
  )


def _law_error(
  law: np.ndarray, jumps: sparse.csr_array, leave: np.ndarray
) -> float:
  """Returns a bound on the sum of the errors of an invariant law.

  Args:
    law: u', (n,), the computed invariant law of J.
    jumps: J, (n, n), irreducible.
    leave: (n,), the probabilities of leaving each state.

  Returns:
    A bound on |mu - mu'|_1, where mu and mu' are the normalised u / leave and
    u' / leave; infinite if the time to reach the most likely state cannot be
    computed.
  """
  hub = law.argmax()
  is_inner = np.arange(len(law)) != hub
  rounding = certificate.rounding(jump_chain.num_terms(jumps))
  stays = 1 / leave
  # The mean is added so that a rough solution is sufficient in all states.
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
