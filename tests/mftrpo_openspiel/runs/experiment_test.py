"""Tests of whole runs, of interrupted runs, and of resumed runs."""

import dataclasses
import gc
import multiprocessing
import os
import random
import signal
import struct
import sys
import time

import command_line
import numpy as np
import pytest

from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.utils import interrupts

Experiment = experiment_lib.Experiment

ISLANDS = Experiment(
  setting="two_islands",
  algorithm="mf_trpo",
  options={"warm_start": True},
  num_iterations=40,
  record_every=3,
  log_distribution=True,
  log_policy=True,
  checkpoint_seconds=0.0,
)
EXPERIMENTS = {
  "stationary": ISLANDS,
  "compiled": Experiment(
    game_name="mfg_garnet(size=4,horizon=4)",
    algorithm="mirror_descent",
    options={"lr": 0.1},
    num_iterations=30,
    checkpoint_seconds=0.0,
  ),
  "openspiel": Experiment(
    game_name="mfg_garnet(size=3,horizon=3)",
    model="openspiel",
    algorithm="openspiel_mirror_descent",
    num_iterations=8,
    record_every=1,
    checkpoint_seconds=0.0,
  ),
  "sampled": Experiment(
    setting="two_islands",
    model="sampled",
    model_options={
      "num_trajectories": 30,
      "num_particles": 100,
      "num_particle_steps": 5,
      "seed": 3,
    },
    algorithm="mf_trpo",
    options={"num_policy_updates": 3},
    num_iterations=20,
    record_every=3,
    log_policy=True,
    checkpoint_seconds=0.0,
  ),
}


def assert_same_results(one, other):
  """Asserts that two results are bitwise the same, except for the seconds."""

  def timeless(records):
    return [dataclasses.replace(record, seconds=0) for record in records]

  assert timeless(one.records) == timeless(other.records)
  for name in ("mean_fields", "policies"):
    ours, theirs = getattr(one, name), getattr(other, name)
    assert ours.keys() == theirs.keys()
    for iteration, array in ours.items():
      assert np.array_equal(array, theirs[iteration])
  for name, value in vars(one.solution).items():
    assert np.array_equal(value, getattr(other.solution, name)), name


@pytest.fixture(scope="module")
def results(tmp_path_factory):
  """Returns the results of uninterrupted runs."""
  folder = tmp_path_factory.mktemp("whole")
  return {
    name: experiment_lib.run_experiment(experiment, folder / name)
    for name, experiment in EXPERIMENTS.items()
  }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_has_its_configuration_records_and_solution(name, results):
  experiment, result = EXPERIMENTS[name], results[name]
  there = result.config["experiment"]
  again = Experiment(**there)
  assert again == dataclasses.replace(experiment, model=name)
  assert result.config["game"] == str(experiment.create_game())
  # A sampled model has the states of the exact one.
  exact = "stationary" if name == "sampled" else name
  assert result.config["model"] == result.solution.model == exact
  iterations = [record.iteration for record in result.records]
  assert iterations == experiment.record_at()
  assert iterations[0] == 0
  assert iterations[-1] == experiment.num_iterations
  seconds = [record.seconds for record in result.records]
  assert seconds == sorted(seconds)
  assert result.costs.solving == seconds[-1]
  model = from_game.create_model(exact, experiment.create_game())
  policy = model.from_openspiel(result.solution.to_policy(model))
  assert model.exploitability(policy) == result.records[-1].exploitability
  assert result.solution.iteration == experiment.num_iterations
  if experiment.log_distribution:
    assert list(result.mean_fields) == iterations
    last = result.mean_fields[iterations[-1]]
    assert np.array_equal(last, result.solution.mean_field)
  if experiment.log_policy:
    assert list(result.policies) == iterations
    last = result.policies[iterations[-1]]
    assert np.array_equal(last, result.solution.policy)
    np.testing.assert_allclose(
      [model.exploitability(policy) for policy in result.policies.values()],
      [record.exploitability for record in result.records],
      rtol=1e-12,
    )


