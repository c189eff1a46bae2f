"""The solvers of the stationary model agree, and their results are pure."""

import copy
import pickle

import draws
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies


def test_accuracy_of_a_large_model_names_its_solvers():
  game = pyspiel.load_game("python_mfg_four_rooms(room_size=28)")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  # The closed form of stationary_model_test.py.
  assert model.exploitability(uniform) == pytest.approx(
    (0.2 + 0.2 * 3 / 5) / (1 - 0.9), rel=1e-9
  )
  assert model.solver.name == "BiCGSTAB"
  report = model.invariant_law(uniform).report
  assert report.methods == {law_report.Method.SPARSE_LU}
  assert 0 < report.consistency_residual < 1e-14
  assert 0 < report.relative_error_bound < 1e-8
  gap = model.optimality_gap(uniform)
  assert 0 < gap.error_bound < 1e-10
  bound = law_report.rounded_up(gap.error_bound)
  assert model.accuracy() == (
    f"Values by BiCGSTAB, error at most {bound}, which exploitabilities"
    f" include; {report}."
  )


def large_model(mdp, **thresholds):
  """Returns a small model that is solved as if it were large."""
  return stationary_model.StationaryModel(
    mdp,
    solver="BiCGSTAB",
    laws=long_run_law.LongRunLaws(
      max_dense_states=0, max_elimination_states=1, **thresholds
    ),
  )


@pytest.mark.parametrize("max_bandwidth", [0, 1000])
def test_results_do_not_depend_on_earlier_calls(max_bandwidth):
  mdp = pyspiel.load_game("python_mfg_four_rooms_poi").mean_field_mdp()

  def results(model):
    policy = draws.random_policy(model, 3)
    law = model.mean_field(policy)
    return [
      law,
      model.propagate(policy, law, None),
      model.action_values(policy, law, 0.1),
      model.optimal_action_values(law),
      model.exploitability(policy),
      model.exploitability(policy, 0.1),
    ]

  fresh = results(large_model(mdp, max_bandwidth=max_bandwidth))
  used = large_model(mdp, max_bandwidth=max_bandwidth)
  for seed in (1, 2):
    used.exploitability(draws.random_policy(used, seed), 0.3)
  for one, other in zip(fresh, results(used)):
    np.testing.assert_array_equal(one, other)


def test_a_resumed_run_on_a_large_model_has_the_same_bits():
  mdp = pyspiel.load_game("python_mfg_four_rooms").mean_field_mdp()

  def solver():
    return mf_trpo.MFTRPO(large_model(mdp), warm_start=True, max_step_count=10)

  whole, resumed = solver(), solver()
  for i in range(6):
    if i == 3:
      state = whole.state()
      whole.model.exploitability(whole.policy)
    whole.iteration()
  resumed.restore(state)
  for _ in range(3):
    resumed.iteration()
  np.testing.assert_array_equal(resumed.policy, whole.policy)
  np.testing.assert_array_equal(resumed.mean_field, whole.mean_field)


@pytest.mark.parametrize("regularization", [0.0, 0.1])
@pytest.mark.parametrize("solver", ["band LU", "sparse LU", "BiCGSTAB"])
def test_solvers_agree(solver, regularization):
  game = pyspiel.load_game("python_mfg_four_rooms_poi")
  mdp = game.mean_field_mdp()
  dense = stationary_model.StationaryModel(mdp, solver="dense LU")
  other = stationary_model.StationaryModel(mdp, solver=solver)
  policy = draws.random_policy(dense, 12)
  law = dense.mean_field(policy)
  assert f"Values by {solver}, " in other.accuracy()
  np.testing.assert_allclose(other.mean_field(policy), law, rtol=1e-11)
  np.testing.assert_allclose(
    other.action_values(policy, law, regularization),
    dense.action_values(policy, law, regularization),
    atol=1e-10,
  )
  np.testing.assert_allclose(
    other.optimal_action_values(law, regularization),
    dense.optimal_action_values(law, regularization),
    atol=1e-10,
  )
  assert other.exploitability(policy, regularization) == pytest.approx(
    dense.exploitability(policy, regularization), rel=1e-10
  )


def test_grids_are_solved_by_band_lu():
  mdp = pyspiel.load_game("python_mfg_four_rooms").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policy = draws.random_policy(model)
  model.exploitability(policy)
  report = model.invariant_law(policy).report
  assert "Values by band LU, error at most " in model.accuracy()
  assert model.accuracy().endswith(f"; {report}.")
  assert str(report).startswith("laws by band LU, relative error of each mass")
  assert 0 < report.relative_error_bound < 3e-10


def test_accuracy_is_that_of_the_last_results():
  """Also if they were computed before others, and come from a cache."""
  mdp = pyspiel.load_game("python_mfg_two_islands").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policies = [draws.random_policy(model, seed) for seed in (0, 1)]
  policies[1] **= 20  # Nearly deterministic.
  policies[1] /= policies[1].sum(axis=1, keepdims=True)

  def results(policy):
    law = model.mean_field(policy)
    model.action_values(policy, law)
    return model.accuracy()

  first, second = map(results, policies)
  assert first != second
  assert [results(policies[1]), results(policies[1])] == [second, second]
  assert results(policies[0]) == first


