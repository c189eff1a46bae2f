"""Expected visits and invariant laws of large chains.

Both are solutions of equations u (I - J) = b, where J is the jump chain. Where
parts of the chain can be separated by few states, as on a grid or any other
flat map, these have sparse LU factors (`jump_chain`).

Other chains, such as those on random graphs, would fill the factors, but mix
fast: GMRES finds their laws. The residual is as small when such a chain falls
apart into parts that hardly any player moves between, while the share of each
part is that of the start. What tells is the time to get to one fixed state h,
the only one in which balance is not asked for. Let v >= 0 have

    v_i - sum_{j != h} J_ij v_j >= 1 / leave_i    in all states i != h,

which is the equation of that time, up to a factor, and is solved roughly, by
GMRES again. Multiplied by |K r| for the residual r of the balance u (I - J) = 0
(`certificate` has K >= 0 and |u - u'| <= K |r|), it gives

    sum_i |u_i - u'_i| / leave_i <= sum_i v_i |r_i|

if u' is right in h: a bound of the error of all masses together.
"""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel.chains import certificate
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report

# Largest bandwidth in a reverse Cuthill-McKee order with which a chain is
# factorised. It bounds the separators of the graph, about 2,000 on a grid of
# 10^6 states, and the time for the factors grows with its cube.
MAX_BANDWIDTH = 5000
# What the bound of the error of a law may be, of each mass by LU and of all of
# them together by GMRES: at least, and for each state.
MAX_ERROR = 1e-8
MAX_ERROR_PER_STATE = 4e-12
# Largest |d|_1 of the last correction d to a law by GMRES, ...
LAW_TOLERANCE = 1e-10
# ... or relative residual below which it cannot be improved.
ROUNDING = 1e-14
# By how much one pass of GMRES reduces the residual, and in how many steps.
GMRES_REDUCTION = 1e-6
NUM_GMRES_ITERATIONS = 40
MAX_GMRES_PASSES = 100
# By how much one pass reduces the residual of the time to a state, and how many
# there are until it is small enough everywhere.
TIME_REDUCTION = 0.1
MAX_TIME_PASSES = 40
# Share of a uniform law below which states do not count for less in GMRES.
LEAST_WEIGHT = 1e-8
# How many parts of a chain that all but falls apart are told from each other.
MAX_PINNED = 12
# Steps by which a first law is found, which need not be near.
NUM_FIRST_STEPS = 50


class NearlyReducibleError(ArithmeticError):
  """The parts of a chain cannot be told from separate chains."""


def invariant_law(
  chain: sparse.csr_array, start: np.ndarray
) -> tuple[np.ndarray, law_report.Report]:
  """Returns the invariant law of an irreducible chain, and how well.

  Args:
    chain: P, (n, n).
    start: (n,), where GMRES starts if it is positive in all states: a law near
      the one that is sought saves work.

  Raises:
    NearlyReducibleError: If the chain falls apart as far as can be told.
    ArithmeticError: If GMRES does not reach LAW_TOLERANCE.
  """
  jumps, leave = jump_chain.jump_chain(chain, 0.0)
  law = _first_law(jumps, start * leave)
  if jump_chain.bandwidth(chain) <= MAX_BANDWIDTH:
    law, bound = _factorised_law(jumps, int(law.argmax()))
    report = law_report.relative(law_report.Method.LU, 2 * bound)
  else:
    law = _iterated_law(jumps, law)
    report = _by_gmres(_error_of(law, jumps, leave), len(law))
  visits = law / leave
  law = visits / math.fsum(visits)
  return law, report.with_rounding(4 * law_report.UNIT_ROUNDOFF)


