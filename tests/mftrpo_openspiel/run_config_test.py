"""Tests of what config.json says."""

import json
import re
import subprocess

import pytest

from mftrpo_openspiel import provenance
from mftrpo_openspiel import run_config

EXPERIMENT = {
  "setting": "two_islands",
  "options": {"lr": 0.1},
  "num_iterations": 10,
  "checkpoint_seconds": 30.0,
  "tensorboard": False,
}


def config(game="islands(seed=28)", **changes):
  return run_config.make({**EXPERIMENT, **changes}, game, "stationary")


def test_a_config_comes_back(tmp_path):
  path = tmp_path / "config.json"
  run_config.write(path, config())
  assert run_config.read(path) == config()
  assert json.loads(path.read_text()) == config()
  assert config()["versions"].keys() == {
    *("python", "mftrpo_openspiel", "open_spiel", "numpy", "scipy")
  }


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"setting": None}, "setting must be 'two_islands' to go on .*, got None"),
    ({"options": {"lr": 0.2}}, "options.lr must be 0.1 to go on"),
    ({"options": {"lr": 0.1, "a": 1}}, "options.a must be None .*, got 1"),
    ({"game": "islands(seed=1)"}, r"game must be 'islands\(seed=28\)'"),
    ({"num_iterations": 9}, "num_iterations must be at least 10 .*, got 9"),
  ],
)
def test_another_run_is_told_by_what_differs(changes, message):
  with pytest.raises(ValueError, match=message):
    run_config.check_same(config(), config(**changes), "runs/1")


def test_what_is_no_text_nor_number_is_refused():
  for value in (float("nan"), len):
    with pytest.raises(ValueError, match="must be of texts and numbers"):
      config(options={"lr": value})


def test_some_fields_may_change():
  changed = config(num_iterations=11, checkpoint_seconds=1, tensorboard=True)
  run_config.check_same(config(), changed, "runs/1")
  assert run_config.identity(config()) == run_config.identity(changed)
  other = config(options={"lr": 0.2})
  assert run_config.identity(config()) != run_config.identity(other)


def test_a_longer_run_keeps_what_it_was_begun_with(tmp_path):
  path = tmp_path / "config.json"
  begun = {**config(), "commit": "abc"}
  begun["versions"] = {**begun["versions"], "numpy": "1.0"}
  run_config.write(path, begun)
  with pytest.warns(UserWarning, match="begun with numpy 1.0 and is gone on"):
    run_config.write(path, config(num_iterations=20))
  assert run_config.read(path) == {
    **begun,
    "experiment": config(num_iterations=20)["experiment"],
  }


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "config.json cannot be read: Expecting"),
    ("[]", "config.json cannot be read"),
    ("{}", "config.json is damaged: it has no 'format'"),
    ('{"format": 2}', "its format is 2, not 1"),
    ('{"format": 1, "experiment": {}}', "is damaged: it has no 'game'"),
    ('{"format": 1, "experiment": 3}', "its 'experiment' is 3"),
  ],
)
def test_a_damaged_config_is_refused(tmp_path, text, message):
  (tmp_path / "config.json").write_text(text)
  with pytest.raises(ValueError, match=message):
    run_config.read(tmp_path / "config.json")


def test_the_commit_is_that_of_the_checkout(monkeypatch, tmp_path):
  commit = provenance.commit.__wrapped__
  known = commit()
  if known is not None:
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", known)
  package = tmp_path / "checkout" / "mftrpo_openspiel"
  package.mkdir(parents=True)
  monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
  subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
  # The checkout around it is not its own; and one without commits has none.
  assert commit() is None
  subprocess.run(["git", "init", "-q", str(package.parent)], check=True)
  assert commit() is None
