"""Tests that an algorithm goes on from its state as if nothing had been."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import checkpoints

GARNET = "mfg_garnet(size=4,horizon=4)"
# Where plays lead hangs on the mean field, and is looked up in every call.
LINEAR = (
  "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1,mean_revert=0.5)"
)
ISLANDS = "python_mfg_two_islands(horizon=3)"


def make(name, options, model, game_name):
  """Returns the algorithm on a game and a model of its own."""
  game = game_factory.create_game(game_name)
  return algorithm_factory.create_algorithm(
    name, from_game.create_model(model, game), **options
  )


def run(algorithm, num_iterations):
  for _ in range(num_iterations):
    algorithm.iteration()


def assert_same(one, other):
  assert one.keys() == other.keys()
  for name, array in one.items():
    assert array.dtype == other[name].dtype
    assert np.array_equal(array, other[name]), name


@pytest.mark.parametrize(
  "arguments",
  [
    ("mf_trpo", {}, "stationary", ISLANDS),
    ("mf_trpo", {"warm_start": True}, "compiled", ISLANDS),
    (
      "mf_trpo",
      {"warm_start": True, "max_step_count": 4, "population_update_rate": 1.0},
      "compiled",
      LINEAR,
    ),
    (
      "mf_trpo",
      {"num_policy_updates": 2, "num_population_steps": 2},
      "openspiel",
      GARNET,
    ),
    ("annealed_mf_trpo", {}, "stationary", ISLANDS),
    (
      "mf_trpo",
      {"warm_start": True, "population_update_rate": "auto"},
      "compiled",
      LINEAR,
    ),
    ("fictitious_play", {}, "stationary", ISLANDS),
    ("fictitious_play", {"temperature": 0.3}, "compiled", GARNET),
    ("mirror_descent", {"regularization": 0.1}, "stationary", ISLANDS),
    ("mirror_descent", {}, "compiled", LINEAR),
    ("mirror_descent", {}, "openspiel", GARNET),
    ("fixed_point", {}, "stationary", ISLANDS),
    ("fixed_point", {"temperature": 0.3}, "compiled", LINEAR),
    ("prior_descent", {"num_prior_iterations": 2}, "compiled", GARNET),
    ("boltzmann_policy_iteration", {}, "stationary", ISLANDS),
    ("openspiel_fictitious_play", {}, "openspiel", GARNET),
    ("openspiel_fictitious_play", {"lr": 1.0}, "openspiel", ISLANDS),
    ("openspiel_mirror_descent", {"lr": 0.1}, "openspiel", ISLANDS),
    ("openspiel_mirror_descent_frozen_table", {}, "openspiel", GARNET),
  ],
)
@pytest.mark.parametrize("before", [0, 3])
def test_a_restored_algorithm_goes_on_the_same(arguments, before, tmp_path):
  straight, stopped = make(*arguments), make(*arguments)
  run(straight, before)
  run(stopped, before)
  # What is evaluated on the way must not matter either.
  stopped.model.exploitability(stopped.policy, 0.1)
  stopped.model.optimal_action_values(stopped.mean_field)
  path = tmp_path / "checkpoint.npz"
  checkpoint = checkpoints.Checkpoint(before, 0.0, stopped.state())
  checkpoints.save(path, checkpoint, "run")
  resumed = make(*arguments)
  run(resumed, 1)
  resumed.restore(checkpoints.load(path, "run").state)
  assert_same(resumed.state(), straight.state())
  run(straight, 3)
  run(resumed, 3)
  assert_same(resumed.state(), straight.state())
  assert np.array_equal(resumed.policy, straight.policy)
  assert np.array_equal(resumed.mean_field, straight.mean_field)
  assert not np.array_equal(resumed.policy, make(*arguments).policy)


def test_a_state_is_not_changed_by_later_iterations():
  for arguments in (
    ("mf_trpo", {"warm_start": True}, "stationary", ISLANDS),
    ("fictitious_play", {}, "compiled", GARNET),
    ("mirror_descent", {}, "compiled", GARNET),
    ("openspiel_fictitious_play", {}, "openspiel", GARNET),
    ("openspiel_mirror_descent", {}, "openspiel", GARNET),
  ):
    algorithm = make(*arguments)
    run(algorithm, 2)
    state = algorithm.state()
    copy = {name: array.copy() for name, array in state.items()}
    run(algorithm, 1)
    assert_same(state, copy)


@pytest.mark.parametrize(
  ("one", "other", "message"),
  [
    (
      (
        "mf_trpo",
        {"population_update_rate": "auto"},
        "stationary",
        ISLANDS,
      ),
      ("mirror_descent", {}, "stationary", ISLANDS),
      "'rate.bound' must be absent",
    ),
    (
      ("mirror_descent", {}, "compiled", GARNET),
      ("mf_trpo", {}, "compiled", GARNET),
      "'step_count' must be .* got nothing",
    ),
    (
      ("mirror_descent", {}, "compiled", GARNET),
      ("mirror_descent", {}, "compiled", ISLANDS),
      "'logits' must be",
    ),
    (
      ("openspiel_fictitious_play", {}, "openspiel", GARNET),
      ("openspiel_mirror_descent", {}, "openspiel", GARNET),
      "'values' must be",
    ),
    (
      ("openspiel_fictitious_play", {}, "openspiel", GARNET),
      ("openspiel_fictitious_play", {}, "openspiel", "mfg_garnet(size=5)"),
      "its nodes are not those of",
    ),
    (
      ("mf_trpo", {}, "openspiel", GARNET),
      ("openspiel_fictitious_play", {}, "openspiel", GARNET),
      "state must be one of this algorithm and model",
    ),
  ],
)
def test_a_state_of_something_else_is_refused(one, other, message):
  algorithm = make(*one)
  run(algorithm, 1)
  target = make(*other)
  policy = target.policy.copy()
  with pytest.raises(ValueError, match=message):
    target.restore(algorithm.state())
  assert np.array_equal(target.policy, policy)