def test_what_is_stored_cannot_change_when_a_run_is_resumed(tmp_path):
  path = tmp_path / "run"
  experiment = dataclasses.replace(ISLANDS, log_policy=False, num_iterations=4)
  experiment_lib.run_experiment(experiment, path)
  assert not (path / "policies").exists()
  asked = dataclasses.replace(experiment, log_policy=True)
  with pytest.raises(ValueError, match="log_policy must be False to resume"):
    experiment_lib.run_experiment(asked, path, resume=True)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_in_memory_gives_the_same_results(name, results):
  result = experiment_lib.run_experiment(EXPERIMENTS[name], None)
  assert_same_results(result, results[name])
  assert result.config == results[name].config


@pytest.fixture
def no_collector():
  """Disables garbage collection, whose callbacks cannot be interrupted.

  Python only prints their exceptions, and hypothesis has such a callback. For
  printing, Python parses a line of code. Within another parse, such as that of
  an array's header, this makes the latter end in a SystemError (see
  python/cpython#106905).
  """
  gc.disable()
  yield
  gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_interrupted_run_gives_the_same_results(name, results, tmp_path):
  """Ctrl-C comes at many moments of the run, each time a little later."""
  num_interrupts, delay, result = 0, 0.0005, None

  def report(step):
    if signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0):
      signal.setitimer(signal.ITIMER_REAL, delay)

  def ctrl_c(*_):
    signal.raise_signal(signal.SIGINT)

  before = signal.signal(signal.SIGALRM, ctrl_c)
  try:
    while result is None:
      delay *= 1.2
      try:
        result = experiment_lib.run_experiment(
          EXPERIMENTS[name], tmp_path, True, report
        )
      except run_loop.Interrupted as interrupt:
        num_interrupts += 1
        solution = solutions.load_solution(tmp_path / "solution.npz")
        assert solution.iteration == interrupt.iteration
      except KeyboardInterrupt:
        pass  # Before the first iteration.
      finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
  finally:
    signal.signal(signal.SIGALRM, before)
  assert num_interrupts > 0
  assert_same_results(result, results[name])


def killed(experiment, path, generator):
  """Kills a run at a random moment; returns whether it had done any work."""
  checkpoint = path / "checkpoint.npz"

  def written():
    return os.stat(checkpoint).st_mtime_ns if checkpoint.exists() else None

  process = multiprocessing.get_context("fork").Process(
    target=experiment_lib.run_experiment, args=(experiment, path, True)
  )
  before = written()
  process.start()
  if generator.random() < 0.8:  # Otherwise it may not have started.
    while process.is_alive() and written() == before:
      time.sleep(0.001)
  time.sleep(generator.uniform(0, 0.05))
  at_work = process.is_alive() and written() != before
  os.kill(process.pid, signal.SIGKILL)
  process.join()
  return at_work


@pytest.mark.slow
def test_a_killed_run_gives_the_same_results(tmp_path):
  experiment = dataclasses.replace(ISLANDS, num_iterations=150)
  generator = random.Random(4)
  kills = [killed(experiment, tmp_path / "a", generator) for _ in range(10)]
  assert sum(kills) >= 3
  result = experiment_lib.run_experiment(
    experiment, tmp_path / "a", resume=True
  )
  whole = experiment_lib.run_experiment(experiment, tmp_path / "b")
  assert_same_results(result, whole)
  seconds = [record.seconds for record in result.records]
  assert seconds == sorted(set(seconds))


def test_extending_a_run_gives_the_same_results_as_one_long_run(
  results, tmp_path
):
  for short in (4, 11):
    experiment = dataclasses.replace(
      EXPERIMENTS["compiled"], num_iterations=short
    )
    experiment_lib.run_experiment(experiment, tmp_path, resume=True)
  result = experiment_lib.run_experiment(
    EXPERIMENTS["compiled"], tmp_path, resume=True
  )
  assert_same_results(result, results["compiled"])
  assert result.config == results["compiled"].config


def test_a_finished_run_is_not_changed(tmp_path):
  experiment = dataclasses.replace(ISLANDS, num_iterations=3)
  first = experiment_lib.run_experiment(experiment, tmp_path)
  times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

  def report(step):
    raise AssertionError("It is finished.")

  again = experiment_lib.run_experiment(experiment, tmp_path, True, report)
  assert again.costs is None
  assert_same_results(first, again)
  assert times == {path: path.stat().st_mtime_ns for path in times}
  assert set(times) == set(tmp_path.rglob("*"))
  with pytest.raises(ValueError, match=r"already contains a run.*--resume"):
    experiment_lib.run_experiment(experiment, tmp_path)
  other = dataclasses.replace(experiment, setting="two_islands_imbalanced")
  with pytest.raises(ValueError, match="game must be 'python_mfg_two_islands"):
    experiment_lib.run_experiment(other, tmp_path, resume=True)


