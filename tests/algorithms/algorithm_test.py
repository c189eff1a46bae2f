"""Tests that an algorithm continues from its state without any difference."""

import pickle

import counting_model
import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import checkpoints

GARNET = "mfg_garnet(size=4,horizon=4)"
# Moves depend on the mean field, and are looked up in every call.
LINEAR = (
  "mean_field_lin_quad(size=4,horizon=3,n_actions_per_side=1,mean_revert=0.5)"
)
ISLANDS = "python_mfg_two_islands(horizon=3)"


def make(name, options, model, game_name):
  """Returns the algorithm on its own game and model."""
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
    ("line_search_fictitious_play", {}, "stationary", ISLANDS),
    ("line_search_fictitious_play", {}, "compiled", LINEAR),
    ("proximal_point", {"num_prior_iterations": 2}, "stationary", ISLANDS),
    ("proximal_point", {}, "compiled", GARNET),
    ("proximal_point", {"num_prior_iterations": 2}, "openspiel", GARNET),
    ("boltzmann_policy_iteration", {}, "stationary", ISLANDS),
    ("interior_point", {}, "stationary", ISLANDS),
    ("interior_point", {}, "compiled", GARNET),
    ("interior_point", {"regularization": 0.1}, "compiled", ISLANDS),
    ("openspiel_fictitious_play", {}, "openspiel", GARNET),
    ("openspiel_fictitious_play", {"lr": 1.0}, "openspiel", ISLANDS),
    ("openspiel_mirror_descent", {"lr": 0.1}, "openspiel", ISLANDS),
    ("openspiel_mirror_descent_frozen_table", {}, "openspiel", GARNET),
  ],
)
@pytest.mark.parametrize("before", [0, 3])
def test_a_restored_algorithm_continues_identically(
  arguments, before, tmp_path
):
  straight, stopped = make(*arguments), make(*arguments)
  run(straight, before)
  run(stopped, before)
  # Evaluations in between must not matter either.
  stopped.model.exploitability(stopped.policy, 0.1)
  stopped.model.optimal_action_values(stopped.mean_field)
  path = tmp_path / "checkpoint.npz"
  checkpoint = iteration_loop.Checkpoint(before, 0.0, stopped.state())
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
      "state must belong to this algorithm and model",
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


STATIONARY = ("mf_trpo", {"warm_start": True}, "stationary", ISLANDS)


def test_a_run_performs_iterations_and_measures_them():
  solver, by_hand = make(*STATIONARY), make(*STATIONARY)
  history = solver.run(7, record_every=3)
  assert history.iterations.tolist() == [0, 3, 6, 7]
  assert np.array_equal(
    history.exploitability, history.columns["exploitability"]
  )
  for iteration in range(8):
    if iteration in history.iterations:
      at = history.iterations.tolist().index(iteration)
      policy, model = by_hand.policy, by_hand.model
      assert history.exploitability[at] == model.exploitability(policy)
      regularized = model.exploitability(policy, 0.05)
      assert history.regularized_exploitability[at] == regularized
    by_hand.iteration()
  run(straight := make(*STATIONARY), 7)
  assert_same(solver.state(), straight.state())
  assert solver.num_iterations == 7


def test_a_run_continues_from_the_current_iteration():
  solver = make(*STATIONARY)
  solver.run(4, record_every=2)
  second = solver.run(4, record_every=2)
  # The iteration that both runs measure has one record.
  assert second.iterations.tolist() == [4, 6, 8]
  assert solver.history.iterations.tolist() == [0, 2, 4, 6, 8]
  run(solver, 3)
  third = solver.run(2, record_every=10)
  assert third.iterations.tolist() == [11, 13]
  assert (np.diff(solver.history.seconds) >= 0).all()
  # Records after the state that is restored are dropped.
  run(again := make(*STATIONARY), 5)
  solver.restore(again.state())
  assert solver.history.iterations.tolist() == [0, 2, 4]
  solver.run(1, record_every=10)
  assert solver.history.iterations.tolist() == [0, 2, 4, 5, 6]