@pytest.mark.parametrize("name", ["four_rooms", "two_islands"])
def test_evaluations_are_shared_and_pure(name):
  """Cached results are bitwise equal to computed ones."""
  mdp = pyspiel.load_game(f"python_mfg_{name}").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  policies = [draws.random_policy(model, seed) for seed in range(3)]
  for policy in (*policies, *policies[::-1]):
    for array in (policy, np.asfortranarray(policy)):
      fresh = stationary_model.StationaryModel(mdp)
      law = model.mean_field(array)
      np.testing.assert_array_equal(law, fresh.mean_field(policy))
      for regularization in (0.0, 0.1):
        np.testing.assert_array_equal(
          model.action_values(array, law, regularization),
          stationary_model.StationaryModel(mdp).action_values(
            policy, law, regularization
          ),
        )
        assert model.exploitability(
          array, regularization
        ) == stationary_model.StationaryModel(mdp).exploitability(
          policy, regularization
        )
      start = np.eye(len(policy))[0]
      np.testing.assert_array_equal(
        model.reachable(array, law, start), fresh.reachable(policy, law, start)
      )


def test_a_policy_may_be_changed_in_place_afterwards():
  mdp = pyspiel.load_game("python_mfg_four_rooms").mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  array, other = (
    np.asfortranarray(draws.random_policy(model, seed)) for seed in range(2)
  )
  copy = array.copy(order="F")
  expected = model.mean_field(array), model.exploitability(array)
  for change in (other, np.nan):
    array[:] = change
    np.testing.assert_array_equal(model.mean_field(copy), expected[0])
    assert model.exploitability(copy) == expected[1]
  with pytest.raises(ValueError, match="policy must be"):
    model.mean_field(array)


def law_by_elimination(chain):
  """Returns the law of an irreducible chain, without any subtraction.

  Grassmann, Taksar and Heyman (1985), "Regenerative Analysis and Steady State
  Distributions for Markov Chains". The relative error of each mass is about
  1e-13.
  """
  chain = chain.copy()
  size = len(chain)
  for k in range(size - 1, 0, -1):
    chain[:k, k] /= chain[k, :k].sum()
    chain[:k, :k] += np.outer(chain[:k, k], chain[k, :k])
  law = np.zeros(size)
  law[0] = 1.0
  for k in range(1, size):
    law[k] = law[:k] @ chain[:k, k]
  return law / law.sum()


@pytest.mark.parametrize("solver", ["auto", "dense LU", "sparse LU"])
def test_a_nearly_deterministic_policy_on_a_ring_with_long_moves(solver):
  """Nearly all mass is in one state, which the pivots of LU do not reveal."""
  size, moves = 50, (0, 1, -2, 4)
  kernel = np.eye(size)[(np.arange(size)[:, None] + moves) % size]
  rng = np.random.default_rng(18575)
  logits = 40 * rng.normal(size=(size, 4))
  logits[:, 1] += 80 * (rng.random(size) < 0.7)
  excess = logits - logits.max(axis=1, keepdims=True)
  policy = np.exp(np.maximum(excess, -100))
  policy /= policy.sum(axis=1, keepdims=True)
  mdp = mdp_lib.MeanFieldMDP(
    kernel,
    lambda mu: np.repeat(-np.log(mu + 1e-25)[:, None], 4, axis=1),
    0.9,
    np.full(size, 1 / size),
  )
  model = stationary_model.StationaryModel(mdp, solver=solver)
  law = law_by_elimination(np.einsum("sa,sat->st", policy, kernel))
  assert law[19] > 0.999999999
  np.testing.assert_allclose(model.mean_field(policy), law, rtol=1e-9)


@pytest.mark.parametrize(
  "solver", ["auto", "dense LU", "sparse LU", "BiCGSTAB"]
)
@pytest.mark.parametrize(
  "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_is_independent(solver, copied):
  """The copy of an algorithm and its model, after all kinds of results."""
  game = pyspiel.load_game("python_mfg_four_rooms(room_size=3)")
  mdp = game.mean_field_mdp()
  algorithm = mf_trpo.MFTRPO(
    stationary_model.StationaryModel(mdp, solver=solver)
  )
  algorithm.iteration()
  algorithm.model.exploitability(algorithm.policy, 0.05)
  other = copied(algorithm)
  assert other.model.accuracy().split(", ")[1].startswith("none yet")
  accuracy = algorithm.model.accuracy()
  other.iteration()
  found = other.model.exploitability(other.policy, 0.05)
  assert algorithm.model.accuracy() == accuracy  # Only the copy was used.
  algorithm.iteration()
  assert algorithm.model.exploitability(algorithm.policy, 0.05) == found
  np.testing.assert_array_equal(algorithm.policy, other.policy)
