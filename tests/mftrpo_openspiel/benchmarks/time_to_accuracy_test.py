"""Tests of the time to an accuracy, with known runs."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies


class Halving:
  """Halves its value in each iteration, which takes a quarter of a second."""

  def __init__(self, time):
    self.value = 1.0
    self._time = time

  def iteration(self):
    self.value /= 2
    self._time.now += 0.25

  def measure(self):
    self._time.now += 100.0
    return self.value


class Time:
  """A clock that is advanced explicitly."""

  now = 0.0

  def perf_counter(self):
    return self.now


@pytest.fixture
def halving(monkeypatch):
  time = Time()
  monkeypatch.setattr(timed_runs, "time", time)
  return Halving(time)


def test_a_run_ends_after_its_time_without_measurements(halving):
  run = timed_runs.run_timed(halving.iteration, halving.measure, 2.1)
  assert run.iterations == list(range(10))
  assert run.seconds == [0.25 * n for n in range(10)]
  assert run.values == [0.5**n for n in range(10)]


def test_a_run_ends_at_its_target(halving):
  run = timed_runs.run_timed(
    halving.iteration, halving.measure, 60.0, target=1 / 8
  )
  assert run.iterations == [0, 1, 2, 3]


def test_a_run_ends_after_its_number_of_iterations(halving):
  run = timed_runs.run_timed(halving.iteration, halving.measure, 60.0, 2)
  assert run.values == [1.0, 0.5, 0.25]


def test_measurements_become_less_frequent(halving):
  run = timed_runs.run_timed(halving.iteration, halving.measure, 25.1)
  assert run.iterations[-1] == 101
  assert len(run.iterations) < 50
  ratios = np.divide(run.iterations[25:], run.iterations[24:-1])
  assert ratios.max() < 1.12


def test_the_time_to_a_level_is_that_of_the_first_measurement_there():
  run = timed_runs.TimedRun(
    iterations=[0, 1, 2, 3],
    seconds=[0.0, 0.5, 1.5, 4.0],
    values=[1.0, 0.01, 0.3, 0.001],
  )
  assert run.seconds_to(1.0) == 0.0
  assert run.seconds_to(0.1) == 0.5
  assert run.seconds_to(0.01) == 0.5
  assert run.seconds_to(0.009) == 4.0
  assert run.seconds_to(1e-4) is None
  assert run.at_seconds(2.0) == 0.3
  assert run.at_iteration(1) == 0.01


@pytest.mark.parametrize(
  ("ends", "expected"),
  [
    ([(1.0, 0.1), (9.0, 0.01)], 1),
    # Equally low values.
    ([(5.0, 0.1), (4.0, 0.1), (6.0, 0.1)], 1),
    # Below the last level only the time counts.
    ([(3.0, 9e-11), (2.0, 1e-10), (9.0, 1e-12)], 1),
    ([(3.0, 9e-11), (2.0, 1.1e-10)], 0),
  ],
)
def test_the_best_run_is_the_lowest_and_then_the_fastest(ends, expected):
  runs = [
    timed_runs.TimedRun([0, 1, 2], [0.0, s, 10.0], [1.0, value, 0.5])
    for s, value in ends
  ]
  assert time_to_accuracy.best(runs) == expected


def test_a_grid_has_all_combinations():
  method = time_to_accuracy.Method("", grid={"a": (1, 2), "b": (3, 4)})
  assert method.points() == [
    {"a": 1, "b": 3},
    {"a": 1, "b": 4},
    {"a": 2, "b": 3},
    {"a": 2, "b": 4},
  ]
  odd = time_to_accuracy.Method(
    "",
    grid={"a": (1, 2), "b": (3, 4)},
    is_allowed=lambda point: (point["a"] * point["b"]) % 2 == 1,
  )
  assert odd.points() == [{"a": 1, "b": 3}]
  assert time_to_accuracy.Method("").points() == [{}]


def test_the_table_has_the_best_point_of_each_grid(tmp_path, monkeypatch):
  monkeypatch.setattr(
    time_to_accuracy,
    "GAMES",
    {"two_islands": time_to_accuracy.Game("stationary", 0.5)},
  )
  methods = {
    "OMD": time_to_accuracy.Method(
      "mirror_descent", {"regularization": 0.0}, {"lr": (1e-9, 1.0)}
    ),
    "FP": time_to_accuracy.Method("fictitious_play"),
  }
  monkeypatch.setattr(time_to_accuracy, "METHODS", methods)
  omd, fp = time_to_accuracy.table(0.1, str(tmp_path))
  assert (omd["setting"], omd["grid"]) == ("lr=1.0", 2)
  assert (fp["setting"], fp["grid"]) == ("", 1)
  for row in (omd, fp):
    times = [row[column] for column in time_to_accuracy.LEVELS]
    reached = [e >= row["least"] for e in time_to_accuracy.LEVELS.values()]
    assert [time is not None for time in times] == reached
    # Half of 0.1 s, twenty times, without the end of the last iteration.
    assert 1.0 * row["iterations / s"] <= 1.001 * row["iterations"]
  assert [path.name for path in tmp_path.iterdir()] == ["time_to_accuracy.png"]


def test_a_method_that_does_not_support_a_game_gives_a_note(monkeypatch):
  monkeypatch.setattr(
    time_to_accuracy,
    "GAMES",
    {"two_islands": time_to_accuracy.Game("stationary", 0.5)},
  )
  methods = {"theirs": time_to_accuracy.Method("openspiel_mirror_descent")}
  monkeypatch.setattr(time_to_accuracy, "METHODS", methods)
  (row,) = time_to_accuracy.table(0.1, None)
  assert row["method"] == "theirs"
  assert "needs model='openspiel'" in row["note"]


def test_another_clock_can_be_used(halving):
  """On this clock, iterations take half a second."""
  own = Time()

  def iteration():
    own.now += 0.5
    halving.iteration()

  run = timed_runs.run_timed(
    iteration, halving.measure, 2.1, clock=own.perf_counter
  )
  assert run.seconds == [0.5 * n for n in range(6)]


def test_values_are_relative_to_the_uniform_policy():
  model = from_game.create_model("stationary", game_names.load("two_islands"))
  method = time_to_accuracy.Method("mirror_descent", grid={"lr": (1.0,)})
  uniform = model.exploitability(
    tabular_policies.uniform_policy(model.legal_actions_mask)
  )
  run = time_to_accuracy._run("", model, method, {"lr": 1.0}, 0.01, uniform)
  assert run.values[0] == 1.0
  algorithm = mirror_descent.MirrorDescent(model, lr=1.0)
  algorithm.iteration()
  assert run.at_iteration(1) == pytest.approx(
    model.exploitability(algorithm.policy) / uniform, rel=1e-12
  )


@pytest.mark.parametrize("title", time_to_accuracy.METHODS)
def test_all_points_of_all_grids_are_allowed(title):
  method = time_to_accuracy.METHODS[title]
  kind = registry.find(method.algorithm).model or "stationary"
  model = from_game.create_model(kind, game_names.load("two_islands"))
  for point in method.points():
    run = time_to_accuracy._run("", model, method, point, 1e-9, 1.0)
    assert run.iterations == [0, 1]
    assert np.isfinite(run.values).all()


def test_a_game_with_nothing_to_solve_gives_a_note(monkeypatch):
  still = mdp_lib.MeanFieldMDP(
    kernel=np.full((2, 2, 2), 0.5),
    reward=lambda mu: np.zeros((2, 2)),
    discount=0.9,
    initial_distribution=[1, 0],
  )
  monkeypatch.setattr(
    time_to_accuracy, "GAMES", {"still": time_to_accuracy.Game("")}
  )
  monkeypatch.setattr(game_names, "load", lambda name: None)
  monkeypatch.setattr(
    from_game,
    "create_model",
    lambda name, game: stationary_model.StationaryModel(still),
  )
  (row,) = time_to_accuracy.table(0.1, None)
  assert row["game"] == "still"
  assert "uniform policy is 0.0e+00" in row["note"]
