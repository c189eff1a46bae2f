"""Tests of runs and of the files they leave."""

import csv
import dataclasses
import itertools
import zlib

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.utils import files


def omd():
  game = factory.create_game(setting="two_islands")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  return mirror_descent.MirrorDescent(model, lr=0.1)


def test_records_are_what_the_model_says():
  algorithm = omd()
  records = list(run_loop.run(algorithm, 5, 0.3, [0, 2, 5]))
  assert [record.iteration for record in records] == [0, 2, 5]
  again = omd()
  assert records[0].exploitability == again.model.exploitability(again.policy)
  for _ in range(5):
    again.iteration()
  last = records[-1]
  assert last.exploitability == again.model.exploitability(again.policy)
  assert last.regularized_exploitability == again.model.exploitability(
    again.policy, 0.3
  )
  assert 0 == records[0].seconds < records[1].seconds < last.seconds


def test_log_spaced_iterations():
  assert run_loop.log_spaced_iterations(100, 1) == [0, 1, 10, 100]
  assert run_loop.log_spaced_iterations(0) == [0]
  for last in (1, 7, 5000):
    spaced = run_loop.log_spaced_iterations(last)
    assert spaced[0] == 0
    assert spaced[-1] == last
    assert spaced == sorted(set(spaced))
  with pytest.raises(ValueError, match="num_iterations must"):
    run_loop.log_spaced_iterations(-1)


def test_a_list_of_log_spaced_iterations_can_be_made_longer():
  longer = run_loop.log_spaced_iterations(1000, 7)
  assert set(run_loop.log_spaced_iterations(150, 7)) - {150} <= set(longer)


def test_evenly_spaced_iterations():
  assert run_loop.evenly_spaced_iterations(7, 3) == [0, 3, 6, 7]
  assert run_loop.evenly_spaced_iterations(6, 3) == [0, 3, 6]
  with pytest.raises(ValueError, match="every must"):
    run_loop.evenly_spaced_iterations(6, 0)


class Scripted:
  """An algorithm whose policies and mean fields are given."""

  def __init__(self, policies, mean_fields):
    self.model = omd().model
    self._rest = iter(zip(policies, mean_fields))
    self.iteration()

  def iteration(self):
    policy, mean_field = next(self._rest)
    size = self.model.legal_actions_mask.shape
    # What two states do and hold; the others hold nothing.
    self.policy = np.full(size, 1 / size[1])
    self.policy[:2] = policy
    self.mean_field = np.zeros(size[0])
    self.mean_field[:2] = mean_field


def test_changes_and_entropy_of_a_record():
  up, down, mixed = [1, 0], [0, 1], [0.5, 0.5]
  algorithm = Scripted(
    [[up, up], [up, up], [down, mixed]], [[1, 0], [1, 0], [0.25, 0.75]]
  )
  first, last = run_loop.run(algorithm, 2, 0.1, [0, 2])
  assert (first.mean_field_change, first.policy_change, first.entropy) == (
    0,
    0,
    0,
  )
  assert last.mean_field_change == pytest.approx(1.5)
  assert last.policy_change == pytest.approx(0.25 * 2 + 0.75 * 1)
  assert last.entropy == pytest.approx(0.75 * np.log(2))


def test_steps_go_on_from_what_was_done():
  whole = list(run_loop.steps(omd(), 6, 0.1, [0, 3, 6]))
  assert [step.iteration for step in whole] == list(range(7))
  assert [step.iteration for step in whole if step.record] == [0, 3, 6]
  algorithm = omd()
  for _ in range(4):
    algorithm.iteration()
  done = run_loop.Step(4, 100.0)
  rest = list(run_loop.steps(algorithm, 6, 0.1, [0, 3, 6], done))
  assert [step.iteration for step in rest] == [5, 6]
  assert rest[-1].seconds > 100
  assert rest[-1].record.exploitability == whole[-1].record.exploitability


RECORDS = [
  run_loop.Record(0, 0.0, 0.1 + 0.2, 1 / 3, 0.0, 0.0, 1.6),
  run_loop.Record(10, 1e-17, 0.5, 1e300, 5e-324, 2.0, 0.0),
]


def test_a_csv_holds_every_digit(tmp_path):
  path = tmp_path / "run.csv"
  run_loop.write_csv(path, RECORDS)
  assert run_loop.read_csv(path) == RECORDS
  with path.open() as file:
    first, last = csv.DictReader(file)
  assert list(first) == [
    *("iteration", "seconds", "exploitability", "regularized_exploitability"),
    *("mean_field_change", "policy_change", "entropy", "checksum"),
  ]
  assert float(first["exploitability"]) == 0.1 + 0.2
  assert last["iteration"] == "10"


def test_the_checksum_is_of_the_line_and_the_one_before(tmp_path):
  path = tmp_path / "run.csv"
  run_loop.write_csv(path, RECORDS)
  lines = path.read_bytes().splitlines()
  assert len(lines) == 3
  for before, line in itertools.pairwise(lines):
    text, _, checksum = line.rpartition(b",")
    assert int(checksum) == zlib.crc32(before + b"\n" + text)


