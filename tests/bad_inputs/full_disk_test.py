"""Tests that a full disk does not destroy existing files."""

from concurrent import futures
import contextlib
import errno
import io
import itertools
import os
import re
import shutil

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib

RESUME = (
  "solve --setting=two_islands --algorithm=mf_trpo --record_every=1"
  " --log_distribution --resume --logdir="
)
SMALL = "python_mfg_two_islands(horizon=2)"


def no_space(*_):
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullFile(io.FileIO):
  """A file on a disk that has space for a few more bytes."""

  def write(self, data):
    if len(data) < 20:
      no_space()
    return super().write(data[:15])


def open_full(path, mode="r", **options):
  return FullFile(path, mode) if mode == "ab" else open(path, mode, **options)


def allow(number, function):
  """Returns `function`, which fails for lack of space after `number` calls."""
  functions = itertools.chain(
    itertools.repeat(function, number), itertools.repeat(no_space)
  )
  return lambda *args: next(functions)(*args)


# Operations that fail on the full disk, with their replacements.
FULL_DISKS = {
  **{
    f"file {number} to be put in its place": (
      lambda patch, number=number: patch.setattr(
        os, "replace", allow(number, os.replace)
      )
    )
    for number in range(9)
  },
  "a line of metrics.csv": lambda patch: patch.setattr(
    metrics_table, "open", open_full, raising=False
  ),
  "a checkpoint that is on the disk": lambda patch: patch.setattr(
    os, "fsync", allow(1, os.fsync)
  ),
}
LONGER = RESUME + "run --num_iterations=9"


@pytest.mark.parametrize("what", FULL_DISKS)
def test_a_full_disk_does_not_damage_a_run(
  program, folder, tmp_path, monkeypatch, what
):
  shutil.copytree(folder / "run", tmp_path / "run")
  with monkeypatch.context() as patch:
    FULL_DISKS[what](patch)
    errors = program(*LONGER.split(), cwd=tmp_path, status=2).stderr
  # The lines before are the progress bar.
  *_, line = errors.splitlines()
  assert re.fullmatch(
    r"mftrpo-solve: run\S* cannot be written \(No space left on device\)\.",
    line,
  )
  assert "Traceback" not in errors
  assert not list(tmp_path.rglob(".*"))
  there = run_directory.load_run(tmp_path / "run")
  assert there.solution.iteration == 4
  assert there.records[:5] == run_directory.load_run(folder / "run").records
  program(*LONGER.split(), cwd=tmp_path)
  result = run_directory.load_run(tmp_path / "run")
  game = game_factory.create_game(setting="two_islands")
  whole = mf_trpo.MFTRPO(from_game.create_model("stationary", game))
  for _ in range(9):
    whole.iteration()
  np.testing.assert_array_equal(result.solution.policy, whole.policy)
  assert len(result.records) == len(result.mean_fields) == 10


@pytest.mark.parametrize(
  ("command", "name"),
  [
    ("plot run --output=curves.pdf", "curves.pdf"),
    (
      "plot run --kind=animation --max_frames=2 --frames_per_second=1"
      " --output=crowd.gif",
      "crowd.gif",
    ),
    (f"benchmark --games={SMALL} --tables=lint --logdir=.", "lint.csv"),
  ],
)
def test_a_full_disk_leaves_existing_files(
  program, folder, contents, tmp_path, file_size_limit, command, name
):
  shutil.copytree(folder / "run", tmp_path / "run")
  (tmp_path / name).write_text("Of an earlier day.")
  before = contents(tmp_path)
  with file_size_limit(100):
    errors = program(*command.split(), cwd=tmp_path, status=2).stderr
  (line,) = errors.splitlines()
  assert re.fullmatch(r"mftrpo-\w+: .*File too large.*", line), line
  assert contents(tmp_path) == before


def test_a_full_disk_leaves_the_table_of_a_sweep(
  program, tmp_path, monkeypatch
):
  def threads(_):
    workers = sweep_lib.Workers(futures.ThreadPoolExecutor(1))
    return contextlib.nullcontext(workers)

  monkeypatch.setattr(sweep_lib, "local_workers", threads)
  command = "sweep --logdir=new --setting=two_islands --grid=num_iterations=1"
  program(*command.split(), cwd=tmp_path)
  table = tmp_path / "new" / "results.csv"
  before = table.read_bytes()
  replace = os.replace

  def replace_others(source, target):
    (no_space if target.name == table.name else replace)(source, target)

  monkeypatch.setattr(os, "replace", replace_others)
  errors = program(*f"{command},2".split(), cwd=tmp_path, status=2).stderr
  *_, line = errors.splitlines()
  assert re.fullmatch(
    r"mftrpo-sweep: results cannot be written to \S+ \(No space left on.*",
    line,
  )
  assert table.read_bytes() == before
  assert not list(table.parent.glob(".*"))