def test_a_run_measures_as_often_as_those_of_programs():
  history = make(*STATIONARY).run(40)
  expected = iteration_loop.log_spaced_iterations(40, 10)
  assert history.iterations.tolist() == expected


def test_a_run_stops_below_an_exploitability():
  solver = make("annealed_mf_trpo", {}, "stationary", ISLANDS)
  history = solver.run(1000, stop_below=1e-3, record_every=1)
  assert history.exploitability[-1] < 1e-3 <= history.exploitability[:-1].min()
  assert history.iterations[-1] == solver.num_iterations < 1000
  # There is nothing left to do.
  again = solver.run(1000, stop_below=1e-3)
  assert again.iterations.tolist() == [solver.num_iterations]
  assert history.regularized_exploitability is None


def test_a_callback_sees_every_iteration():
  seen = []
  make(*STATIONARY).run(5, callback=seen.append, record_every=5)
  assert [finished.iteration for finished in seen] == list(range(6))
  recorded = [finished.iteration for finished in seen if finished.record]
  assert recorded == [0, 5]


@pytest.mark.parametrize(
  "arguments",
  [STATIONARY, ("openspiel_mirror_descent", {}, "openspiel", GARNET)],
)
def test_an_interrupt_leaves_a_whole_iteration(arguments, monkeypatch):
  solver, straight = make(*arguments), make(*arguments)
  inner = getattr(solver, "_algorithm", solver)
  performed, iteration = 0, inner.iteration

  def interrupted():
    nonlocal performed
    performed += 1
    iteration()
    if performed == 4:
      raise KeyboardInterrupt

  monkeypatch.setattr(inner, "iteration", interrupted)
  with pytest.raises(KeyboardInterrupt):
    solver.run(10)
  run(straight, 3)
  assert solver.num_iterations == 3
  assert_same(solver.state(), straight.state())
  assert solver.history.iterations.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((0,), "num_iterations must be"),
    ((3, "yes"), "progress must be a bool, got 'yes'"),
    ((3, True, None, -1.0), "stop_below must be"),
  ],
)
def test_a_run_that_is_refused(arguments, message):
  solver = make(*STATIONARY)
  with pytest.raises(ValueError, match=message):
    solver.run(*arguments)
  assert solver.num_iterations == 0


def test_a_solver_and_its_history_are_shown_in_one_line():
  solver = make(*STATIONARY)
  assert repr(solver) == (
    "<MFTRPO(regularization=0.05, warm_start=True) on StationaryModel("
    "python_mfg_two_islands(horizon=3): 14 states, 2 actions), iteration 0>"
  )
  history = solver.run(30)
  first, last = history.exploitability[[0, -1]]
  assert f"iterations 0 to 30, phi_0 {first:.3g} -> {last:.3g}, phi_0.05 " in (
    repr(history)
  )
  assert repr(solver).endswith("iteration 30>")
  assert "\n" not in repr(solver) + repr(history)
  assert repr(make("fixed_point", {}, "compiled", GARNET)) == (
    "<FixedPoint() on CompiledGame("
    "mfg_garnet(horizon=4,size=4): 16 states, 3 actions), iteration 0>"
  )


def test_a_pickled_solver_keeps_options_and_history():
  solver = make(*STATIONARY)
  solver.run(3)
  again = pickle.loads(pickle.dumps(solver))
  assert repr(again) == repr(solver)
  assert again.history.iterations.tolist() == [0, 1, 2, 3]
  solver.run(2)
  assert again.num_iterations == 3


@pytest.mark.parametrize("name", sorted(algorithm_factory.ALGORITHMS))
def test_every_algorithm_runs_and_says_what_it_is(name):
  model = algorithm_factory.ALGORITHMS[name].model or "stationary"
  solver = make(name, {}, model, ISLANDS)
  history = solver.run(2)
  assert history.iterations.tolist() == [0, 1, 2]
  assert history.exploitability[-1] == solver.model.exploitability(
    solver.policy
  )
  assert "python_mfg_two_islands(horizon=3)" in repr(solver)
  assert repr(solver).endswith("iteration 2>")