def test_no_bit_of_a_csv_changes_unnoticed(tmp_path):
  path = tmp_path / "run.csv"
  run_loop.write_csv(path, RECORDS)
  whole = path.read_bytes()
  for place in range(8 * len(whole)):
    damaged = bytearray(whole)
    damaged[place // 8] ^= 1 << place % 8
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"^[^\n]*run.csv.*\.$"):
      run_loop.read_csv(path)


def test_no_line_of_a_csv_is_lost_unnoticed(tmp_path):
  path = tmp_path / "run.csv"
  more = [dataclasses.replace(RECORDS[0], iteration=k) for k in range(20, 25)]
  run_loop.write_csv(path, [*RECORDS, *more])
  lines = path.read_text().splitlines(keepends=True)
  for number in range(1, len(lines) - 1):
    path.write_text("".join(lines[:number] + lines[number + 1 :]))
    with pytest.raises(ValueError, match=rf"line {number + 1}, is damaged"):
      run_loop.read_csv(path)


def test_appending_gives_the_same_file(tmp_path):
  run_loop.write_csv(tmp_path / "whole.csv", RECORDS)
  run_loop.write_csv(tmp_path / "grown.csv", [])
  appender = run_loop.CsvAppender(tmp_path / "grown.csv")
  for record in RECORDS:
    appender.append(record)
  appender.close()
  whole, grown = (
    (tmp_path / name).read_bytes() for name in ("whole.csv", "grown.csv")
  )
  assert grown == whole


def test_a_line_that_does_not_fit_on_the_disk_leaves_the_file(
  tmp_path, file_size_limit
):
  path = tmp_path / "run.csv"
  run_loop.write_csv(path, RECORDS)
  before = path.read_bytes()
  appender = run_loop.CsvAppender(path)
  record = dataclasses.replace(RECORDS[-1], iteration=20)
  with file_size_limit(len(before) + 5), pytest.raises(OSError):
    appender.append(record)
  assert path.read_bytes() == before
  appender.append(record)
  appender.close()
  assert run_loop.read_csv(path) == [*RECORDS, record]


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("iteration,", "step,", "line 1, must be 'iteration,seconds"),
    ("\n", "", "line 3, is cut"),
    ("\n10,", "10,", "line 2, must have a whole number"),
    ("\n0,", "\n0.5,", "line 2, must have a whole number, 6 numbers and a"),
    ("1.6", "x", "line 2, must have a whole number"),
    (",1.6", "", "line 2, must have a whole number"),
    ("1.6", "1.6,7", "line 2, must have a whole number"),
    ("\n10,", "\n11,", "line 3, is damaged: its checksum does not fit this"),
    (",1.6,", ",1.60,", "line 2, is damaged: its checksum does not fit this"),
    (",2.0,", ",3.0,", "line 3, is damaged: its checksum does not fit this"),
    ("\n10,", "\n\n10,", "line 3, must have a whole number"),
  ],
)
def test_a_damaged_csv_is_refused(tmp_path, old, new, message):
  path = tmp_path / "run.csv"
  run_loop.write_csv(path, RECORDS)
  head, middle, tail = path.read_text().rpartition(old)
  assert middle
  path.write_text(head + new + tail)
  with pytest.raises(ValueError, match=f"run.csv, {message}"):
    run_loop.read_csv(path)


def test_lines_are_in_the_order_of_their_iterations(tmp_path):
  run_loop.write_csv(tmp_path / "run.csv", RECORDS[::-1])
  with pytest.raises(ValueError, match="line 3, must have a later iteration"):
    run_loop.read_csv(tmp_path / "run.csv")


def test_what_is_no_csv_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
    run_loop.read_csv(tmp_path / "missing.csv")
  (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
  with pytest.raises(ValueError, match="is damaged: it is no text"):
    run_loop.read_csv(tmp_path / "binary.csv")
  (tmp_path / "empty.csv").touch()
  with pytest.raises(ValueError, match="line 1, must be"):
    run_loop.read_csv(tmp_path / "empty.csv")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
  path = tmp_path / "file.txt"
  path.write_text("before")

  def write():
    with files.replacing(path) as temporary:
      temporary.write_text("half")
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    write()
  assert path.read_text() == "before"
  assert list(tmp_path.iterdir()) == [path]
  with files.replacing(path) as temporary:
    temporary.write_text("after")
  assert path.read_text() == "after"


def test_a_missing_folder_is_refused(tmp_path):
  with (
    pytest.raises(ValueError, match="writable folder"),
    files.replacing(tmp_path / "missing" / "file"),
  ):
    pass
  (tmp_path / "file").touch()
  with pytest.raises(ValueError, match="logdir must"):
    files.folder(tmp_path / "file" / "below")
