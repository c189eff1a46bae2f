"""Tests of optimistic steps against hand calculation."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import optimistic_steps

UNIFORM = np.full((2, 2), 0.5)
MEAN_FIELD = np.array([0.75, 0.25])
NOTHING = np.zeros((2, 2))


def next_step(
  action_values,
  last_values=NOTHING,
  logits=NOTHING,
  policy=UNIFORM,
  last_step_size=1.0,
  discounts=(1.0, 1.0),
):
  """Returns c and the values of a step after one from the uniform policy."""
  last = optimistic_steps.OptimisticStep(NOTHING, last_values, last_step_size)
  step, along = last.next(
    logits, policy, MEAN_FIELD, action_values, np.array(discounts), 7.0
  )
  assert step.logits is logits
  return step.step_size, along


def test_the_first_step_is_a_plain_one():
  values = np.array([[1.0, -np.inf], [2.0, 3.0]])
  size, along = next_step(values, last_step_size=0.0)
  assert size == 7.0
  np.testing.assert_array_equal(along, values)


def test_it_grows_where_nothing_bounds_it():
  size, along = next_step(NOTHING, last_step_size=2.0)
  assert size == pytest.approx(2.4)
  np.testing.assert_array_equal(along, NOTHING)


@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_it_is_bounded_by_how_much_values_change(discount):
  # Changes that are the same for all actions of a state do not matter.
  change = discount * np.array([[9.0, 3.0], [7.0, 7.0]])
  values = discount * np.array([[0.5, -0.5], [0.0, 0.0]])
  size, along = next_step(
    values,
    last_values=values - change,
    logits=np.array([[1.0, 0.0], [5.0, 5.0]]),
    policy=np.array([[0.6, 0.4], [0.5, 0.5]]),
    discounts=(discount, discount),
  )
  # The variance is 0.24 * 6^2 in the first state, and 0.1 between its policies.
  assert size == pytest.approx(0.4 * np.sqrt(0.1 / (0.24 * 36)))
  np.testing.assert_allclose(along, values + change / size)


def test_it_is_bounded_by_the_rise_of_the_best_action():
  # Mean 4 in the second state, and 0 in the first.
  policy = np.array([[0.5, 0.5], [0.2, 0.8]])
  values = np.array([[-1.0, 1.0], [20.0, 0.0]])
  size, _ = next_step(values, last_values=values, policy=policy)
  assert size == pytest.approx(1 / 16)


def test_actions_that_are_not_played_do_not_bound_it():
  values = np.array([[-5.0, 0.0], [-5.0, 0.0]])
  policy = np.array([[1.0, 0.0], [1.0, 0.0]])
  size, _ = next_step(values, last_values=values, policy=policy)
  assert size == 1.2
