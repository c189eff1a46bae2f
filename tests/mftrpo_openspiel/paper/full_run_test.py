"""Confirms the numbers of a stored complete run by dense linear algebra.

`full_run.npz` has, for each run of the paper, policy and mean field after 5,000
iterations, the two recorded exploitabilities, and whether the run was at rest.
These tests use only the arrays of the games from the package.
"""

import pathlib

import numpy as np
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.paper import experiments

DISCOUNT = 0.9
NAMES = {name.file_name: name for name in experiments.create_experiments()}


@pytest.fixture(scope="module")
def stored():
  with np.load(pathlib.Path(__file__).with_name("full_run.npz")) as arrays:
    return dict(arrays)


def arrays_of(setting):
  """The (S, A, S) kernel and the reward of a mean field."""
  game = factory.create_game(setting=setting)
  mdp = game.mean_field_mdp()
  shape = mdp.num_states, mdp.num_actions, mdp.num_states
  kernel = mdp.kernel.toarray().reshape(shape)
  aversion = game.get_parameters()["crowd_aversion"]

  def reward(law):
    return mdp.reward.base - aversion * np.log(law + 1e-25)[:, None]

  return kernel, reward


def invariant_law(policy, kernel):
  """Returns the invariant distribution by elimination without subtractions.

  The result has full relative accuracy also for rates of 1e-200 (Grassmann,
  Taksar and Heyman 1985).
  """
  rates = np.einsum("sa,sat->st", policy, kernel)
  leaving = np.zeros(len(rates))
  for state in range(len(rates) - 1, 0, -1):
    leaving[state] = rates[state, :state].sum()
    rates[:state, :state] += np.outer(
      rates[:state, state], rates[state, :state] / leaving[state]
    )
  law = np.ones(len(rates))
  for state in range(1, len(rates)):
    law[state] = law[:state] @ rates[:state, state] / leaving[state]
    law /= law.max()
  return law / law.sum()


def values_of(policy, kernel, reward, eta):
  """Returns V, (S,), with entropy bonuses."""
  chain = np.einsum("sa,sat->st", policy, kernel)
  positive = np.where(policy > 0, policy, 1.0)
  gains = (policy * (reward - eta * np.log(positive))).sum(axis=1)
  return np.linalg.solve(np.eye(len(chain)) - DISCOUNT * chain, gains)


def optimal_values(kernel, reward, eta):
  """Returns the largest V, by policy iteration."""
  num_states, num_actions = reward.shape
  policy = np.full((num_states, num_actions), 1 / num_actions)
  for _ in range(100):
    values = values_of(policy, kernel, reward, eta)
    q = reward + DISCOUNT * kernel @ values
    best = q.max(axis=1, keepdims=True)
    improved = best[:, 0]
    if eta:
      weights = np.exp((q - best) / eta)
      policy = weights / weights.sum(axis=1, keepdims=True)
      improved = improved + eta * np.log(weights.sum(axis=1))
    else:
      policy = np.eye(num_actions)[q.argmax(axis=1)]
    if np.abs(improved - values).max() < 1e-13 * np.abs(values).max():
      return values
  # Rounding errors may prevent a smaller difference.
  assert np.abs(improved - values).max() < 1e-11
  return values


def exploitability(policy, arrays, eta):
  kernel, reward = arrays
  law = invariant_law(policy, kernel)
  rewards = reward(law)
  gaps = optimal_values(kernel, rewards, eta) - values_of(
    policy, kernel, rewards, eta
  )
  return law @ gaps


def test_all_runs_are_stored(stored):
  assert {name.split(".policy")[0] for name in stored if "policy" in name} == {
    *NAMES
  }


@pytest.mark.parametrize("file_name", NAMES)
def test_exploitabilities_are_as_recorded(stored, file_name):
  name = NAMES[file_name]
  policy = stored[f"{file_name}.policy"]
  found = [
    exploitability(policy, arrays_of(name.setting), eta)
    for eta in (0.0, name.eta or 0.05)
  ]
  np.testing.assert_allclose(
    found, stored[f"{file_name}.exploitabilities"], rtol=0, atol=1e-9
  )


@pytest.mark.parametrize("file_name", NAMES)
def test_runs_at_rest_are_at_a_fixed_point(stored, file_name):
  name = NAMES[file_name]
  if not stored[f"{file_name}.is_at_rest"]:
    assert name.method.startswith("FP") or name.eta is None
    return
  kernel, reward = arrays_of(name.setting)
  policy = stored[f"{file_name}.policy"]
  mean_field = stored[f"{file_name}.mean_field"]
  np.testing.assert_allclose(
    mean_field, invariant_law(policy, kernel), rtol=0, atol=1e-11
  )
  # The policy is the softmax of its own action values, so that its regularized
  # exploitability is 0. The printed MF-TRPO has a gap, which depends on L.
  gap = exploitability(policy, arrays_of(name.setting), name.eta)
  if name.method == "MF-TRPO":
    assert 1e-5 < gap < 1e-2
  else:
    assert abs(gap) < 1e-11
    values = values_of(policy, kernel, reward(mean_field), name.eta)
    q = reward(mean_field) + DISCOUNT * kernel @ values
    weights = np.exp((q - q.max(axis=1, keepdims=True)) / name.eta)
    np.testing.assert_allclose(
      policy, weights / weights.sum(axis=1, keepdims=True), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("setting", [*experiments.PANELS])
@pytest.mark.parametrize("eta", experiments.ETAS)
def test_all_regularized_methods_find_the_same_equilibrium(
  stored, setting, eta
):
  warm, omd = (
    stored[f"{experiments.RunName(setting, method, eta).file_name}.mean_field"]
    for method in ("MF-TRPO warm", "OMD")
  )
  np.testing.assert_allclose(warm, omd, rtol=0, atol=1e-9)
