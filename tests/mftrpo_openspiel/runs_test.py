"""Tests of runs and of the files they leave."""

import csv

import pytest

from mftrpo_openspiel import files
from mftrpo_openspiel import runs
from mftrpo_openspiel import stationary_model
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory


def omd():
  game = factory.create_game(setting="two_islands")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  return mirror_descent.MirrorDescent(model, lr=0.1)


def test_records_are_what_the_model_says():
  algorithm = omd()
  records = list(runs.run(algorithm, 5, 0.3, [0, 2, 5]))
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
  assert runs.log_spaced_iterations(100, 1) == [0, 1, 10, 100]
  assert runs.log_spaced_iterations(0) == [0]
  for last in (1, 7, 5000):
    spaced = runs.log_spaced_iterations(last)
    assert spaced[0] == 0
    assert spaced[-1] == last
    assert spaced == sorted(set(spaced))
  with pytest.raises(ValueError, match="num_iterations must"):
    runs.log_spaced_iterations(-1)


def test_a_csv_holds_every_digit(tmp_path):
  records = [runs.Record(0, 0.1 + 0.2, 1 / 3, 1e-17)]
  runs.write_csv(tmp_path / "run.csv", records)
  (row,) = csv.DictReader((tmp_path / "run.csv").open())
  assert (
    runs.Record(
      int(row["iteration"]),
      *(float(row[name]) for name in list(row)[1:]),
    )
    == (records[0])
  )


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
