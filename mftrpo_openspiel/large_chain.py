"""Expected visits and invariant laws of large chains.

Both are solutions of equations u (I - J) = b, where J is the jump chain. Where
parts of the chain can be separated by few states, as on a grid or any other
flat map, these have sparse LU factors (`jump_chain`).

Other chains, such as those on random graphs, would fill the factors, but mix
fast: GMRES finds their laws. It cannot tell when such a chain falls apart into
parts that hardly any player moves between; the residual then is as small, but
the share of each part is that of the start.
"""

import enum

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from mftrpo_openspiel import jump_chain

# Largest bandwidth in a reverse Cuthill-McKee order with which a chain is
# factorised. It bounds the separators of the graph, about 2,000 on a grid of
# 10^6 states, and the time for the factors grows with its cube.
MAX_BANDWIDTH = 5000
# Largest error of a law by GMRES, as estimated by |d|_1 of the last correction
# d, ...
LAW_TOLERANCE = 1e-10
# ... or relative residual below which it cannot be improved.
ROUNDING = 1e-14
# By how much one pass of GMRES reduces the residual, and in how many steps.
GMRES_REDUCTION = 1e-6
NUM_GMRES_ITERATIONS = 40
MAX_GMRES_PASSES = 100
# Share of a uniform law below which states do not count for less in GMRES.
LEAST_WEIGHT = 1e-8
# How many parts of a chain that all but falls apart are told from each other.
MAX_PINNED = 12
# Steps by which a first law is found, which need not be near.
NUM_FIRST_STEPS = 50


class Method(enum.Enum):
  """How the long-run law of a chain is computed."""

  ELIMINATION = "elimination"
  BAND_LU = "band LU"
  LU = "sparse LU"
  GMRES = "GMRES"


class NearlyReducibleError(ArithmeticError):
  """LU cannot tell the parts of a chain from separate chains."""


def invariant_law(
  chain: sparse.csr_array, start: np.ndarray
) -> tuple[np.ndarray, Method]:
  """Returns the invariant law of an irreducible chain, and how it was found.

  Args:
    chain: P, (n, n).
    start: (n,), where GMRES starts if it is positive in all states: a law near
      the one that is sought saves work.

  Raises:
    NearlyReducibleError: If the chain falls apart as far as LU can see.
    ArithmeticError: If GMRES does not reach LAW_TOLERANCE.
  """
  jumps, leave = jump_chain.jump_chain(chain, 0.0)
  law = _first_law(jumps, start * leave)
  if jump_chain.bandwidth(chain) <= MAX_BANDWIDTH:
    law, method = _factorised_law(jumps, int(law.argmax())), Method.LU
  else:
    law, method = _iterated_law(jumps, law), Method.GMRES
  visits = law / leave
  return visits / visits.sum(), method


def expected_visits(
  chain: sparse.csr_array, exits: np.ndarray, entries: np.ndarray
) -> tuple[np.ndarray, Method]:
  """Returns how often each state is visited before an exit, and how found.

  Args:
    chain: (n, n), the transitions within.
    exits: (n,), the probabilities to leave for good.
    entries: (n,), how often each state is entered from outside.

  Raises:
    NearlyReducibleError: If exits are so rare that LU cannot see them.
    ArithmeticError: If GMRES does not bring the residual to ROUNDING.
  """
  jumps, leave = jump_chain.jump_chain(chain, exits)
  if jump_chain.bandwidth(chain) > MAX_BANDWIDTH:
    return _iterated_visits(jumps, entries) / leave, Method.GMRES
  factors = jump_chain.Factors(jumps, [])
  if factors.trap() is not None:
    raise NearlyReducibleError(
      f"The chain takes more than {jump_chain.MAX_NUM_STEPS:.0e} steps to leave"
      f" its {len(leave)} transient states: sparse LU cannot resolve its"
      " long-run law."
    )
  return factors.visits(entries) / leave, Method.LU


def _first_law(jumps: sparse.csr_array, start: np.ndarray) -> np.ndarray:
  """Returns a law with most of its mass where the invariant law has it."""
  law = start if start.min() > 0 else np.ones(len(start))
  law = law / law.sum()
  for _ in range(NUM_FIRST_STEPS):
    law = (law + law @ jumps) / 2  # Half-way, as jumps may be periodic.
  return law


def _factorised_law(jumps: sparse.csr_array, likely: int) -> np.ndarray:
  """Returns the invariant law of the jump chain by LU.

  Args:
    jumps: J, (n, n), irreducible.
    likely: A state that is visited often.

  Raises:
    NearlyReducibleError: If it falls apart as far as LU can see.
  """
  pinned = [likely]
  for _ in range(MAX_PINNED):
    factors = jump_chain.Factors(jumps, pinned)
    trap = factors.trap()
    if trap in pinned:
      break
    if trap is None:
      law = factors.law()
      if len(pinned) == 1:
        law = np.maximum(law + factors.correction(_residual(law, jumps)), 0.0)
      return law / law.sum()
    pinned.append(trap)
    del factors  # Not two of them in memory at a time.
  raise NearlyReducibleError(
    f"The chain takes more than {jump_chain.MAX_NUM_STEPS:.0e} steps between"
    f" {len(pinned)} parts of its {len(jumps.indptr) - 1} states: sparse LU"
    " cannot resolve its invariant law."
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
    f" {LAW_TOLERANCE:.0e} by {Method.GMRES.value}: the chain mixes too slowly."
  )


def _residual(law: np.ndarray, jumps: sparse.csr_array) -> np.ndarray:
  """Returns u J - u, with a sum of zero."""
  residual = law @ jumps - law
  return residual - residual.sum() * law  # What rounding has made of zero.


def _iterated_visits(
  jumps: sparse.csr_array, entries: np.ndarray
) -> np.ndarray:
  """Returns u with u (I - J) = entries by GMRES.

  Raises:
    ArithmeticError: If it is not found.
  """
  visits = np.zeros(len(entries))
  for _ in range(MAX_GMRES_PASSES):
    residual = entries + visits @ jumps - visits
    if np.abs(residual).sum() <= ROUNDING * visits.sum():
      return visits
    step, _ = _gmres(lambda x: x - x @ jumps, residual)
    visits = np.maximum(visits + step, 0.0)
  raise ArithmeticError(
    f"The visits of {len(visits)} transient states were not found by"
    f" {Method.GMRES.value}: the chain leaves them too slowly. The last"
    f" residual was {np.abs(residual).sum():.1e}."
  )


def _gmres(apply, right_side: np.ndarray) -> tuple[np.ndarray, int]:
  """Returns SciPy's GMRES of one cycle, and whether it did not converge."""
  size = len(right_side)
  operator = linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)
  return linalg.gmres(
    operator,
    right_side,
    rtol=GMRES_REDUCTION,
    restart=NUM_GMRES_ITERATIONS,
    maxiter=1,
  )