def noisy(name="mf_trpo", seed=0, **options):
  """Returns an algorithm on a model that draws random numbers."""
  return algorithm_factory.create_algorithm(
    name, counting_model.islands(seed), **options
  )


@pytest.mark.parametrize("name", ["mf_trpo", "mirror_descent"])
def test_the_state_of_the_model_belongs_to_that_of_the_algorithm(
  name, tmp_path
):
  straight, stopped, resumed = noisy(name), noisy(name), noisy(name)
  run(straight, 6)
  run(stopped, 4)
  path = tmp_path / "checkpoint.npz"
  checkpoint = iteration_loop.Checkpoint(4, 0.0, stopped.state())
  checkpoints.save(path, checkpoint, "run")
  run(resumed, 1)
  resumed.restore(checkpoints.load(path, "run").state)
  run(resumed, 2)
  assert_same(resumed.state(), straight.state())
  assert resumed.state()["model.num_calls"] > 0
  # Otherwise the noise would differ.
  run(other := noisy(name, seed=1), 6)
  assert not np.array_equal(straight.policy, other.policy)


def test_the_state_on_an_exact_model_has_only_that_of_the_algorithm():
  assert not [x for x in make(*STATIONARY).state() if x.startswith("model.")]
  state, solver = noisy().state(), make("mf_trpo", {}, "stationary", ISLANDS)
  with pytest.raises(ValueError) as error:
    solver.restore(state)
  assert str(error.value) == (
    "state must belong to this algorithm and model: 'model.num_calls' must be"
    " absent, got ('<i8', ())."
  )


def test_an_interrupt_takes_back_what_the_model_drew(monkeypatch):
  solver, straight = noisy(num_policy_updates=3), noisy(num_policy_updates=3)
  action_values, num_calls = solver.model.action_values, 0

  def interrupted(*arguments, **options):
    nonlocal num_calls
    num_calls += 1
    if num_calls == 8:  # In the middle of the third iteration.
      raise KeyboardInterrupt
    return action_values(*arguments, **options)

  monkeypatch.setattr(solver.model, "action_values", interrupted)
  with pytest.raises(KeyboardInterrupt):
    solver.run(10)
  run(straight, 2)
  assert_same(solver.state(), straight.state())


def test_a_run_counts_environment_steps_and_ends_when_they_are_spent():
  solver = noisy(num_policy_updates=2)
  history = solver.run(100, num_records=1, max_environment_steps=90)
  # Two calls of ten steps per iteration: the fifth iteration reaches the limit.
  assert history.iterations.tolist() == [0, 1, 5]
  assert history.environment_steps.tolist() == [0, 20, 100]
  assert solver.model.num_environment_steps == 100
  assert history.columns["environment_steps"].dtype.kind == "i"
  assert "iterations 0 to 5 (100 environment steps), phi_0" in repr(history)
  again = solver.run(100, max_environment_steps=100)
  assert again.iterations.tolist() == [5]
  more = solver.run(100, max_environment_steps=101, num_records=1)
  assert more.environment_steps.tolist() == [100, 120]
  changes = [record.policy_change for record in solver.history.records]
  assert min(changes[1:]) > 0


def test_an_exact_run_has_no_environment_steps():
  solver = make(*STATIONARY)
  history = solver.run(2)
  assert history.environment_steps is None
  assert "environment_steps" not in history.columns
  with pytest.raises(ValueError) as error:
    solver.run(2, max_environment_steps=100)
  assert str(error.value) == (
    "max_environment_steps must not be given with a model that simulates"
    " nothing, StationaryModel, got 100."
  )
  with pytest.raises(ValueError) as error:
    noisy().run(2, max_environment_steps=0)
  assert str(error.value) == (
    "max_environment_steps must be a whole number of at least 1, got 0."
  )
  with pytest.raises(ValueError) as error:
    noisy().run(2, max_environment_steps=9)
  assert str(error.value) == (
    "max_environment_steps must be at least 10, the steps of one trajectory,"
    " got 9."
  )
