"""Kernels that are functions: how often they are called, and their checks."""

import draws
import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

NUM_STATES = 30
HORIZON = 7


def line_kernel(mean_field):
  """A line on which crowded states are hard to enter, as a dense array."""
  kernel = np.zeros((NUM_STATES, 3, NUM_STATES))
  for state in range(NUM_STATES):
    for action in range(3):
      target = min(max(state + action - 1, 0), NUM_STATES - 1)
      enters = 0.9 - 0.5 * mean_field[target]
      kernel[state, action, target] += enters
      for drift in (state, max(state - 1, 0), min(state + 1, NUM_STATES - 1)):
        kernel[state, action, drift] += (1 - enters) / 3
  return kernel


def dense(mean_field):
  return line_kernel(mean_field)


def csr(mean_field):
  return sparse.csr_array(line_kernel(mean_field).reshape(-1, NUM_STATES))


class Counted:
  """A kernel that counts its calls."""

  def __init__(self, kernel):
    self.kernel = kernel
    self.calls = []

  def __call__(self, mean_field):
    self.calls.append(mean_field.tobytes())
    return self.kernel(mean_field)


def line(kernel):
  distances = np.abs(np.arange(NUM_STATES) - 20.0)
  base = np.repeat(-0.3 * distances[:, None] / NUM_STATES, 3, axis=1)
  return mdp_lib.MeanFieldMDP(
    kernel=kernel,
    reward=mdp_lib.CrowdAversion(base, 0.2),
    discount=0.9,
    initial_distribution=np.eye(NUM_STATES)[0],
  )


def compiled(mdp):
  return compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon=HORIZON))


MODELS = {"stationary": stationary_model.StationaryModel, "compiled": compiled}


@pytest.mark.parametrize("kernel", [dense, csr])
@pytest.mark.parametrize("kind", MODELS)
def test_an_iteration_calls_the_kernel_once(kernel, kind):
  counted = Counted(kernel)
  algorithm = mf_trpo.MFTRPO(MODELS[kind](line(counted)))
  algorithm.iteration()
  counted.calls.clear()
  algorithm.iteration()
  # Ten steps of the policy and one of the population, under one mean field.
  num_times = 1 if kind == "stationary" else HORIZON - 1
  assert len(counted.calls) == num_times


def test_values_under_a_flow_call_no_kernel_again():
  counted = Counted(csr)
  model = compiled(line(counted))
  algorithm = mirror_descent.MirrorDescent(model)
  for _ in range(2):
    counted.calls.clear()
    algorithm.iteration()
    model.exploitability(algorithm.policy)
    model.exploitability(algorithm.policy, 0.1)
    assert len(counted.calls) == HORIZON - 1


@pytest.mark.parametrize("kernel", [dense, csr])
def test_flow_and_values_by_loops(kernel):
  model = compiled(line(kernel))
  policy = draws.random_policy(model)
  other = model.mean_field(draws.random_policy(model, 1))
  flow = model.mean_field(policy)
  for mean_field in (flow, other, flow):
    plays = policy.reshape(HORIZON, NUM_STATES, 3)
    laws = mean_field.reshape(HORIZON, NUM_STATES)
    values = np.zeros(NUM_STATES)
    expected = np.empty((HORIZON, NUM_STATES, 3))
    for t in reversed(range(HORIZON)):
      rewards = model.game.mean_field_mdp().reward(laws[t])
      expected[t] = 0.9**t * rewards + line_kernel(laws[t]) @ values
      values = (plays[t] * expected[t]).sum(axis=1)
    for _ in range(2):
      np.testing.assert_allclose(
        model.action_values(policy, mean_field).reshape(expected.shape),
        expected,
        rtol=1e-12,
        atol=1e-13,
      )
  law = np.eye(NUM_STATES)[0]
  for t, told in enumerate(flow.reshape(HORIZON, NUM_STATES)):
    np.testing.assert_allclose(told, law, rtol=0, atol=1e-14)
    law = np.einsum("s,sa,sat->t", law, plays[t], line_kernel(law))


def test_callers_may_modify_a_returned_flow():
  model = compiled(line(csr))
  policy = draws.random_policy(model)
  flow = model.mean_field(policy)
  copy = flow.copy()
  flow[:] = 7.0
  np.testing.assert_array_equal(model.mean_field(policy), copy)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kernel", [dense, csr])
def test_mean_field_is_that_of_half_steps(kernel, seed):
  """By powers of the transition matrix and iterating mu <- (mu + law) / 2."""
  model = stationary_model.StationaryModel(line(kernel))
  policy = draws.random_policy(model, seed)
  law = np.full(NUM_STATES, 1 / NUM_STATES)
  for _ in range(60):
    chain = np.einsum("sa,sat->st", policy, line_kernel(law))
    law = (law + np.linalg.matrix_power(chain, 2**20)[0]) / 2
  found = model.mean_field(policy)
  np.testing.assert_allclose(found, law, rtol=0, atol=1e-11)
  chain = np.einsum("sa,sat->st", policy, line_kernel(found))
  np.testing.assert_allclose(found @ chain, found, rtol=0, atol=1e-14)
  for _ in range(2):
    np.testing.assert_allclose(
      model._chain(policy, found).toarray(), chain, rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("as_array", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("kind", MODELS)
def test_a_bad_kernel_is_refused_every_time(as_array, kind):
  def kernel(mean_field):
    rows = line_kernel(mean_field).reshape(-1, NUM_STATES)
    if mean_field[-1] > 0.5:
      rows[5] *= 1.5
    return as_array(rows)

  model = MODELS[kind](line(kernel))
  size = len(model.legal_actions_mask)
  policy = np.full((size, 3), 1 / 3)
  good = model.mean_field(policy)
  bad = np.tile(np.eye(NUM_STATES)[-1], size // NUM_STATES)
  for mean_field in (bad, good, bad, bad):
    for _ in range(2):
      if mean_field is good:
        model.action_values(policy, mean_field)
        continue
      with pytest.raises(
        ValueError, match=r"state 1 and action 2 sums to 1\.5"
      ):
        model.action_values(policy, mean_field)
      with pytest.raises(
        ValueError, match=r"state 1 and action 2 sums to 1\.5"
      ):
        model.propagate(policy, mean_field, None)


def test_the_array_of_the_function_is_not_modified():
  own = csr(np.full(NUM_STATES, 1 / NUM_STATES))
  own.data[0] = 0.0  # An explicit zero, which the package drops.
  own.data[1] += 1 - own.toarray()[0].sum()
  before = own.copy()
  mdp = line(lambda mean_field: own)
  kernel = mdp.kernel_at(mdp.initial_distribution)
  assert kernel.nnz == own.nnz - 1
  kernel.data[:] = 7.0
  np.testing.assert_array_equal(own.data, before.data)
  np.testing.assert_array_equal(own.indices, before.indices)
