"""A proof, from the numbers alone, that visits of a chain are right.

However they were computed, whatever the factors were like: visits y of the
states of a chain that ends, its entries b and the jump chain J obey

    y = b + J^T y,    M y = b,    M = I - J^T.

From every state the chain can end, so M is a nonsingular M-matrix and
K = M^-1 = I + J^T + (J^T)^2 + ... has no negative entry (Berman and Plemmons,
1994, Nonnegative matrices in the mathematical sciences, chapter 6). Let y' be
what was computed, r = b - M y' its residual, and z any vector with M z > 0.
Then

    |y - y'| = |K r| <= K |r| <= t K M z = t z,    t = max_i |r_i| / (M z)_i,

so that no y'_i is off by more than t max_j z_j / y'_j times itself. Wrong
factors, negative pivots, overflow: all of them show in r or in M z. A good z is
K y', by the same factors as y': then t is near the unit roundoff, and
z_j / y'_j is how many jumps ago a walk that is met in j has begun, on average.

Rounding: r and M z are computed in double precision, from jump probabilities
with an error of their own, as what leaves a state is a sum. If no state is
entered from more than m others nor left to more than n, the sums of r and M z,
which add without cancelling, are off by m + n + 4 units of rounding of
b + J^T y', or of z, at most: so much is added to |r| and taken off M z. What
underflows is less than FLOOR, which is added to y' before K is applied, and to
y'_j in the quotient: below it errors are absolute.
"""

import numpy as np
from scipy import sparse

from mftrpo_openspiel.chains import law_report

# Number of jumps below which digits do not count.
FLOOR = 1e-290
# What the bound of the error of a law of many states may be, of each mass by LU
# and of all of them together by GMRES: at least, and for each state.
MAX_ERROR = 1e-8
MAX_ERROR_PER_STATE = 4e-12


class NearlyReducibleError(ArithmeticError):
  """The parts of a chain cannot be told from separate chains."""


def max_error(size: int) -> float:
  """Returns what is required of the bound for a law of many states."""
  return max(MAX_ERROR, MAX_ERROR_PER_STATE * size)


def rounding(num_terms: int) -> float:
  """Returns what rounding makes of sums of that many jumps, in and out."""
  return (num_terms + 4) * law_report.UNIT_ROUNDOFF


def error_bound(
  visits: np.ndarray,
  jumps: np.ndarray | sparse.csr_array,
  entries: np.ndarray,
  steps: np.ndarray,
  num_terms: int,
) -> float:
  """Returns how far visits are off, relative to themselves.

  The caller has to switch warnings of division by zero and the like off.

  Args:
    visits: y', (n,), how often each state is left, not negative.
    jumps: J, (n, n).
    entries: b, (n,), not negative.
    steps: z, (n,), not negative.
    num_terms: How many states a state is entered from, and how many it is left
      to, at most; the sum of both.

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
  """Returns what errors are bounded by, state by state.

  Within each part of the chain that there is no way out of or into, |y - y'| is
  at most (y' + FLOOR) times the largest q over the least p, if p > 0.

  The arguments are those of `error_bound`, with J^T y' and J^T z instead of J.

  Returns:
    p, M z / |r|, (n,), not positive or NaN where it proves nothing; and q,
    z / (y' + FLOOR), (n,).
  """
  share = rounding(num_terms)
  floored = visits + FLOOR
  # What comes in is no more than the visits and the residual.
  residual = (1 + share) * np.abs(entries + inflow - visits) + share * floored
  supply = (1 - share) * steps - steps_inflow
  return supply / residual, steps / floored


def bound_of_part(proofs: np.ndarray, lengths: np.ndarray) -> float:
  """Returns the `error_bound` for a part of the chain, by its p and q."""
  least = proofs.min()
  bound = float(lengths.max() / least)
  return bound if least > 0 and bound < np.inf else np.inf
