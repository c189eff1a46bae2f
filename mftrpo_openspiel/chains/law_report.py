"""A long-run law, how it was computed, and what is proven of its error."""

import dataclasses
import enum
import math
from typing import NamedTuple

import numpy as np

# Rounding to the nearest double makes at most this relative error.
UNIT_ROUNDOFF = 2.0**-53


class Method(enum.Enum):
  """How long-run laws are computed."""

  ELIMINATION = "elimination"
  DENSE_LU = "dense LU"
  BAND_LU = "band LU"
  SPARSE_LU = "sparse LU"
  GMRES = "GMRES"


@dataclasses.dataclass(frozen=True)
class Report:
  """How a law, or visits of which it is made, were computed, and how well.

  Errors are those against the chain as it is stored in double precision, whose
  states are left by the sum of their moves to others, with probabilities below
  `long_run_law.LEAST_PROBABILITY` counted as zero. Another rounding of all its
  entries by some u changes each mass of n states by a share of 2 n u at most
  (O'Cinneide, 1993, Entrywise perturbation theory and error analysis for Markov
  chains, Numerische Mathematik 65).

  Attributes:
    methods: All that some part of the law was computed by; none where the law
      is the reference law itself.
    relative_error_bound: No mass is off by more than this share of itself, or
      of 1e-150 where it is less; infinite where that is not known.
    error_bound: The errors of all masses add up to no more than this; infinite
      where that is not known.
    consistency_residual: |mu P - mu|_1 as computed in double precision, which
      bounds no error; None where it was not asked for.
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
    """Returns the report of a law some states of which have the other one."""
    return Report(
      self.methods | other.methods,
      max(self.relative_error_bound, other.relative_error_bound),
      max(self.error_bound, other.error_bound),
    )

  def after(self, other: "Report") -> "Report":
    """Returns the report of products of what the two are of."""
    return Report(
      self.methods | other.methods,
      self.relative_error_bound + other.relative_error_bound,
      self.error_bound + other.error_bound,
    )

  def with_rounding(self, share: float) -> "Report":
    """Returns the report after roundings by a share of each mass."""
    return dataclasses.replace(
      self,
      relative_error_bound=self.relative_error_bound + share,
      error_bound=self.error_bound + share,
    )

  def __str__(self) -> str:
    """Returns it in words."""
    if not self.methods:
      return "no law was solved for"
    if math.isfinite(self.relative_error_bound):
      known = (
        f"each mass within {rounded_up(self.relative_error_bound)} of itself"
      )
    elif math.isfinite(self.error_bound):
      known = (
        f"errors of all masses at most {rounded_up(self.error_bound)} together"
      )
    else:
      known = "no bound of the error is known"
    if self.consistency_residual is not None:
      known += f", |mu P - mu| = {self.consistency_residual:.1e}"
    return f"laws by {self.names}, {known}"


class Law(NamedTuple):
  """A law, or expected visits of which one is made.

  Attributes:
    masses: (S,).
    report: How well they are known.
  """

  masses: np.ndarray
  report: Report


def relative(method: Method, bound: float) -> Report:
  """Returns the report of a method with a bound of relative errors."""
  return Report(frozenset([method]), bound, bound)


def rounded_up(bound: float) -> str:
  """Returns a positive bound with two digits, not rounded down."""
  text = f"{bound:.1e}"
  return text if float(text) >= bound else f"{1.05 * bound:.1e}"
