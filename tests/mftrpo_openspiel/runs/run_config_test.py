"""Tests of config.json."""

import dataclasses
import json
import math
import pathlib
import re
import subprocess

import config_edits
import pytest

from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_config

EXPERIMENT = {
  "game_name": None,
  "setting": "two_islands",
  "game_parameters": {},
  "model": "stationary",
  "algorithm": "mirror_descent",
  "options": {"lr": 0.1},
  "num_iterations": 10,
  "regularization": 0.05,
  "record_every": None,
  "num_records": 10,
  "log_distribution": False,
  "log_policy": False,
  "checkpoint_seconds": 30.0,
  "tensorboard": False,
  "imports": [],
  "stop_below": None,
  "model_options": {},
  "max_environment_steps": None,
}


def config(game="islands(seed=28)", **changes):
  return run_config.create_config({**EXPERIMENT, **changes}, game, "stationary")


def test_a_config_is_written_and_read(tmp_path):
  path = tmp_path / "config.json"
  run_config.write(path, config())
  assert run_config.read(path) == config()
  there = json.loads(path.read_text())
  # The checksum as documented, computed independently.
  assert there == config_edits.with_checksum(config())
  assert config()["versions"].keys() == {
    *("python", "mftrpo_openspiel", "open_spiel", "numpy", "scipy")
  }


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (
      {"setting": None},
      "setting must be 'two_islands' to resume .*, got nothing",
    ),
    ({"options": {"lr": 0.2}}, "options.lr must be 0.1 to resume"),
    ({"options": {"lr": 0.1, "a": 1}}, "options.a must not be given .*, got 1"),
    ({"game": "islands(seed=1)"}, r"game must be 'islands\(seed=28\)'"),
    ({"num_iterations": 9}, "num_iterations must be at least 10 .*, got 9"),
  ],
)
def test_a_different_run_is_refused_and_the_difference_named(changes, message):
  with pytest.raises(ValueError, match=message):
    run_config.check_same_run(config(), config(**changes), "runs/1")


def test_values_other_than_texts_and_numbers_are_refused():
  for value in (float("nan"), len):
    with pytest.raises(ValueError, match="must consist of texts and numbers"):
      config(options={"lr": value})


@pytest.mark.parametrize("name", EXPERIMENT)
@pytest.mark.parametrize("value", [[], {"a": 1}, "a", 1.5, True, None])
def test_a_field_of_another_type_is_refused(name, value):
  kinds = run_config.FIELDS[name]
  if type(value) in kinds:
    assert config(**{name: value})["experiment"][name] == value
    return
  with pytest.raises(ValueError, match=f"^{name} must be of type .*, got "):
    config(**{name: value})


def test_the_fields_are_those_of_an_experiment():
  fields = dataclasses.fields(experiment_lib.Experiment)
  assert run_config.FIELDS.keys() == {field.name for field in fields}


def test_some_fields_may_change():
  changed = config(num_iterations=11, checkpoint_seconds=1, tensorboard=True)
  run_config.check_same_run(config(), changed, "runs/1")
  assert run_config.run_id(config()) == run_config.run_id(changed)
  other = config(options={"lr": 0.2})
  assert run_config.run_id(config()) != run_config.run_id(other)


def test_a_longer_run_keeps_the_versions_it_was_started_with(tmp_path):
  path = tmp_path / "config.json"
  begun = {**config(), "commit": "abc"}
  begun["versions"] = {**begun["versions"], "numpy": "1.0"}
  run_config.write(path, begun)
  with pytest.warns(UserWarning, match="started with numpy 1.0 and is resumed"):
    run_config.write(path, config(num_iterations=20))
  assert run_config.read(path) == {
    **begun,
    "experiment": config(num_iterations=20)["experiment"],
  }


# A file that an older version of the package wrote, in format 2.
FORMAT_2 = """{
  "format": 2,
  "experiment": {
    "game_name": null,
    "setting": "two_islands",
    "game_parameters": {},
    "model": "stationary",
    "algorithm": "mirror_descent",
    "options": {
      "lr": 0.1
    },
    "num_iterations": 4,
    "regularization": 0.05,
    "record_every": null,
    "num_records": 10,
    "log_distribution": false,
    "checkpoint_seconds": 30.0,
    "tensorboard": false
  },
  "game": "python_mfg_two_islands(bridge_cost=0.0,crowd_aversion=0.2,discount=0\
.9,horizon=40,initial_distribution=[2],reward_imbalance=0.0,seed=28)",
  "model": "stationary",
  "versions": {
    "python": "3.11.7",
    "mftrpo_openspiel": "0.1.0",
    "open_spiel": "2.0.2",
    "numpy": "2.4.6",
    "scipy": "1.17.1"
  },
  "commit": null,
  "checksum": "8071275a510890eb604d6acdc8c419089628e47630855773263ccb7d5debf67f"
}
"""
# And the identifier in the checkpoint of that run.
RUN_ID_2 = "2f15a614b8ca36b92c058c311ff945c5ebc8aa6ad6566fe8f10057fe09b03012"


