"""Proven error bounds for the expected visits of a Markov chain.

The bounds hold however the visits were computed and however inaccurate the LU
factors were. The expected visits y of the states of a chain that ends, its
entries b from outside and the jump chain J satisfy

    y = b + J^T y,    M y = b,    M = I - J^T.

From every state the chain can end, so M is a nonsingular M-matrix and
K = M^-1 = I + J^T + (J^T)^2 + ... has no negative entry (Berman and Plemmons,
1994, Nonnegative matrices in the mathematical sciences, chapter 6). Let y' be
the computed visits, r = b - M y' their residual, and z any vector with M z > 0.
Then

    |y - y'| = |K r| <= K |r| <= t K M z = t z,    t = max_i |r_i| / (M z)_i,

so the error of each y'_i is at most t max_j z_j / y'_j times y'_i. Wrong
factors, negative pivots and overflow all show up in r or in M z. A good choice
of z is K y', computed with the same factors as y'. Then t is near the unit
roundoff, and z_j / y'_j is one plus the mean number of jumps since the start of
a walk that is now in j.

Rounding: r and M z are computed in double precision, from jump probabilities
that have rounding errors of their own, because the probability of leaving a
state is a sum. If each state is entered from at most m others and left to at
most n others, the rounding errors of r and of M z, in which only sums without
cancellation occur, are at most m + n + 4 unit roundoffs of b + J^T y', or of z.
This bound is added to |r| and subtracted from M z. Underflow causes errors of
less than FLOOR, which is therefore added to y' before K is applied, and to y'_j
in the quotient: for visits below FLOOR, the error bound is absolute.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.chains import law_report

# Number of visits below which errors are absolute.
FLOOR = 1e-290
# The largest accepted error bound of a law of many states is the larger one of
# MAX_ERROR, and MAX_ERROR_PER_STATE times the number of states. With LU it
# applies to the relative error of each mass, with GMRES to the sum of errors.
MAX_ERROR = 1e-8
MAX_ERROR_PER_STATE = 4e-12


class NearlyReducibleError(ArithmeticError):
  """Parts of a chain cannot be distinguished from separate chains."""


def max_error(size: int) -> float:
  """Returns the largest accepted error bound of a law of many states."""
  return max(MAX_ERROR, MAX_ERROR_PER_STATE * size)


def rounding(num_terms: int) -> float:
  """Returns the relative rounding error of sums with this number of terms."""
  return (num_terms + 4) * law_report.UNIT_ROUNDOFF


def error_bound(
  visits: np.ndarray,
  jumps: np.ndarray | sparse.csr_array,
  entries: np.ndarray,
  steps: np.ndarray,
  num_terms: int,
) -> float:
  """Returns a bound on the relative errors of visits.

  The caller must disable NumPy's warnings, such as those of division by zero.

  Args:
    visits: y', (n,), expected number of times that each state is left, not
      negative.
    jumps: J, (n, n).
    entries: b, (n,), not negative.
    steps: z, (n,), not negative.
    num_terms: m + n of the module docstring: the largest number of states from
      which a state is entered plus the largest number to which one is left.

  Returns:
    The bound, infinite if nothing is proven.
  """
  return bound_of_part(
    *quotients(visits, visits @ jumps, entries, steps, steps @ jumps, num_terms)
  )


def quotients(
  visits: np.ndarray,
  inflow: np.ndarray,
  entries: np.ndarray,
  steps: np.ndarray,
  steps_inflow: np.ndarray,
  num_terms: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns two quotients per state from which errors are bounded.

  Within each part of the chain without jumps to or from other parts, |y - y'|
  is at most (y' + FLOOR) max q / min p, if p > 0.

  The arguments are those of `error_bound`, with J^T y' and J^T z instead of J.

  Returns:
    p = M z / |r|, (n,), which is not positive or NaN where nothing is proven;
    and q = z / (y' + FLOOR), (n,).
  """
  share = rounding(num_terms)
  floored = visits + FLOOR
  # b + J^T y' is at most the sum of the visits and the residual.
  residual = (1 + share) * np.abs(entries + inflow - visits) + share * floored
  supply = (1 - share) * steps - steps_inflow
  return supply / residual, steps / floored


def bound_of_part(proofs: np.ndarray, lengths: np.ndarray) -> float:
  """Returns the `error_bound` of a part of the chain from its p and q."""
  least = proofs.min()
  bound = float(lengths.max() / least)
  return bound if least > 0 and bound < np.inf else np.inf