def test_a_checkpoint_of_other_legal_actions_is_refused_in_one_line(tmp_path):
  """As if an update of the package had changed the order of the states."""
  experiment = Experiment(
    game_name="python_mfg_dynamic_routing(max_num_time_step=2)",
    algorithm="mirror_descent",
    num_iterations=1,
  )
  with pytest.raises(run_loop.Interrupted):
    experiment_lib.run_experiment(experiment, tmp_path, report=stopped_after(0))
  (tmp_path / "solution.npz").unlink()
  run_id = run_config.run_id(run_config.read(tmp_path / "config.json"))
  there = checkpoints.load(tmp_path / "checkpoint.npz", run_id)
  policy = there.state["policy"]
  other = {**there.state, "policy": policy[::-1]}
  checkpoints.save(
    tmp_path / "checkpoint.npz", dataclasses.replace(there, state=other), run_id
  )
  with pytest.raises(ValueError) as error:
    experiment_lib.run_experiment(experiment, tmp_path, resume=True)
  message = str(error.value)
  assert message.startswith(
    f"{tmp_path}/checkpoint.npz does not fit the game and the algorithm, which"
    " may have changed since the run was started; start a new run in another"
    " folder (policy must be a probability distribution over the legal actions"
    " in every state, got ["
  )
  assert message.endswith("] in state 0).")


def test_a_refused_experiment_leaves_no_folder(tmp_path):
  for changes, message in (
    ({"model": "stationary"}, "model must be 'compiled' or 'openspiel'"),
    ({"options": {"lr": -1.0}}, "lr must be"),
    ({"game_parameters": {"width": 3}}, "game parameter must be one of"),
  ):
    experiment = dataclasses.replace(EXPERIMENTS["compiled"], **changes)
    with pytest.raises(ValueError, match=message):
      experiment_lib.run_experiment(experiment, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def checkpoint_of(path):
  """Returns the bytes of all arrays of a checkpoint except the seconds."""
  with np.load(path / "checkpoint.npz") as arrays:
    return {x: arrays[x].tobytes() for x in arrays if x != "seconds"}


def stopped_after(iteration):
  def report(step):
    if step.iteration == iteration:
      raise KeyboardInterrupt

  return report


def test_a_resumed_sampled_run_uses_the_same_random_numbers(tmp_path):
  experiment = EXPERIMENTS["sampled"]
  for iteration in (2, 3, 11):
    with pytest.raises(run_loop.Interrupted):
      experiment_lib.run_experiment(
        experiment, tmp_path / "stopped", True, stopped_after(iteration)
      )
  stopped = experiment_lib.run_experiment(
    experiment, tmp_path / "stopped", True
  )
  whole = experiment_lib.run_experiment(experiment, tmp_path / "whole")
  assert_same_results(stopped, whole)
  ours, theirs = (checkpoint_of(tmp_path / x) for x in ("stopped", "whole"))
  assert ours == theirs
  assert "state.model.num_calls" in ours
  other = {**experiment.model_options, "seed": 4}
  another = experiment_lib.run_experiment(
    dataclasses.replace(experiment, model_options=other)
  )
  assert not np.array_equal(another.policy, whole.policy)
  with pytest.raises(ValueError) as error:
    experiment_lib.run_experiment(
      dataclasses.replace(experiment, model_options=other),
      tmp_path / "whole",
      resume=True,
    )
  assert str(error.value) == (
    "model_options.seed must be 3 to resume the run in"
    f" {tmp_path / 'whole'}, got 4."
  )


def spending(budget, **changes):
  return dataclasses.replace(
    EXPERIMENTS["sampled"],
    max_environment_steps=budget,
    num_iterations=1000,
    record_every=4,
    **changes,
  )


def test_a_budget_ends_a_run_and_a_larger_one_resumes_it(tmp_path):
  whole = experiment_lib.run_experiment(spending(60_000), tmp_path / "whole")
  last, before = whole.records[-1], whole.records[-2]
  assert before.environment_steps < 60_000 <= last.environment_steps
  assert last.iteration == whole.solution.iteration
  spent_an_iteration = last.environment_steps / last.iteration
  assert last.environment_steps < 60_000 + 1.2 * spent_an_iteration
  assert last.policy_change > 0
  steps = whole.columns["environment_steps"]
  assert (np.diff(steps) > 0).all()

  path = tmp_path / "run"
  short = experiment_lib.run_experiment(spending(20_000), path)
  assert short.records[-1].iteration % 4
  assert short.solution.iteration == short.records[-1].iteration
  times = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
  again = experiment_lib.run_experiment(spending(20_000), path, resume=True)
  assert again.costs is None
  assert times == {file: file.stat().st_mtime_ns for file in path.rglob("*")}
  # A larger budget may already be spent by the same iteration.
  spent = short.records[-1].environment_steps
  more = experiment_lib.run_experiment(spending(spent), path, resume=True)
  assert_same_results(more, short)
  longer = experiment_lib.run_experiment(spending(60_000), path, resume=True)
  assert_same_results(longer, whole)
  assert checkpoint_of(path) == checkpoint_of(tmp_path / "whole")


def test_a_spent_budget_is_detected_if_the_solution_was_not_written(
  tmp_path,
):
  short = experiment_lib.run_experiment(spending(20_000), tmp_path)
  (tmp_path / "solution.npz").unlink()
  again = experiment_lib.run_experiment(spending(20_000), tmp_path, resume=True)
  assert_same_results(again, short)


def test_a_budget_below_what_a_run_has_spent_is_refused(tmp_path):
  with pytest.raises(run_loop.Interrupted):
    experiment_lib.run_experiment(
      spending(60_000), tmp_path, report=stopped_after(6)
    )
  with np.load(tmp_path / "checkpoint.npz") as arrays:
    spent = arrays["state.model.num_environment_steps"].item()
  with pytest.raises(ValueError) as error:
    experiment_lib.run_experiment(spending(1000), tmp_path, resume=True)
  assert str(error.value) == (
    f"max_environment_steps must be more than {spent}, the number that the run"
    f" in {tmp_path} has already simulated, to resume it, got 1000."
  )
  result = experiment_lib.run_experiment(
    spending(spent + 1), tmp_path, resume=True
  )
  assert result.solution.iteration == 7


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (
      {"max_environment_steps": 0},
      "max_environment_steps must be a whole number of at least 1, got 0.",
    ),
    (
      {"max_environment_steps": 1e6},
      "max_environment_steps must be a whole number of at least 1, got"
      " 1000000.0.",
    ),
    ({"model_options": 3}, "model_options must be a Mapping, got 3."),
  ],
)
def test_invalid_fields_are_refused(changes, message):
  with pytest.raises(ValueError) as error:
    Experiment(setting="two_islands", model="sampled", **changes)
  assert str(error.value) == message


