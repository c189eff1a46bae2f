"""Tests of step size, gain and restarts against hand calculation."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import heavy_ball

LOGITS = np.zeros((1, 2))


def gains_to_balls(gains):
  """Returns the record after each gain, and the corresponding logits."""
  ball = heavy_ball.HeavyBall(LOGITS)
  balls, logits = [], []
  for gain in gains:
    logits.append(LOGITS - gain)
    if ball.step_size:
      ball = ball.next(gain, logits[-1])
    else:
      ball = ball.begun(gain, step_size=0.05)
    balls.append(ball)
  return balls, logits


def test_the_first_step_changes_differences_of_logits_by_a_tenth():
  action_values = np.array([[0.0, 2.0, -np.inf], [1.0, 0.0, 0.5]])
  assert heavy_ball.first_step_size(action_values) == 0.05


def test_the_gain_is_that_of_the_best_action_in_each_state():
  policy = np.array([[0.5, 0.5], [1.0, 0.0]])
  action_values = np.array([[0.0, 2.0], [3.0, -np.inf]])
  gain = heavy_ball.gain(policy, np.array([0.25, 0.75]), action_values)
  assert gain == 0.25
  # Next to values of 1e16 it is rounding.
  action_values[1, 0] = 1e16
  assert heavy_ball.gain(policy, np.array([0.25, 0.75]), action_values) == 0


def test_steps_grow_until_the_gain_is_twice_its_minimum():
  balls, _ = gains_to_balls([1.0, 4.0, 3.0, 6.0, 6.1])
  # The gain right after the start is ignored.
  assert [ball.num_since_restart for ball in balls] == [0, 1, 2, 3, 0]
  sizes = [ball.step_size for ball in balls]
  assert sizes == pytest.approx([0.05, 0.06, 0.072, 0.0864, 0.0432])
  assert [ball.least_gain for ball in balls] == [1.0, 4.0, 3.0, 3.0, 6.1]


# After the first gain there are six iterations, of which the last is a restart.
FALLING = [8.0, 4.0, 2.0, 1.0, 0.5]


def test_it_is_given_up_after_two_restarts_without_progress():
  balls, _ = gains_to_balls([9.0, *FALLING, 2.0, *FALLING, 2.0, *FALLING, 2.0])
  failed = [ball.num_failed_restarts for ball in balls[6::6]]
  assert failed == [0, 1, 2]
  assert [ball.is_given_up for ball in balls[6::6]] == [False, False, True]


def test_it_is_kept_while_there_is_progress():
  """The gain at each restart is less than half of that at the one before."""
  gains = [9.0]
  for gain in (1.0, 0.4, 0.16):
    gains += [4 * gain, 3 * gain, 2 * gain, gain, 0.3 * gain, gain]
  balls, _ = gains_to_balls(gains)
  assert [ball.num_since_restart for ball in balls[6::6]] == [0] * 3
  assert not any(ball.num_failed_restarts for ball in balls)


def test_it_is_given_up_where_the_step_size_falls_to_a_tenth():
  gains = [9.0]
  for n in range(6):
    gains += [0.1 * 0.1**n, 0.1**n]
  balls, _ = gains_to_balls(gains)
  assert balls[-1].is_given_up
  last = balls[-1]
  assert last.step_size < 0.1 * last.largest_step_size


def test_the_best_policy_after_a_restart_is_kept():
  balls, logits = gains_to_balls([9.0, 8.0, 20.0, 0.001])
  assert balls[2].num_since_restart == 0
  assert balls[2].best_gain == 0.008
  assert balls[3].best_logits is logits[3]