def test_a_run_of_format_2_can_be_read_and_resumed(tmp_path):
  path = tmp_path / "config.json"
  path.write_text(FORMAT_2)
  begun = run_config.read(path)
  assert begun["format"] == run_config.FORMAT
  assert begun["experiment"]["imports"] == []
  assert run_config.run_id(begun) == RUN_ID_2
  experiment = experiment_lib.Experiment(**begun["experiment"])
  longer = run_config.create_config(
    {**dataclasses.asdict(experiment), "num_iterations": 8},
    begun["game"],
    "stationary",
  )
  assert run_config.run_id(longer) == RUN_ID_2
  run_config.check_same_run(begun, longer, tmp_path)
  # Added fields must not differ either, unless they are changeable.
  for name, unsaid in run_config.ADDED_FIELDS.items():
    other = {**begun, "experiment": {**begun["experiment"], name: ["other"]}}
    if name in run_config.CHANGEABLE_FIELDS:
      assert run_config.run_id(other) == RUN_ID_2
      continue
    with pytest.raises(ValueError, match=f"^{name} must be {unsaid!r} to r"):
      run_config.check_same_run(begun, other, tmp_path)


def test_a_run_from_before_models_had_options_can_be_resumed(
  tmp_path,
):
  path = tmp_path / "config.json"
  begun = config()
  for name in ("model_options", "max_environment_steps"):
    del begun["experiment"][name]
  path.write_text(json.dumps(config_edits.with_checksum(begun)))
  read = run_config.read(path)
  assert read == config()
  assert run_config.run_id(read) == run_config.run_id(begun)
  run_config.check_same_run(read, config(), tmp_path)
  sampled = config(model_options={"seed": 0})
  assert run_config.run_id(sampled) != run_config.run_id(begun)
  with pytest.raises(ValueError) as error:
    run_config.check_same_run(read, sampled, "runs/1")
  assert str(error.value) == (
    "model_options.seed must not be given to resume the run in runs/1, got 0."
  )


def test_a_run_of_format_2_that_was_edited_is_refused(tmp_path):
  path = tmp_path / "config.json"
  path.write_text(FORMAT_2.replace('"lr": 0.1', '"lr": 0.2'))
  with pytest.raises(ValueError, match="checksum does not match"):
    run_config.read(path)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "Expecting"),
    ("[]", "it is not a JSON object"),
    (
      "{}",
      r"its format is None, but this version of the package uses format 3",
    ),
    ('{"format": 1}', "its format is 1, but this version of the package uses"),
    ('{"format": 2, "experiment": 3}', "experiment must be of type dict, got"),
    (
      '{"format": 2, "experiment": {}}',
      "game must be given, but it is missing",
    ),
    ("[" * 100_000, "it is nested too deeply"),
    ('{"format": ' + "[" * 100_000, "it is nested too deeply"),
    ('{"format": ' + "9" * 5_000 + "}", "Exceeds the limit"),
    ("\N{SNOWMAN}", "Expecting"),
    (b"\xff", "can't decode byte"),
  ],
)
def test_a_damaged_config_is_refused(tmp_path, text, message):
  path = tmp_path / "config.json"
  path.write_bytes(text if isinstance(text, bytes) else text.encode())
  with pytest.raises(
    ValueError, match=f"config.json cannot be read: .*{message}"
  ) as error:
    run_config.read(path)
  assert "\n" not in str(error.value)


WRONG = ["x", -1, 1.5, True, None, [], {}, [[0]], 10**400, math.nan, -math.inf]


@pytest.mark.parametrize("place", list(config_edits.leaves(config())))
def test_a_config_that_was_edited_is_refused(tmp_path, place):
  path = tmp_path / "config.json"
  run_config.write(path, config())
  whole = json.loads(path.read_text())
  for value in WRONG:
    edited = config_edits.replaced(whole, place, value)
    path.write_text(json.dumps(edited))
    if json.dumps(edited) == json.dumps(whole):
      assert run_config.read(path) == config()
      continue
    with pytest.raises(ValueError, match=r"config.json cannot be read: .*\.$"):
      run_config.read(path)
    # The checksum was corrected after the edit.
    forged = config_edits.with_checksum(edited if place else {})
    path.write_text(json.dumps(forged))
    try:
      read = run_config.read(path)
    except ValueError as error:
      assert re.fullmatch(r".*config.json cannot be read: .*\.", str(error))
    else:
      for name, kinds in run_config.FIELDS.items():
        assert type(read["experiment"][name]) in kinds


def git(folder, *arguments):
  subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def test_the_commit_is_that_of_the_checkout(tmp_path):
  root = pathlib.Path(__file__).parents[3]
  head = subprocess.run(
    ["git", "-C", str(root), "rev-parse", "HEAD"],
    capture_output=True,
    text=True,
  )
  if (root / ".git").exists() and head.returncode == 0:
    assert run_config.commit().removesuffix("-dirty") == head.stdout.strip()
  checkout = tmp_path / "checkout"
  checkout.mkdir()
  git(tmp_path, "init", "-q")
  # A folder inside a checkout is not a checkout; a new one has no commit.
  assert run_config.commit(checkout) is None
  run_config.commit.cache_clear()
  git(checkout, "init", "-q")
  assert run_config.commit(checkout) is None
