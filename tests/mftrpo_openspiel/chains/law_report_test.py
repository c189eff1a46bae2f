"""Texts of reports, and that the bounds in them are correct."""

import math

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies

Method = law_report.Method


def test_reports_in_words():
  assert str(law_report.Report()) == "no law was computed"
  band = law_report.relative(Method.BAND_LU, 3e-13)
  assert str(band) == (
    "laws by band LU, relative error of each mass at most 3.0e-13"
  )
  both = band.beside(law_report.relative(Method.ELIMINATION, 2e-14))
  assert str(both) == (
    "laws by elimination and band LU, relative error of each mass at most"
    " 3.0e-13"
  )
  gmres = law_report.Report(
    frozenset([Method.GMRES]), math.inf, 2e-10, consistency_residual=1e-16
  )
  assert str(gmres) == (
    "laws by GMRES, sum of the errors of all masses at most 2.0e-10,"
    " |mu P - mu| = 1.0e-16"
  )
  unknown = law_report.relative(Method.ELIMINATION, math.inf)
  assert str(unknown) == "laws by elimination, no error bound is known"


@pytest.mark.parametrize("bound", [1.049e-12, 1.05e-12, 9.99e-9, 1e-300, 2.0])
def test_bounds_are_not_rounded_down(bound):
  text = str(law_report.relative(Method.SPARSE_LU, bound))
  number = float(text.split("at most ")[1])
  assert bound <= number <= 1.06 * bound


def test_parts_and_products():
  first = law_report.relative(Method.SPARSE_LU, 1e-9)
  second = law_report.Report(frozenset([Method.GMRES]), math.inf, 3e-9)
  beside, after = first.beside(second), first.after(second)
  assert beside.methods == after.methods == {Method.SPARSE_LU, Method.GMRES}
  assert beside.relative_error_bound == after.relative_error_bound == math.inf
  assert (beside.error_bound, after.error_bound) == (3e-9, 4e-9)
  assert first.with_rounding(1e-9).relative_error_bound == 2e-9


def test_models_report_on_the_law_that_they_return():
  """A cached law comes with its own report, not that of the last one."""
  ring = np.stack([np.roll(np.eye(60), step, axis=1) for step in (-1, 1)], 1)
  mdp = mdp_lib.MeanFieldMDP(
    kernel=ring.reshape(120, 60),
    reward=lambda mean_field: np.zeros((60, 2)),
    discount=0.9,
    initial_distribution=np.full(60, 1 / 60),
  )
  model = stationary_model.StationaryModel(mdp)
  assert model.accuracy().endswith("; no law was computed.")
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  own = model.invariant_law(uniform).report
  assert own.methods == {Method.BAND_LU}
  # Two valleys that are never left, so elimination is used.
  steps = np.where(np.arange(60) % 30 < 15, 1 - 1e-6, 1e-6)
  model.propagate(
    np.stack([1 - steps, steps], axis=1), uniform[:, 0] / 30, None
  )
  assert "laws by elimination, " in model.accuracy()
  model.mean_field(uniform)
  assert model.accuracy().endswith(f"; {own}.")


def test_a_fixed_point_has_no_bound():
  def kernel(mean_field):
    stay = 0.2 + 0.5 * mean_field[0]
    return np.array([[stay, 1 - stay], [0.5, 0.5]])

  mdp = mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=lambda mean_field: np.zeros((2, 1)),
    discount=0.9,
    initial_distribution=np.array([0.5, 0.5]),
  )
  model = stationary_model.StationaryModel(mdp)
  model.mean_field(np.ones((2, 1)))
  assert "no error bound is known" in model.accuracy()


def test_a_reference_law_that_is_the_result_needs_no_method():
  law, report = long_run_law.LongRunLaws().cesaro_limit(
    sparse.eye_array(3, format="csr"), np.full(3, 1 / 3)
  )
  np.testing.assert_array_equal(law, 1 / 3)
  assert report == law_report.Report()
