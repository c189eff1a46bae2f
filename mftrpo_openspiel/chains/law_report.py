"""Long-run laws with the method of computation and proven error bounds."""

import dataclasses
import enum
import math
from typing import NamedTuple

import numpy as np

# Rounding to the nearest double makes at most this relative error.
UNIT_ROUNDOFF = 2.0**-53


class Method(enum.Enum):
  """Methods of computing long-run laws."""

  ELIMINATION = "elimination"
  DENSE_LU = "dense LU"
  BAND_LU = "band LU"
  SPARSE_LU = "sparse LU"
  GMRES = "GMRES"


@dataclasses.dataclass(frozen=True)
class Report:
  """The methods and error bounds of a law, or of expected visits.

  Errors are differences from the exact law of the chain as stored in double
  precision, where the probability of leaving a state is the sum of its
  transitions to others, and probabilities below
  `long_run_law.LEAST_PROBABILITY` are treated as zero. Different rounding of
  its entries, by relative errors of at most u, changes each mass of n states by
  at most a relative 2 n u (O'Cinneide, 1993, Entrywise perturbation theory and
  error analysis for Markov chains, Numerische Mathematik 65).

  Attributes:
    methods: The methods by which parts of the law were computed; empty if the
      law is the reference law itself.
    relative_error_bound: Bound on the error of each mass, relative to the mass
      or, if this is less, to 1e-150; infinite if unknown.
    error_bound: Bound on the sum of the errors of all masses; infinite if
      unknown.
    consistency_residual: |mu P - mu|_1 as computed in double precision, which
      does not bound the error; None if it was not computed.
  """

  methods: frozenset[Method] = frozenset()
  relative_error_bound: float = 0.0
  error_bound: float = 0.0
  consistency_residual: float | None = None

  @property
  def names(self) -> str:
    """The names of the methods."""
    used = [method.value for method in Method if method in self.methods]
    return " and ".join(used)

  def beside(self, other: "Report") -> "Report":
    """Returns the report of a law of which parts have the other report."""
    return Report(
      self.methods | other.methods,
      max(self.relative_error_bound, other.relative_error_bound),
      max(self.error_bound, other.error_bound),
    )

  def after(self, other: "Report") -> "Report":
    """Returns the report of products of masses with these two reports."""
    return Report(
      self.methods | other.methods,
      self.relative_error_bound + other.relative_error_bound,
      self.error_bound + other.error_bound,
    )

  def with_rounding(self, share: float) -> "Report":
    """Returns the report after rounding each mass by a relative `share`."""
    return dataclasses.replace(
      self,
      relative_error_bound=self.relative_error_bound + share,
      error_bound=self.error_bound + share,
    )

  def __str__(self) -> str:
    """Returns the methods and bounds as text."""
    if not self.methods:
      return "no law was computed"
    if math.isfinite(self.relative_error_bound):
      bound = rounded_up(self.relative_error_bound)
      known = f"relative error of each mass at most {bound}"
    elif math.isfinite(self.error_bound):
      bound = rounded_up(self.error_bound)
      known = f"sum of the errors of all masses at most {bound}"
    else:
      known = "no error bound is known"
    if self.consistency_residual is not None:
      known += f", |mu P - mu| = {self.consistency_residual:.1e}"
    return f"laws by {self.names}, {known}"


class Law(NamedTuple):
  """A law, or expected visits from which one is computed.

  Attributes:
    masses: (S,).
    report: The methods and error bounds.
  """

  masses: np.ndarray
  report: Report


def relative(method: Method, bound: float) -> Report:
  """Returns the report of a method with a bound on relative errors."""
  return Report(frozenset([method]), bound, bound)


def rounded_up(bound: float) -> str:
  """Returns a positive bound with two digits, rounded up."""
  text = f"{bound:.1e}"
  return text if float(text) >= bound else f"{1.05 * bound:.1e}"
