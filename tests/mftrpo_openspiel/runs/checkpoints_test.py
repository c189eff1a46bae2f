"""Tests of checkpoints."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import checkpoints

STATE = {
  "policy": np.asfortranarray(np.arange(6.0).reshape(2, 3) / 7),
  "logits": np.array([[0.0, -np.inf]]),
  "step": np.array(3),
  "nodes": np.array(["(0, 1)", "ü\n"]),
  "none": np.zeros((0, 4)),
}
CHECKPOINT = iteration_loop.Checkpoint(12, 0.1 + 0.2, STATE)


def assert_is_checkpoint(checkpoint):
  assert (checkpoint.iteration, checkpoint.seconds) == (12, 0.1 + 0.2)
  assert checkpoint.state.keys() == STATE.keys()
  for name, array in STATE.items():
    assert checkpoint.state[name].dtype == array.dtype
    assert checkpoint.state[name].flags.fnc == array.flags.fnc, name
    assert np.array_equal(checkpoint.state[name], array)


@pytest.fixture
def path(tmp_path):
  checkpoints.save(tmp_path / "checkpoint.npz", CHECKPOINT, "run")
  return tmp_path / "checkpoint.npz"


def test_a_checkpoint_is_saved_and_loaded(path):
  assert_is_checkpoint(checkpoints.load(path, "run"))
  later = iteration_loop.Checkpoint(13, 1.0, {})
  checkpoints.save(path, later, "run")
  assert checkpoints.load(path, "run").iteration == 13
  assert list(path.parent.iterdir()) == [path]


def test_a_damaged_checkpoint_is_refused(path):
  data = path.read_bytes()
  for length in range(0, len(data), 101):
    path.write_bytes(data[:length])
    with pytest.raises(ValueError, match=r"is not a valid checkpoint .*\.$"):
      checkpoints.load(path, "run")
  num_refused = 0
  for place in range(0, len(data), 11):
    changed = bytearray(data)
    changed[place] ^= 1 << place % 8
    path.write_bytes(changed)
    try:
      # Some bytes, such as those of dates, are not read.
      assert_is_checkpoint(checkpoints.load(path, "run"))
    except ValueError as error:
      assert "\n" not in str(error)
      num_refused += 1
  assert num_refused > len(data) / 11 / 2


def test_other_files_are_refused(path, tmp_path):
  with pytest.raises(ValueError, match="is a checkpoint of a different run"):
    checkpoints.load(path, "another")
  with pytest.raises(
    ValueError, match=r"not a valid checkpoint \(No such file"
  ):
    checkpoints.load(tmp_path / "missing.npz", "run")
  (tmp_path / "text.npz").write_text("text")
  with pytest.raises(ValueError, match="is not a valid checkpoint"):
    checkpoints.load(tmp_path / "text.npz", "run")
  np.savez(tmp_path / "other.npz", policy=np.zeros(3))
  with pytest.raises(ValueError, match="is not a valid checkpoint"):
    checkpoints.load(tmp_path / "other.npz", "run")
  data = path.read_bytes()
  array = STATE["policy"].tobytes(order="F")
  assert data.count(array) == 1
  path.write_bytes(data.replace(array, array[:-1] + b"\0"))
  with pytest.raises(ValueError, match=r"Bad CRC-32 for file 'state\.policy"):
    checkpoints.load(path, "run")


@pytest.mark.parametrize(
  ("iteration", "seconds", "message"),
  [
    (-5, 1.0, "iteration must be a whole number of at least 0, got -5"),
    (1.5, 1.0, "iteration must be a whole number of at least 0, got 1.5"),
    (True, 1.0, "iteration must be a whole number .*, got True"),
    ("3", 1.0, "iteration must be a whole number .*, got '3'"),
    ([3], 1.0, r"its iteration has shape \(1,\)"),
    (3, -1.0, r"seconds must be a number in \[0, inf\), got -1.0"),
    (3, np.nan, r"seconds must be a number in \[0, inf\), got nan"),
    (3, "1", r"seconds must be a number in \[0, inf\), got '1'"),
  ],
)
def test_a_forged_checkpoint_is_refused(path, iteration, seconds, message):
  # `save` does not check its arguments.
  checkpoints.save(
    path, iteration_loop.Checkpoint(iteration, seconds, {}), "run"
  )
  with pytest.raises(
    ValueError, match=rf"checkpoint.npz is not .*{message}.*\.$"
  ) as error:
    checkpoints.load(path, "run")
  assert "\n" not in str(error.value)


def test_a_full_disk_leaves_the_previous_checkpoint(path, file_size_limit):
  later = iteration_loop.Checkpoint(13, 1.0, {"policy": np.zeros(10_000)})
  with file_size_limit(4_000), pytest.raises(OSError):
    checkpoints.save(path, later, "run")
  assert_is_checkpoint(checkpoints.load(path, "run"))
  assert list(path.parent.iterdir()) == [path]


def test_the_timer_waits_longer_if_writing_is_slow():
  now = 100.0
  timer = checkpoints.Timer(30, clock=lambda: now)
  assert not timer.is_due()
  now += 30
  assert timer.is_due()
  timer.restart(0.1)
  now += 29
  assert not timer.is_due()
  now += 1
  assert timer.is_due()
  timer.restart(10)
  now += 499
  assert not timer.is_due()
  now += 1
  assert timer.is_due()
