"""Tests of run directories."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import os
import signal
import sys
import threading

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.utils import array_files

DUE = [0, 1, 2, 5, 10]


def config(num_iterations=10, lr=0.1, checkpoint_seconds=1e9):
  experiment = {
    "game_name": "game",
    "setting": None,
    "game_parameters": {},
    "model": "stationary",
    "algorithm": "mirror_descent",
    "options": {"lr": lr},
    "num_iterations": num_iterations,
    "regularization": 0.05,
    "record_every": None,
    "num_records": 10,
    "log_distribution": True,
    "log_policy": False,
    "checkpoint_seconds": checkpoint_seconds,
    "tensorboard": False,
    "imports": [],
    "stop_below": None,
    "model_options": {},
    "max_environment_steps": None,
  }
  return run_config.create_config(experiment, "game", "stationary")


def finished(iteration, mean_field=None):
  """Returns an iteration with its record, mean field and state."""
  return iteration_loop.FinishedIteration(
    **vars(checkpoint(iteration)),
    record=record(iteration),
    mean_field=mean_field,
  )


@contextlib.contextmanager
def writer(path, new=None, records=()):
  """Yields a writer of the run with the configuration `new` or `config()`."""
  with (
    run_directory.locked(path) as folder,
    run_directory.RunWriter(folder, new or config(), list(records)) as run,
  ):
    yield run


def record(iteration):
  return iteration_loop.Record(
    iteration, 0.1 * iteration, 1.0, 0.5, 0.1, 0.2, 0.3
  )


def checkpoint(iteration):
  return iteration_loop.Checkpoint(iteration, 1.5, {"x": np.arange(iteration)})


def solution(iteration):
  return solutions.Solution(
    ["a", "b"],
    np.ones((2, 1), bool),
    np.ones((2, 1)),
    [0.3, 0.7],
    *"gm",
    iteration,
  )


def snapshot(path):
  return {
    file.relative_to(path): file.read_bytes()
    for file in path.rglob("*")
    if file.is_file() and file.name != "lock"
  }


@pytest.fixture
def path(tmp_path):
  """Returns the folder of a run that was killed after iteration 7."""
  with run_directory.locked(tmp_path / "run") as folder:
    beginning = run_directory.read_progress(folder, config(), DUE, False)
    assert beginning == (None, [])
  with writer(tmp_path / "run") as run:
    for iteration in (0, 1, 2):
      run.take(finished(iteration, np.array([iteration, 1.0])))
  with writer(
    tmp_path / "run",
    config(checkpoint_seconds=0.0),
    [record(k) for k in (0, 1, 2)],
  ) as run:
    run.take(iteration_loop.FinishedIteration(**vars(checkpoint(3))))
  with writer(tmp_path / "run", records=[record(k) for k in (0, 1, 2)]) as run:
    run.take(finished(5, np.array([5, 1.0])))
  for name in (".checkpoint.abc.npz", ".metrics.abc.csv", "notes.csv"):
    (tmp_path / "run" / name).touch()
  (tmp_path / "run" / "mean_fields" / ".0000000007.abc.npy").touch()
  return tmp_path / "run"


def resume(path, new=None):
  """Resumes a run; returns its checkpoint and records."""
  with run_directory.locked(path) as folder:
    progress = run_directory.read_progress(folder, new or config(), DUE, True)
    with run_directory.RunWriter(folder, new or config(), progress[1]):
      return progress


def test_a_run_can_be_read_while_it_is_in_progress(path):
  result = run_directory.load_run(path)
  assert result.config == config()
  assert result.records == [record(k) for k in (0, 1, 2, 5)]
  assert result.solution is None
  assert {k: list(x) for k, x in result.mean_fields.items()} == {
    k: [k, 1.0] for k in (0, 1, 2, 5)
  }
  assert not run_directory.is_finished(path, config())


def test_data_after_the_checkpoint_are_discarded(path):
  with (path / "metrics.csv").open("a") as file:
    file.write("7,0.")  # As after a power failure.
  with pytest.raises(ValueError, match=r"metrics.csv, line 6, is incomplete"):
    run_directory.load_run(path)
  before = snapshot(path)
  found, records = run_directory.read_progress(path, config(), DUE, True)
  assert snapshot(path) == before
  assert (found.iteration, found.seconds) == (3, 1.5)
  assert np.array_equal(found.state["x"], [0, 1, 2])
  assert records == [record(k) for k in (0, 1, 2)]
  with writer(path, records=records) as run:
    assert sorted(file.name for file in (path / "mean_fields").iterdir()) == [
      f"000000000{k}.npy" for k in (0, 1, 2)
    ]
    run.take(finished(5, np.array([5, 2.0])))
  result = run_directory.load_run(path)
  assert result.records == [record(k) for k in (0, 1, 2, 5)]
  assert sorted(result.mean_fields) == [0, 1, 2, 5]
  names = {file.name for file in path.rglob(".*")}
  assert not names
  assert (path / "notes.csv").exists()


def test_a_run_can_be_made_longer(path):
  with writer(path, records=[record(k) for k in DUE]) as run:
    run.finish(checkpoint(10), solution(10))
  assert run_directory.is_finished(path, config())
  assert not run_directory.is_finished(path, config(12))
  assert not run_directory.is_finished(path, config(lr=0.2))
  # With 12 iterations there is no record at the tenth.
  found, records = run_directory.read_progress(
    path, config(12), [0, 1, 2, 5, 12], True
  )
  assert found.iteration == 10
  assert records == [record(k) for k in (0, 1, 2, 5)]
  with writer(path, config(12), records):
    pass
  assert run_directory.load_run(path).records == records
  assert run_directory.load_run(path).config == config(12)


def damage(name, change):
  def apply(path):
    file = path / name
    file.write_bytes(change(file.read_bytes()))

  return apply


@pytest.mark.parametrize(
  ("change", "new", "message"),
  [
    (None, config(lr=0.2), "options.lr must be 0.1 to resume the run in"),
    (None, config(9), "num_iterations must be at least 10"),
    (damage("config.json", lambda x: x[:20]), None, "config.json cannot be"),
    (
      damage("checkpoint.npz", lambda x: x[:-9]),
      None,
      "not a valid checkpoint",
    ),
    (damage("checkpoint.npz", lambda x: b"x"), None, "not a valid checkpoint"),
    (damage("metrics.csv", lambda x: x[:140]), None, "has no record of"),
    (damage("metrics.csv", lambda x: x[5:]), None, "line 1, must be"),
    (
      damage("metrics.csv", lambda x: x.replace(b"\n2,", b"\n3,")),
      None,
      "line 4, is damaged: the checksum does",
    ),
    (
      damage("metrics.csv", lambda x: x.replace(b"\n5,", b"\nx,")),
      None,
      "line 5, must have a whole number",
    ),
    (lambda path: (path / "metrics.csv").unlink(), None, "cannot be read"),
  ],
)
def test_a_run_that_cannot_be_resumed_is_not_changed(
  path, change, new, message
):
  if change is not None:
    change(path)
  before = snapshot(path)
  with pytest.raises(ValueError, match=message) as refusal:
    resume(path, new)
  assert "\n" not in str(refusal.value)
  assert snapshot(path) == before


def test_a_checkpoint_of_another_run_is_refused(path, tmp_path):
  with writer(tmp_path / "other", config(lr=0.2)) as run:
    run.finish(checkpoint(3), solution(3))
  os.replace(tmp_path / "other" / "checkpoint.npz", path / "checkpoint.npz")
  with pytest.raises(ValueError, match="is a checkpoint of a different run"):
    resume(path)


def test_a_run_without_a_checkpoint_is_started_again(path):
  (path / "checkpoint.npz").unlink()
  assert resume(path) == (None, [])
  assert run_directory.load_run(path).records == []
  assert run_directory.load_run(path).mean_fields == {}


def test_a_run_is_not_overwritten(path, tmp_path):
  with pytest.raises(ValueError, match=r"already contains a run.*add --resume"):
    run_directory.read_progress(path, config(), DUE, resume=False)
  (tmp_path / "metrics.csv").touch()
  with pytest.raises(
    ValueError, match=r"which contains metrics\.csv but no config"
  ):
    run_directory.locked(tmp_path).__enter__()
  assert not (tmp_path / "lock").exists()
  with pytest.raises(ValueError, match="path must be a run directory, got"):
    run_directory.load_run(tmp_path)


def test_one_of_many_programs_gets_the_folder(tmp_path):
  barrier = threading.Barrier(8)

  def attempt(_):
    lock = run_directory.locked(tmp_path / "run")
    barrier.wait()
    try:
      lock.__enter__()
      return lock
    except ValueError as error:
      return str(error)

  with concurrent.futures.ThreadPoolExecutor(8) as executor:
    outcomes = list(executor.map(attempt, range(8)))
  (winner,) = (x for x in outcomes if not isinstance(x, str))
  losers = [x for x in outcomes if isinstance(x, str)]
  assert all("in use by another program" in loser for loser in losers)
  winner.__exit__(None, None, None)
  with run_directory.locked(tmp_path / "run"):
    pass


def test_a_full_disk_leaves_existing_files(path, file_size_limit):
  _, records = run_directory.read_progress(path, config(), DUE, True)
  with writer(path, records=records) as run:
    before = snapshot(path)
    large = iteration_loop.Checkpoint(6, 2.0, {"x": np.zeros(9_000)})
    long = dataclasses.replace(solution(6), game="g" * 9_000)
    size = (path / "metrics.csv").stat().st_size
    with file_size_limit(size + 4):
      for write in (
        lambda: run.take(finished(5)),
        lambda: run.take(finished(5, np.zeros(9_000))),
        lambda: run.finish(large, solution(6)),
        lambda: run.finish(checkpoint(3), long),
      ):
        with pytest.raises(ValueError, match=r"cannot be written \(.*\)\.$"):
          write()
    assert snapshot(path) == before
    run.take(finished(5, np.array([5, 1.0])))
  assert run_directory.load_run(path).records[-1] == record(5)


def interrupted_at(line, act):
  """Performs `act` with Ctrl-C at one of its lines; returns whether it came."""
  lines = itertools.count()

  def trace(frame, event, argument):
    if event == "line" and next(lines) == line:
      signal.raise_signal(signal.SIGINT)
    return trace

  before = sys.gettrace()
  sys.settrace(trace)
  try:
    act()
  except KeyboardInterrupt:
    return True
  finally:
    sys.settrace(before)
  return False


@pytest.mark.parametrize("name", ["metrics", "checkpoint", "solution"])
@pytest.mark.slow
def test_ctrl_c_at_any_line_leaves_complete_files(path, name):
  _, records = run_directory.read_progress(path, config(), DUE, True)
  with writer(path, records=records) as run:

    def write(iteration):
      if name == "metrics":
        run.take(finished(iteration, np.array([iteration, 1.0])))
      else:
        run.finish(checkpoint(iteration), solution(iteration))

    def latest():
      if name == "metrics":
        return metrics_table.read_csv(path / "metrics.csv")[-1].iteration
      if name == "checkpoint":
        run_id = run_config.run_id(config())
        return checkpoints.load(path / "checkpoint.npz", run_id).iteration
      return solutions.load_solution(path / "solution.npz").iteration

    write(6)
    iterations = itertools.count(7)
    written = {False: 0, True: 0}
    for line in itertools.count(step=5):
      iteration, before = next(iterations), latest()
      came = interrupted_at(line, functools.partial(write, iteration))
      assert latest() in (before, iteration)
      written[latest() == iteration] += 1
      if not came:
        break
    assert latest() == iteration
    assert min(written.values()) > 5
  assert not list(path.rglob(".*"))


def shorter(file):
  file.write_bytes(file.read_bytes()[:-1])


def changed(file):
  data = bytearray(file.read_bytes())
  data[-10] ^= 1  # A bit of the last number.
  file.write_bytes(data)


def write(array):
  return lambda file: array_files.write_array(file, array)


def save(array):
  return lambda file: np.save(file, array)


BAD_MEAN_FIELDS = [
  (lambda file: file.unlink(), "No such file or directory"),
  (shorter, "checksum does not match"),
  (changed, "checksum does not match"),
  (lambda file: file.write_bytes(b""), "checksum does not match"),
  (save([1.0, 1.0]), "checksum does not match"),
  (write(np.ones(3)), r"the mean field must have shape \(2,\), got \(3,\)"),
  (write(np.ones((2, 1))), r"must have shape \(2,\), got \(2, 1\)"),
  (
    write(np.array([0.5, np.nan])),
    "must be finite and not negative, it is nan",
  ),
  (write(np.array([0.5, -0.5])), "must be finite and not negative, it is -0.5"),
  (write(np.array(["a", "b"])), "must be an array of numbers, got"),
]


@pytest.mark.parametrize(("damage", "message"), BAD_MEAN_FIELDS)
def test_mean_fields_are_checked(path, damage, message):
  with writer(path, records=[record(k) for k in (0, 1, 2)]) as run:
    run.finish(checkpoint(3), solution(3))
  file = path / "mean_fields" / "0000000001.npy"
  damage(file)
  before = snapshot(path)
  message = rf"0000000001.npy is not a valid array \(.*{message}.*\)\.$"
  with pytest.raises(ValueError, match=message) as error:
    run_directory.load_run(path)
  assert "\n" not in str(error.value)
  with pytest.raises(ValueError, match=message):
    run_directory.read_progress(
      path, config(), DUE, True, legal_actions_mask=np.ones((2, 2), bool)
    )
  assert snapshot(path) == before


def test_a_finished_run_has_its_last_record(path):
  with writer(path, records=[record(k) for k in (0, 1, 2)]) as run:
    for iteration in (5, 10):
      run.take(finished(iteration, np.array([5, 1.0])))
    run.finish(checkpoint(10), solution(10))
  assert run_directory.is_finished(path, config())
  lines = (path / "metrics.csv").read_text().splitlines(keepends=True)
  for number in range(1, len(lines)):
    (path / "metrics.csv").write_text("".join(lines[:number]))
    with pytest.raises(
      ValueError, match=r"metrics.csv has no record of iteration 10, which is"
    ):
      run_directory.load_run(path)


@pytest.mark.parametrize("iteration", [11, 10**6])
def test_a_checkpoint_is_not_past_the_run(path, iteration):
  checkpoints.save(
    path / "checkpoint.npz",
    iteration_loop.Checkpoint(iteration, 1.0, {}),
    run_config.run_id(config()),
  )
  with pytest.raises(
    ValueError,
    match=rf"checkpoint.npz is of iteration {iteration}, but the run",
  ):
    resume(path, config(10**7))
