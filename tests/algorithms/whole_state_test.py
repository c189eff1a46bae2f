"""Tests that algorithms that do not save the model's state can be resumed."""

import counting_model
import numpy as np
import pytest

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import whole_state
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies


class Plain(algorithm.MeanFieldAlgorithm):
  """Mirror descent under a fixed mean field, with its own state."""

  policy = mean_field = None
  num_iterations = 0

  def __init__(self, game):
    super().__init__(game)
    mask = self.model.legal_actions_mask
    self.policy = tabular_policies.uniform_policy(mask)
    self.mean_field = self.model.initial_mean_field()

  def iteration(self):
    values = self.model.action_values(self.policy, self.mean_field)
    self.policy = softmax.softmax(np.log(self.policy) + 0.1 * values)
    self.num_iterations += 1

  def state(self):
    return {
      "policy": self.policy,
      "num_iterations": np.array(self.num_iterations),
    }

  def restore(self, state):
    algorithm.check_state(state, self.state())
    self.policy = state["policy"]
    self.num_iterations = state["num_iterations"].item()


def plain(num_iterations=0):
  made = Plain(counting_model.islands())
  for _ in range(num_iterations):
    made.iteration()
  return made


def test_the_state_has_that_of_the_model_and_both_go_back():
  straight, resumed = plain(5), plain(1)
  whole_state.restore(resumed, whole_state.of(plain(3)))
  assert resumed.num_iterations == 3
  for _ in range(2):
    resumed.iteration()
  assert np.array_equal(resumed.policy, straight.policy)
  assert resumed.model.num_environment_steps == 5 * counting_model.STEPS
  # The state of the algorithm alone is not enough.
  other = plain(1)
  other.restore(plain(3).state())
  for _ in range(2):
    other.iteration()
  assert not np.array_equal(other.policy, straight.policy)


def test_an_interrupt_takes_back_what_the_model_drew(monkeypatch):
  solver, straight = plain(), plain(2)

  def interrupted():
    Plain.iteration(solver)
    if solver.num_iterations == 3:
      raise KeyboardInterrupt

  monkeypatch.setattr(solver, "iteration", interrupted)
  with pytest.raises(KeyboardInterrupt):
    solver.run(10)
  ours, theirs = whole_state.of(solver), whole_state.of(straight)
  assert ours.keys() == theirs.keys()
  for name, array in ours.items():
    assert np.array_equal(array, theirs[name]), name
