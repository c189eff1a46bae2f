"""Tests of files and folders."""

import csv

import pytest

from mftrpo_openspiel.utils import files


def test_a_file_is_written_atomically(tmp_path):
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


def test_a_table_is_written_atomically(tmp_path):
  path = tmp_path / "table.csv"
  rows = [{"name": "a, b", "value": 1.5}, {"name": None}]
  files.write_csv(path, rows, ["name", "value"])
  with path.open(newline="") as file:
    assert list(csv.reader(file)) == [
      ["name", "value"],
      ["a, b", "1.5"],
      [""] * 2,
    ]
  before = path.read_bytes()
  with pytest.raises(ValueError, match="other"):
    files.write_csv(path, [*rows, {"other": 1}], ["name", "value"])
  assert path.read_bytes() == before
  assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_refused(tmp_path):
  with (
    pytest.raises(ValueError, match="writable folder"),
    files.replacing(tmp_path / "missing" / "file"),
  ):
    pass
  (tmp_path / "file").touch()
  with pytest.raises(ValueError, match="logdir must"):
    files.folder(tmp_path / "file" / "below")