def test_a_budget_below_one_trajectory_is_refused_before_any_work(tmp_path):
  with pytest.raises(ValueError) as error:
    experiment_lib.run_experiment(spending(21), tmp_path / "run")
  assert str(error.value) == (
    "max_environment_steps must be at least 22, the steps of one trajectory,"
    " got 21."
  )
  assert not (tmp_path / "run").exists()
  exact = dataclasses.replace(ISLANDS, max_environment_steps=10**6)
  with pytest.raises(ValueError) as error:
    experiment_lib.run_experiment(exact, tmp_path / "run")
  assert str(error.value) == (
    "max_environment_steps must not be given with a model that simulates"
    " nothing, StationaryModel, got 1000000."
  )
  assert not (tmp_path / "run").exists()


def test_a_run_that_a_full_disk_stopped_can_be_resumed(
  results, tmp_path, file_size_limit
):
  experiment = EXPERIMENTS["compiled"]
  with file_size_limit(1_500):
    with pytest.raises(ValueError, match="cannot be written") as refusal:
      experiment_lib.run_experiment(experiment, tmp_path)
  assert "\n" not in str(refusal.value)
  assert run_directory.load_run(tmp_path).solution is None
  result = experiment_lib.run_experiment(experiment, tmp_path, resume=True)
  assert_same_results(result, results["compiled"])


