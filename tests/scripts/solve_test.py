"""Tests of mftrpo-solve as a user runs it."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import run_directory


@pytest.fixture
def run(program):
  """Runs mftrpo-solve; returns its standard output and standard error."""

  def run_program(*arguments, status=0):
    result = program("solve", *arguments, status=status)
    return result.stdout, result.stderr

  return run_program


def start(*arguments):
  return subprocess.Popen(
    [sys.executable, "-m", "mftrpo_openspiel.scripts.solve", *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def wait_for_change(path, process):
  """Waits until `path` is created or replaced, or the process has ended."""

  def inode():
    return os.stat(path).st_ino if path.exists() else None

  before = inode()
  while inode() == before and process.poll() is None:
    time.sleep(0.002)


@pytest.mark.parametrize(
  ("algorithm", "settles"), [("fixed_point", False), ("mirror_descent", True)]
)
def test_it_says_whether_exploitability_fell(run, algorithm, settles):
  output, _ = run(
    "--setting=two_islands", f"--algorithm={algorithm}", "--num_iterations=60"
  )
  assert ("did not fall in the last half" in output) != settles


def test_it_stops_below_an_exploitability(run, tmp_path):
  arguments = (
    "--setting=two_islands",
    "--algorithm=annealed_mf_trpo",
    f"--logdir={tmp_path / 'run'}",
    "--resume",
  )
  output, _ = run(*arguments, "--stop_below=0.1")
  (last,) = re.findall(
    r"^Stopped after iteration (\d+): phi_0 is \S+, less than 0.1\.$",
    output,
    re.MULTILINE,
  )
  output, _ = run(*arguments, "--stop_below=0.1")
  assert "is finished; nothing was changed" in output
  output, _ = run(*arguments, "--stop_below=0.01")
  assert f"Resumed after iteration {last}." in output
  assert "less than 0.01." in output


@pytest.mark.parametrize(
  ("arguments", "title"),
  [
    ((), "MF-TRPO (annealed) on "),
    (
      ("--algorithm=mf_trpo",),
      "MF-TRPO as printed in the paper (restarts from the uniform policy) on ",
    ),
    (
      ("--algorithm=mf_trpo", "--warm_start"),
      "MF-TRPO with a warm start (starts from its previous policy) on ",
    ),
  ],
)
def test_the_title_names_the_variant_of_mf_trpo(run, arguments, title):
  output, _ = run("--setting=two_islands", "--num_iterations=1", *arguments)
  assert output.startswith(
    title + "python_mfg_two_islands, setting two_islands\n"
  )


def test_the_default_algorithm_reaches_an_equilibrium(run):
  output, _ = run("--setting=four_rooms")
  rows = re.findall(r"^ *\d+ +(\S+) +\S+ +\S+$", output, re.MULTILINE)
  assert 0 <= float(rows[-1]) < 1e-9 * float(rows[0])


def test_it_prints_what_it_writes(run, tmp_path):
  output, _ = run(
    "--setting=two_islands",
    "--algorithm=mirror_descent",
    "--learning_rate=0.1",
    "--regularization=0.3",
    "--num_iterations=20",
    "--num_records=4",
    f"--logdir={tmp_path / 'run'}",
  )
  records = metrics_table.read_csv(tmp_path / "run" / "metrics.csv")
  printed = re.findall(r"^ *(\d+) +(\S+) +(\S+) +\S+$", output, re.MULTILINE)
  assert printed == [
    (
      str(record.iteration),
      f"{record.exploitability:.4e}",
      f"{record.regularized_exploitability:.4e}",
    )
    for record in records
  ]
  assert (records[0].iteration, records[-1].iteration) == (0, 20)
  assert (
    records[-1].regularized_exploitability
    < records[0].regularized_exploitability
  )
  assert re.search(
    r"^Solving took \S+ s, evaluating \S+ s \(\S+%\), writing \S+ s", output,
    re.MULTILINE,
  )  # fmt: skip
  assert re.search(
    r"^Values by dense LU, error at most \S+; laws by dense LU, relative error"
    r" of each mass at most \S+\.$", output, re.MULTILINE,
  )  # fmt: skip


def test_a_run_on_samples_prints_its_steps_and_ends_with_its_budget(
  run, tmp_path
):
  arguments = (
    "--setting=four_rooms_poi_5x5",
    "--model=sampled",
    "--num_trajectories=50",
    "--num_particles=20",
    "--seed=7",
    f"--logdir={tmp_path / 'run'}",
    "--resume",
  )
  output, _ = run(*arguments, "--max_environment_steps=30000")
  first, titles, *lines = output.splitlines()
  assert first == (
    "MF-TRPO (annealed) on python_mfg_four_rooms_poi, setting"
    " four_rooms_poi_5x5, learning from simulated plays (num_trajectories=50,"
    " num_particles=20, seed=7)"
  )
  assert titles.split() == [
    *("iteration", "steps", "phi_0", "phi_0.05", "seconds"),
  ]
  records = metrics_table.read_csv(tmp_path / "run" / "metrics.csv")
  assert [line.split()[:3] for line in lines[: len(records)]] == [
    [
      str(record.iteration),
      f"{record.environment_steps:,}",
      f"{record.exploitability:.4e}",
    ]
    for record in records
  ]
  assert {len(line) for line in lines[: len(records)]} == {len(titles)}
  last = records[-1]
  assert last.environment_steps >= 30_000
  accuracy, stopped, *_ = lines[len(records) + 1 :]
  assert accuracy.startswith("Measured on the exact model. Values by dense LU,")
  assert stopped == (
    f"Stopped after iteration {last.iteration}: {last.environment_steps}"
    " environment steps have been simulated, of a budget of 30000."
  )
  output, _ = run(*arguments, "--max_environment_steps=60000")
  assert f"Resumed after iteration {last.iteration}." in output
  output, _ = run(*arguments, "--max_environment_steps=60000")
  assert "is finished; nothing was changed" in output


@pytest.mark.parametrize(
  "arguments",
  [
    (
      "--game_name=mfg_garnet(size=4,horizon=4)",
      "--model=sampled",
      "--num_trajectories=20",
      "--num_particles=20",
    ),
    (
      "--setting=two_islands",
      "--model=sampled",
      "--sampled_from=compiled",
      "--estimator=published",
      "--num_trajectories=20",
      "--num_particles=20",
    ),
    (
      "--game_name=python_mfg_two_islands",
      "--algorithm=mf_trpo",
      "--warm_start",
    ),
    ("--game_name=mfg_garnet", "--algorithm=openspiel_mirror_descent"),
    ("--game_name=mfg_crowd_modelling", "--model=compiled"),
    (
      "--game_name=python_mfg_two_islands(horizon=3)",
      "--algorithm=openspiel_fictitious_play",
      "--log_distribution",
    ),
  ],
)
def test_it_runs_without_a_folder(run, arguments):
  output, _ = run("--num_iterations=2", *arguments)
  assert re.search(r"^ +2 +\d", output, re.MULTILINE)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((), "--game_name or --setting must be given"),
    (("--setting=nope",), "setting must be one of"),
    (("--game_name=nope",), "game_name must be a registered OpenSpiel game"),
    (
      ("--game_name=python_mfg_two_islands(crowd_aversion=-1.0)",),
      "crowd_aversion must be a number in",
    ),
    (("--game_name=kuhn_poker",), "game must be a mean-field game"),
    (
      ("--setting=two_islands", "--game_name=python_mfg_four_rooms"),
      "setting 'two_islands' applies to python_mfg_two_islands",
    ),
    (
      ("--setting=two_islands", "--algorithm=mf_trpo", "--regularization=0"),
      "regularization must be a number in",
    ),
    (
      ("--setting=two_islands", "--algorithm=mirror_descent", "--warm_start"),
      "--warm_start is for --algorithm=mf_trpo, not for mirror_descent.",
    ),
    (
      ("--game_name=mfg_garnet", "--model=stationary"),
      "model must be 'compiled' or 'openspiel'",
    ),
    (
      ("--setting=two_islands", "--logdir=/proc/none"),
      "logdir must be a folder",
    ),
    (
      ("--setting=two_islands", f"--logdir={'x' * 300}", "--resume"),
      "cannot be read (File name too long)",
    ),
    (("--setting=two_islands", "--resume"), "resume must not be given without"),
    (
      ("--setting=two_islands", "--tensorboard"),
      "tensorboard must not be set without --logdir",
    ),
  ],
)
def test_it_refuses_in_one_line(run, arguments, message):
  output, errors = run(*arguments, status=2)
  *_, last = errors.strip().splitlines()
  assert message in last
  assert "Traceback" not in errors
  assert not output


def test_help_documents_every_flag(run):
  output, _ = run("--help")
  fields = {
    field.name for field in dataclasses.fields(experiment_lib.Experiment)
  }
  names = {"logdir", "resume", "learning_rate", "import", *fields}
  names |= {"algorithm_options", *experiment_lib.model_flags()}
  names -= {"imports", "options", "model_options"}
  for name in names:
    assert re.search(rf"^  --(\[no\])?{name}\b", output, re.MULTILINE), name


@pytest.mark.slow
def test_a_run_is_stopped_and_resumed(run, tmp_path):
  """Uses separate processes, in which the order of sets differs."""
  path = tmp_path / "run"
  experiment = experiment_lib.Experiment(
    game_name="python_mfg_two_islands(horizon=3)",
    algorithm="openspiel_fictitious_play",
    num_iterations=40,
    record_every=2,
    checkpoint_seconds=0.0,
  )
  arguments = [
    f"--game_name={experiment.game_name}",
    f"--algorithm={experiment.algorithm}",
    "--num_iterations=40",
    "--record_every=2",
    "--checkpoint_seconds=0",
    f"--logdir={path}",
    "--resume",
  ]
  checkpoint = path / "checkpoint.npz"

  process = start(*arguments)
  wait_for_change(checkpoint, process)
  process.send_signal(signal.SIGSTOP)
  _, errors = run(*arguments, status=2)
  assert errors.splitlines()[-1] == (
    f"mftrpo-solve: --logdir must not be in use by another program, got {path}."
  )
  process.kill()
  process.communicate()
  assert not (path / "solution.npz").exists()
  _, errors = run(*arguments[:-1], status=2)
  assert "already contains a run" in errors
  assert "--resume" in errors

  process = start(*arguments)
  wait_for_change(checkpoint, process)
  process.send_signal(signal.SIGINT)
  output, errors = process.communicate()
  assert process.returncode == 130, output + errors
  assert "Traceback" not in errors
  (last,) = re.findall(r"^Interrupted after iteration (\d+)", output, re.M)
  assert f"The same command with --resume continues {path}." in output
  interrupted = run_directory.load_run(path).solution
  assert interrupted.iteration == int(last) < 40

  output, _ = run(*arguments)
  assert f"Resumed after iteration {last}." in output
  result = run_directory.load_run(path)
  whole = experiment_lib.run_experiment(experiment, None)
  for one, other in zip(result.records, whole.records, strict=True):
    assert one == dataclasses.replace(other, seconds=one.seconds)
  assert np.array_equal(result.solution.policy, whole.solution.policy)
  assert np.array_equal(result.solution.mean_field, whole.solution.mean_field)
  strings = whole.solution.observation_strings
  assert result.solution.observation_strings == strings

  output, _ = run(*arguments)
  assert output == f"The run in {path} is finished; nothing was changed.\n"


@pytest.mark.slow
def test_memory_does_not_grow(tmp_path):
  """The peak memory of a run does not depend on its number of iterations."""
  program = (
    "import resource\n"
    "from mftrpo_openspiel.runs import experiment\n"
    "def peak(step):\n"
    "  if step.iteration in (1000, 4000):\n"
    "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    "experiment.run_experiment(experiment.Experiment(\n"
    "  game_name='mfg_garnet(size=4,horizon=4)', num_iterations=4000,\n"
    "  algorithm='mirror_descent', record_every=10,\n"
    "  checkpoint_seconds=0.0), 'run', report=peak)\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", program],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    check=True,
  )
  early, late = map(int, result.stdout.split())
  assert late - early < 500  # Of 1,024 bytes.
