"""Tests of the table of records."""

import csv
import dataclasses
import itertools
import zlib

import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import metrics_table

RECORDS = [
  iteration_loop.Record(0, 0.0, 0.1 + 0.2, 1 / 3, 0.0, 0.0, 1.6),
  iteration_loop.Record(10, 1e-17, 0.5, 1e300, 5e-324, 2.0, 0.0),
]


def test_a_csv_holds_every_digit(tmp_path):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, RECORDS)
  assert metrics_table.read_csv(path) == RECORDS
  with path.open() as file:
    first, last = csv.DictReader(file)
  assert list(first) == [
    *("iteration", "seconds", "exploitability", "regularized_exploitability"),
    *("mean_field_change", "policy_change", "entropy", "checksum"),
  ]
  assert float(first["exploitability"]) == 0.1 + 0.2
  assert last["iteration"] == "10"


STEPS = [
  dataclasses.replace(record, environment_steps=steps)
  for record, steps in zip(RECORDS, (0, 10**15 + 1))
]


def test_environment_steps_have_a_column_of_whole_numbers(tmp_path):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, STEPS, has_steps=True)
  assert metrics_table.read_csv(path) == STEPS
  with path.open() as file:
    first, last = csv.DictReader(file)
  assert list(first)[-2:] == ["environment_steps", "checksum"]
  assert (first["environment_steps"], last["environment_steps"]) == (
    "0",
    "1000000000000001",
  )
  # Also before anything has been recorded.
  appender = metrics_table.CsvAppender(tmp_path / "grown.csv", [], True)
  for record in STEPS:
    appender.append(record)
  appender.close()
  assert (tmp_path / "grown.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    (
      "environment_steps,",
      "",
      "line 2, must have a whole number, 6 numbers and a checksum, got",
    ),
    (
      "environment_steps",
      "steps",
      "line 1, must be 'iteration,.*,entropy,checksum' or"
      " 'iteration,.*,entropy,environment_steps,checksum', got 'iteration,",
    ),
    (
      "0000001",
      "0000001.0",
      "line 3, must have a whole number, 6 numbers, a whole number and a"
      " checksum, got '10,",
    ),
    ("1.6,0,", "1.6,", "line 2, must have a whole number, 6 numbers, a whole"),
    ("0000001", "0000002", "line 3, is damaged: the checksum does not"),
  ],
)
def test_damaged_environment_steps_are_refused(tmp_path, old, new, message):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, STEPS, has_steps=True)
  text = path.read_text()
  assert old in text
  path.write_text(text.replace(old, new, 1))
  with pytest.raises(ValueError, match=f"run.csv, {message}"):
    metrics_table.read_csv(path)


def test_the_checksum_is_of_the_line_and_the_one_before(tmp_path):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, RECORDS)
  lines = path.read_bytes().splitlines()
  assert len(lines) == 3
  for before, line in itertools.pairwise(lines):
    text, _, checksum = line.rpartition(b",")
    assert int(checksum) == zlib.crc32(before + b"\n" + text)


def test_no_bit_of_a_csv_changes_unnoticed(tmp_path):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, RECORDS)
  whole = path.read_bytes()
  for place in range(8 * len(whole)):
    damaged = bytearray(whole)
    damaged[place // 8] ^= 1 << place % 8
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"^[^\n]*run.csv.*\.$"):
      metrics_table.read_csv(path)


def test_no_line_of_a_csv_is_lost_unnoticed(tmp_path):
  path = tmp_path / "run.csv"
  more = [dataclasses.replace(RECORDS[0], iteration=k) for k in range(20, 25)]
  metrics_table.write_csv(path, [*RECORDS, *more])
  lines = path.read_text().splitlines(keepends=True)
  for number in range(1, len(lines) - 1):
    path.write_text("".join(lines[:number] + lines[number + 1 :]))
    with pytest.raises(ValueError, match=rf"line {number + 1}, is damaged"):
      metrics_table.read_csv(path)


def test_appending_gives_the_same_file(tmp_path):
  metrics_table.write_csv(tmp_path / "whole.csv", RECORDS)
  appender = metrics_table.CsvAppender(tmp_path / "grown.csv", [])
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
  appender = metrics_table.CsvAppender(path, RECORDS)
  before = path.read_bytes()
  record = dataclasses.replace(RECORDS[-1], iteration=20)
  with file_size_limit(len(before) + 5), pytest.raises(OSError):
    appender.append(record)
  assert path.read_bytes() == before
  appender.append(record)
  appender.close()
  assert metrics_table.read_csv(path) == [*RECORDS, record]


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("iteration,", "step,", "line 1, must be 'iteration,seconds"),
    ("\n", "", "line 3, is incomplete"),
    ("\n10,", "10,", "line 2, must have a whole number"),
    ("\n0,", "\n0.5,", "line 2, must have a whole number, 6 numbers and a"),
    ("1.6", "x", "line 2, must have a whole number"),
    (",1.6", "", "line 2, must have a whole number"),
    ("1.6", "1.6,7", "line 2, must have a whole number"),
    ("\n10,", "\n11,", "line 3, is damaged: the checksum does not"),
    (",1.6,", ",1.60,", "line 2, is damaged: the checksum does not"),
    (",2.0,", ",3.0,", "line 3, is damaged: the checksum does not"),
    ("\n10,", "\n\n10,", "line 3, must have a whole number"),
  ],
)
def test_a_damaged_csv_is_refused(tmp_path, old, new, message):
  path = tmp_path / "run.csv"
  metrics_table.write_csv(path, RECORDS)
  head, middle, tail = path.read_text().rpartition(old)
  assert middle
  path.write_text(head + new + tail)
  with pytest.raises(ValueError, match=f"run.csv, {message}"):
    metrics_table.read_csv(path)


def test_lines_are_in_the_order_of_their_iterations(tmp_path):
  metrics_table.write_csv(tmp_path / "run.csv", RECORDS[::-1])
  with pytest.raises(ValueError, match="line 3, must have a later iteration"):
    metrics_table.read_csv(tmp_path / "run.csv")


def test_what_is_no_csv_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
    metrics_table.read_csv(tmp_path / "missing.csv")
  (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
  with pytest.raises(ValueError, match="is damaged: it is not a text file"):
    metrics_table.read_csv(tmp_path / "binary.csv")
  (tmp_path / "empty.csv").touch()
  with pytest.raises(ValueError, match="line 1, must be"):
    metrics_table.read_csv(tmp_path / "empty.csv")