def test_a_signal_that_python_ignores_ends_the_run(tmp_path, monkeypatch):
  before = signal.getsignal(signal.SIGTERM)
  monkeypatch.setattr(sys, "unraisablehook", lambda found: None)
  # Restored at the end of the test.
  monkeypatch.setattr(interrupts, "_last", signal.SIGINT)

  def values():
    try:
      yield 1
    finally:
      signal.raise_signal(signal.SIGTERM)

  def give_up(step):
    if step.iteration == 2:
      next(values())  # Python ignores a KeyboardInterrupt at its end.

  signal.signal(signal.SIGTERM, interrupts._handle)
  try:
    with pytest.raises(run_loop.Interrupted) as interrupt:
      experiment_lib.run_experiment(ISLANDS, tmp_path, report=give_up)
  finally:
    signal.signal(signal.SIGTERM, before)
  assert interrupt.value.iteration == 2
  assert run_directory.load_run(tmp_path).solution.iteration == 2


def events(folder):
  """Returns {tag: {step: value}} of an event file, read by hand."""
  event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
  (path,) = folder.iterdir()
  data, found = path.read_bytes(), {}
  while data:
    (length,) = struct.unpack("<Q", data[:8])
    event = event_pb2.Event.FromString(data[12 : 12 + length])
    for value in event.summary.value:
      found.setdefault(value.tag, {})[event.step] = value.simple_value
    data = data[16 + length :]
  return found


def test_events_are_the_records(tmp_path):
  experiment = dataclasses.replace(ISLANDS, num_iterations=6, tensorboard=True)

  def stop(step):
    if step.iteration == 4:
      raise KeyboardInterrupt

  with pytest.raises(run_loop.Interrupted):
    experiment_lib.run_experiment(experiment, tmp_path, report=stop)
  result = experiment_lib.run_experiment(experiment, tmp_path, resume=True)
  found = events(tmp_path / "tensorboard")
  assert len(found) == 6
  for name, values in found.items():
    assert values == {
      record.iteration: np.float32(getattr(record, name))
      for record in result.records
    }


def test_events_have_the_environment_steps(tmp_path):
  experiment = dataclasses.replace(
    EXPERIMENTS["sampled"], num_iterations=3, tensorboard=True
  )
  result = experiment_lib.run_experiment(experiment, tmp_path)
  found = events(tmp_path / "tensorboard")
  assert found["environment_steps"] == {
    record.iteration: np.float32(record.environment_steps)
    for record in result.records
  }


