"""Tests of the step size of optimistic steps against hand calculation."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import optimistic_steps

POLICY = np.array([[0.5, 0.5], [0.2, 0.8]])
WEIGHTS = np.array([0.75, 0.25])
NOTHING = np.zeros((2, 2))


def step_size(
  last=1.0,
  action_values=NOTHING,
  policy_change=NOTHING,
  logits_change=NOTHING,
  values_change=NOTHING,
  policy=POLICY,
):
  return optimistic_steps.next_step_size(
    last,
    policy,
    WEIGHTS,
    action_values,
    policy_change,
    logits_change,
    values_change,
  )


def test_it_grows_where_nothing_bounds_it():
  assert step_size(2.0) == pytest.approx(2.4)


def test_it_is_bounded_by_how_much_values_change():
  size = step_size(
    # Changes that are the same for all actions of a state do not matter.
    values_change=np.array([[9.0, 3.0], [7.0, 7.0]]),
    logits_change=np.array([[1.0, 0.0], [5.0, 5.0]]),
    policy_change=np.array([[0.1, -0.1], [0.0, 0.0]]),
  )
  # Variance 9 in the first state, and 0.1 between its policies.
  assert size == pytest.approx(0.4 * np.sqrt(0.1 / 9))


def test_it_is_bounded_by_what_the_best_action_gains_on_the_mean():
  # Mean 4 in the second state, and 0 in the first.
  size = step_size(action_values=np.array([[-1.0, 1.0], [20.0, 0.0]]))
  assert size == pytest.approx(1 / 16)


def test_actions_that_are_not_legal_do_not_bound_it():
  size = step_size(
    action_values=np.array([[-5.0, 0.0], [-5.0, 0.0]]),
    policy=np.array([[1.0, 0.0], [1.0, 0.0]]),
  )
  assert size == 1.2
