"""Tests of the steps of Newton's method."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.equilibria import complementarity
from mftrpo_openspiel.equilibria import systems
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.utils import tabular_policies


def point(flow, values, slacks):
  return complementarity.Point(
    *(np.array(numbers, dtype=float) for numbers in (flow, values, slacks))
  )


def test_a_step_ends_before_a_mass_or_slack_is_0():
  start = point([1.0, 2.0], [5.0], [1.0, 4.0])
  step = point([-4.0, 1.0], [8.0], [1.0, -8.0])
  moved = start.moved(step, 0.8, has_one_length=False)
  np.testing.assert_allclose(moved.flow, [0.2, 2.2])  # 0.2 of the step.
  np.testing.assert_allclose(moved.values, [8.2])  # 0.4 of the step.
  np.testing.assert_allclose(moved.slacks, [1.4, 0.8])
  moved = start.moved(step, 0.8, has_one_length=True)
  np.testing.assert_allclose(moved.flow, [0.2, 2.2])
  np.testing.assert_allclose(moved.values, [6.6])
  whole = start.moved(point([1, 1], [1], [1, 1]), 0.8, has_one_length=False)
  np.testing.assert_allclose(whole.flow, [2.0, 3.0])


@pytest.fixture(scope="module")
def system():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=6)")
  return systems.of_model(compiled_game.CompiledGame(game))


def points(system, count, eta=0.0):
  mask = np.ones((84, 2), bool)
  found = complementarity.first_point(
    system, tabular_policies.uniform_policy(mask)
  )
  for _ in range(count):
    if found is None:
      return
    yield found
    found = complementarity.next_point(system, found, eta)


@pytest.mark.parametrize("eta", [0.0, 0.2])
def test_all_equations_hold_in_the_end(system, eta):
  """The equations are those of the module docstring."""
  *_, last = points(system, 16, eta)
  masses = system.masses(last.flow)
  rewards = system.rewards(masses)
  weights = (eta * system.discounts)[system.states]
  rewards = rewards - weights * np.log(last.flow / masses[system.states])
  slacks = last.values[system.states] - rewards - system.expected(last.values)
  np.testing.assert_allclose(last.slacks, slacks, rtol=0, atol=1e-12)
  np.testing.assert_allclose(system.missing_flow(last.flow), 0, atol=1e-14)
  assert last.flow.min() > 0
  assert last.slacks.min() > 0
  assert last.flow @ last.slacks == last.gap < 1e-12


def test_the_gap_falls_fast_in_the_end(system):
  gaps = np.array([found.gap for found in points(system, 40)])
  ratios = gaps[1:] / gaps[:-1]
  is_last = (gaps[:-1] < 1e-6) & (gaps[1:] > 1e-14)
  assert is_last.sum() >= 2
  assert ratios[is_last].max() < 0.02


def test_there_is_no_step_below_rounding(system):
  assert len(list(points(system, 40))) < 40