def test_events_need_tensorboardx(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorboardX", None)
  experiment = dataclasses.replace(ISLANDS, tensorboard=True)
  with pytest.raises(ValueError, match="needs the package tensorboardX: pip"):
    experiment_lib.run_experiment(experiment, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def parse(*arguments):
  with command_line.given(experiment_flags.define_flags, *arguments):
    return experiment_flags.from_flags()


def test_flags_make_an_experiment(tmp_path):
  flagfile = tmp_path / "flags.txt"
  flagfile.write_text("--setting=two_islands\n--learning_rate=0.5\n")
  assert parse(
    f"--flagfile={flagfile}",
    "--algorithm=mirror_descent",
    "--game_parameters=seed=3,crowd_aversion=1",
    "--regularization=0.1",
    "--record_every=7",
  ) == Experiment(
    setting="two_islands",
    game_parameters={"seed": 3, "crowd_aversion": 1.0},
    algorithm="mirror_descent",
    options={"lr": 0.5, "regularization": 0.1},
    regularization=0.1,
    record_every=7,
  )
  assert parse(
    "--setting=two_islands",
    "--algorithm=mf_trpo",
    "--regularization=0.1",
    "--evaluation_regularization=0",
  ) == Experiment(
    setting="two_islands",
    algorithm="mf_trpo",
    options={"regularization": 0.1},
    regularization=0.0,
  )
  for flags in ([], ["--regularization=0"]):
    assert parse(
      "--setting=two_islands", "--algorithm=mirror_descent", *flags
    ).regularization == (0.05)
  default = parse("--game_name=mfg_garnet")
  assert default == Experiment(game_name="mfg_garnet")


def test_game_parameters_override_name_and_setting():
  game = parse(
    "--game_name=mfg_garnet(size=4,seed=1)", "--game_parameters=seed=2,eta=3"
  ).create_game()
  known = game.get_parameters()
  assert (known["size"], known["seed"], known["eta"]) == (4, 2, 3.0)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--num_iterations=0"], r"num_iterations must be a whole number in \[1"),
    (["--evaluation_regularization=-1"], "regularization must be a number in"),
    (["--evaluation_regularization=nan"], "regularization must be a number in"),
    (
      ["--regularization=0.3"],
      "--regularization is for --algorithm=mf_trpo, .*, not for"
      r" annealed_mf_trpo \(the default\); --evaluation_regularization sets",
    ),
    (["--checkpoint_seconds=-1"], "checkpoint_seconds must be a number in"),
    (["--record_every=0"], "record_every must be a whole number of at least 1"),
    (["--num_records=0"], r"num_records must be a whole number in \[1, 10"),
    (["--record_every=2", "--num_records=3"], "num_records must not be given"),
    (
      ["--learning_rate=1", "--algorithm=annealed_mf_trpo"],
      "--learning_rate is for .*, not for annealed_mf_trpo.$",
    ),
    (["--game_parameters=seed"], "must be name=value, got 'seed'"),
    (["--game_parameters=seed=1,seed=1"], "must have seed once"),
    (["--game_parameters=sed=1"], "game parameter must be one of .*'sed'"),
    (["--game_parameters=seed=1.5"], "seed must be of type int, got '1.5'"),
    (["--game_parameters=discount=inf"], "discount must be a number in"),
  ],
)
def test_bad_flags_are_refused_in_one_line(arguments, message):
  with pytest.raises(ValueError, match=message) as refusal:
    parse("--setting=two_islands", *arguments)
  assert "\n" not in str(refusal.value)


def test_a_bad_value_of_a_game_parameter_is_refused_in_one_line():
  for text in ("crowd_aversion=-1", "initial_distribution=nowhere"):
    experiment = parse("--setting=two_islands", f"--game_parameters={text}")
    with pytest.raises(ValueError, match=text.partition("=")[0]) as refusal:
      experiment_lib.run_experiment(experiment, None)
    assert "\n" not in str(refusal.value)


STOPPED = dataclasses.replace(
  EXPERIMENTS["compiled"], num_iterations=200, stop_below=0.15
)


def test_a_run_stops_below_an_exploitability(tmp_path):
  path = tmp_path / "run"
  stopped = experiment_lib.run_experiment(STOPPED, path)
  *before, last = stopped.records
  assert last.exploitability < 0.15 <= min(x.exploitability for x in before)
  assert stopped.solution.iteration == last.iteration < 200
  assert stopped.config["experiment"]["stop_below"] == 0.15
  assert_same_results(stopped, experiment_lib.run_experiment(STOPPED))
  # The run is finished, even if it may have more iterations.
  again = experiment_lib.run_experiment(STOPPED, path, resume=True)
  assert again.costs is None
  longer = dataclasses.replace(STOPPED, num_iterations=300)
  again = experiment_lib.run_experiment(longer, path, resume=True)
  assert_same_results(again, stopped)
  assert again.costs.solving == 0


@pytest.mark.parametrize("stop_below", [0.05, None])
def test_a_stopped_run_can_be_resumed_to_a_lower_bound(tmp_path, stop_below):
  path = tmp_path / "run"
  stopped = experiment_lib.run_experiment(STOPPED, path)
  lower = dataclasses.replace(STOPPED, stop_below=stop_below)
  result = experiment_lib.run_experiment(lower, path, resume=True)
  assert result.solution.iteration > stopped.solution.iteration
  assert_same_results(result, experiment_lib.run_experiment(lower))


def test_a_run_that_was_killed_as_it_stopped_has_no_more_iterations(tmp_path):
  path = tmp_path / "run"
  stopped = experiment_lib.run_experiment(STOPPED, path)
  (path / "solution.npz").unlink()
  again = experiment_lib.run_experiment(STOPPED, path, resume=True)
  assert again.costs is not None
  assert_same_results(again, stopped)


@pytest.mark.parametrize("stop_below", [0, -1.0, float("nan"), "0.1"])
def test_an_invalid_stop_below_is_refused(stop_below):
  with pytest.raises(ValueError, match="stop_below must be a number in"):
    Experiment(stop_below=stop_below)


def test_records_are_columns_too(results):
  result = results["stationary"]
  columns = result.columns
  assert columns["iteration"].tolist() == ISLANDS.record_at()
  assert columns["exploitability"].tolist() == [
    record.exploitability for record in result.records
  ]
  assert np.array_equal(result.policy, result.solution.policy)
  assert np.array_equal(result.mean_field, result.solution.mean_field)
