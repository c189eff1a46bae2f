"""Fixtures: a folder of intact and damaged run directories."""

import io
import json
import shutil

import numpy as np
import pytest

from mftrpo_openspiel.runs import experiment as experiment_lib


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
  """A folder with an intact run and several damaged copies."""
  path = tmp_path_factory.mktemp("inputs")

  def perform(name, **options):
    experiment_lib.run_experiment(
      experiment_lib.Experiment(
        setting="two_islands",
        algorithm="mf_trpo",
        options=options,
        num_iterations=4,
        record_every=1,
        log_distribution=True,
      ),
      path / name,
    )

  perform("run")
  perform("of_another_run", warm_start=True)
  whole = {file.name: file for file in (path / "run").iterdir()}
  csv = whole["metrics.csv"].read_bytes()
  config = json.loads(whole["config.json"].read_text())
  config = {**config, "format": 1}
  config.pop("checksum", None)
  foreign = io.BytesIO()
  np.savez(foreign, policy=np.full((14, 2), 0.5))
  for name, file, content in (
    ("truncated", "checkpoint.npz", whole["checkpoint.npz"].read_bytes()[:-50]),
    ("foreign", "checkpoint.npz", foreign.getvalue()),
    ("no_json", "config.json", b"{"),
    ("old_format", "config.json", json.dumps(config).encode()),
    ("nested", "config.json", b"[" * 100_000),
    ("changed_digit", "metrics.csv", csv.replace(b",0.", b",1.", 1)),
    ("other_json", "config.json", b"[]"),
    ("cut", "metrics.csv", csv[:-9]),
    ("bad_line", "metrics.csv", csv + b"end\n"),
    ("no_solution", "solution.npz", b""),
  ):
    shutil.copytree(path / "run", path / name)
    (path / name / file).write_bytes(content)
  other = path / "of_another_run"
  shutil.copy(whole["config.json"], other)
  shutil.copy(whole["metrics.csv"], other)
  (path / "empty").mkdir()
  (path / "loose").mkdir()
  (path / "loose" / "metrics.csv").write_bytes(csv)
  (path / "file").touch()
  (path / "flags.txt").write_text("--setting=two_islands\n--speed=3\n")
  return path


@pytest.fixture(scope="session")
def contents():
  """A function that returns the contents of all files in a folder."""

  def read(path):
    return {
      file: (file.stat().st_mtime_ns, file.is_file() and file.read_bytes())
      for file in path.rglob("*")
      # Which some versions of filelock touch.
      if file.name != "lock"
    }

  return read