def expected_visits(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> tuple[np.ndarray, law_report.Report]:
  """Returns how often each state is visited before an exit, and how well.

  The errors by GMRES are those of exits together, relative to all entries.

  Args:
    chain: (n, n), the transitions within.
    exits: (n,), the probabilities to leave for good.
    entries: (n,), how often each state is entered from outside.

  Raises:
    NearlyReducibleError: If exits are so rare that they cannot be seen.
    ArithmeticError: If GMRES does not bring the residual to ROUNDING.
  """
  jumps, leave = jump_chain.jump_chain(chain, exits)
  if jump_chain.bandwidth(chain) > MAX_BANDWIDTH:
    visits, residual = _iterated_visits(jumps, entries)
    # Exits are 1^T (I - J) K, and so those of a residual add up to it.
    report = _by_gmres(residual / entries.sum(), len(entries))
  else:
    visits, bound = jump_chain.Factors(jumps, []).visits(entries)
    if bound > _max_error(len(leave)):
      raise NearlyReducibleError(
        f"The chain leaves its {len(leave)} transient states so rarely that"
        " sparse LU cannot resolve its long-run law to"
        f" {_max_error(len(leave)):.0e}."
      )
    report = law_report.relative(law_report.Method.LU, bound)
  return visits / leave, report


def _max_error(size: int) -> float:
  """Returns what is required of the bound for a law of some states."""
  return max(MAX_ERROR, MAX_ERROR_PER_STATE * size)


def _by_gmres(bound: float, size: int) -> law_report.Report:
  """Returns the report with a bound of the errors of `size` states together.

  Raises:
    NearlyReducibleError: If it is too large.
  """
  if not bound <= _max_error(size):
    raise NearlyReducibleError(
      f"The {size} states of the chain all but fall apart: GMRES cannot resolve"
      f" its long-run law to {_max_error(size):.0e}."
    )
  return law_report.Report(
    frozenset([law_report.Method.GMRES]), math.inf, bound
  )


def _first_law(jumps: sparse.csr_array, start: np.ndarray) -> np.ndarray:
  """Returns a law with most of its mass where the invariant law has it."""
  law = start if start.min() > 0 else np.ones(len(start))
  law = law / law.sum()
  for _ in range(NUM_FIRST_STEPS):
    law = (law + law @ jumps) / 2  # Half-way, as jumps may be periodic.
  return law


def _factorised_law(
  jumps: sparse.csr_array, likely: int
) -> tuple[np.ndarray, float]:
  """Returns the invariant law of the jump chain by LU, and its error bound.

  Args:
    jumps: J, (n, n), irreducible.
    likely: A state that is visited often.

  Raises:
    NearlyReducibleError: If it falls apart as far as LU can see.
  """
  size = len(jumps.indptr) - 1
  pinned = [likely]
  for _ in range(MAX_PINNED):
    factors = jump_chain.Factors(jumps, pinned)
    law, bound = factors.law()
    if bound <= _max_error(size) / 2:  # Of a law that is not normalised yet.
      return law, bound
    trap = factors.trap()
    if trap in pinned:
      break
    pinned.append(trap)
    del factors  # Not two of them in memory at a time.
  raise NearlyReducibleError(
    f"The {size} states of the chain all but fall apart, into {len(pinned)}"
    " parts or more: sparse LU cannot resolve its invariant law to"
    f" {_max_error(size):.0e}."
  )


def _iterated_law(jumps: sparse.csr_array, law: np.ndarray) -> np.ndarray:
  """Returns the invariant law of the jump chain by GMRES.

  A correction d solves d (I - J) = r for the residual r = u J - u, whose sum is
  zero: there the singular system is a regular one. r is measured as
  |r / sqrt(u)|_2, which is at least |r|_1 and in which chains are contractions.

  Args:
    jumps: J, (n, n), irreducible.
    law: u, (n,), where to start.

  Raises:
    ArithmeticError: If it is not found.
  """
  for _ in range(MAX_GMRES_PASSES):
    residual = _residual(law, jumps)
    if np.abs(residual).sum() <= ROUNDING:
      return law
    weights = np.sqrt(np.maximum(law, LEAST_WEIGHT / len(law)))

    def residual_of(z, weights=weights):
      return z - ((weights * z) @ jumps) / weights

    z, failed = _gmres(residual_of, residual / weights)
    step = weights * z
    law = np.maximum(law + step, 0.0)
    law /= law.sum()
    if not failed and np.abs(step).sum() <= LAW_TOLERANCE:
      return law
  raise ArithmeticError(
    f"The invariant law of {len(law)} states was not found to within"
    f" {LAW_TOLERANCE:.0e} by GMRES: the chain mixes too slowly."
  )


def _residual(law: np.ndarray, jumps: sparse.csr_array) -> np.ndarray:
  """Returns u J - u, with a sum of zero."""
  residual = law @ jumps - law
  return residual - residual.sum() * law  # What rounding has made of zero.


def _error_of(
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
    step, _ = _gmres(decrease, target - decrease(times), TIME_REDUCTION)
    times = times + np.where(is_inner, step, 0.0)
  return math.inf


def _iterated_visits(
  jumps: sparse.csr_array, entries: np.ndarray
) -> tuple[np.ndarray, float]:
  """Returns u with u (I - J) = entries by GMRES, and its residual.

  Raises:
    ArithmeticError: If it is not found.
  """
  visits = np.zeros(len(entries))
  for _ in range(MAX_GMRES_PASSES):
    inflow = entries + visits @ jumps
    residual = inflow - visits
    size = np.abs(residual).sum()
    if size <= ROUNDING * visits.sum():
      return visits, size + certificate.rounding(
        jump_chain.num_terms(jumps)
      ) * 2 * visits.sum()
    step, _ = _gmres(lambda x: x - x @ jumps, residual)
    visits = np.maximum(visits + step, 0.0)
  raise ArithmeticError(
    f"The visits of {len(visits)} transient states were not found by GMRES: the"
    f" chain leaves them too slowly. The last residual was {size:.1e}."
  )


def _gmres(
  apply, right_side: np.ndarray, reduction: float = GMRES_REDUCTION
) -> tuple[np.ndarray, int]:
  """Returns SciPy's GMRES of one cycle, and whether it did not converge."""
  size = len(right_side)
  operator = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
  return linalg.gmres(
    operator,
    right_side,
    rtol=reduction,
    restart=NUM_GMRES_ITERATIONS,
    maxiter=1,
  )
