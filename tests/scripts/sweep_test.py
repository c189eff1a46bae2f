"""Tests of mftrpo-sweep as a user runs it."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import sweep_runs

from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.scripts import sweep


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys):
  runs = sweep_runs.runs_of([*sweep_runs.GRID, "game_parameters.seed=1,2"])
  (tmp_path / runs[0].name).write_text("No folder.")
  # Another program uses this folder.
  with run_directory.locked(tmp_path / runs[2].name):
    outcomes, _ = sweep_runs.perform(runs, tmp_path)
  assert [outcome.error is None for outcome in outcomes] == [False, True] * 2
  assert "in use by another program" in outcomes[2].error
  for index in (1, 3):
    assert sweep_runs.timeless(outcomes[index].records) == sweep_runs.expected(
      runs[index]
    )
  results = [(runs[index], outcomes[index].records) for index in (1, 3)]
  sweep.report(results, runs, outcomes)
  printed = capsys.readouterr()
  assert "2 of 4 runs are finished." in printed.out
  # The lines before are the progress bar.
  *_, first, second = printed.err.splitlines()
  assert first.startswith(f"Failed: {runs[0].name}: logdir must be a folder")
  assert second.startswith(f"Failed: {runs[2].name}: logdir must not be in use")


def test_each_run_that_failed_is_named(capsys):
  runs = sweep_runs.runs_of([*sweep_runs.GRID, "game_parameters.seed=1,2"])
  sweep.report([], runs, [sweep_lib.RunOutcome(error="Gone.")] * 4)
  lines = capsys.readouterr().err.splitlines()
  assert lines == [f"Failed: {run.name}: Gone." for run in runs]


def test_two_sweeps_do_not_share_a_folder(tmp_path):
  with run_directory.locked(tmp_path):
    with pytest.raises(ValueError, match="in use by another program"):
      sweep_runs.main(
        *sweep_runs.FLAGS, f"--logdir={tmp_path}", "--grid=algorithm=mf_trpo"
      )
  assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((), "logdir must be given"),
    (("--logdir=/proc/none",), "logdir must be a folder"),
    (
      ("--scheduler_address=tcp://localhost:1", "--num_processes=1"),
      "num_processes must not be given with scheduler_address",
    ),
  ],
)
def test_bad_flags_are_refused(tmp_path, arguments, message):
  if len(arguments) == 2:
    arguments = (*arguments, f"--logdir={tmp_path}")
  with pytest.raises(ValueError, match=message):
    sweep_runs.main(*sweep_runs.FLAGS, "--grid=algorithm=mf_trpo", *arguments)


def start(logdir, *arguments):
  return subprocess.Popen(
    [
      sys.executable,
      "-m",
      "mftrpo_openspiel.scripts.sweep",
      f"--logdir={logdir}",
      *arguments,
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
  )


def wait_for(condition, process, seconds=120):
  end = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.communicate()
    assert time.monotonic() < end
    time.sleep(0.02)


def is_gone(group):
  try:
    os.killpg(group, 0)
  except ProcessLookupError:
    return True
  return False


@pytest.mark.slow
def test_no_results_are_lost_by_kill_or_a_closed_terminal(tmp_path):
  arguments = [
    "--setting=two_islands",
    # Its iterations do not get faster towards the end.
    "--algorithm=mf_trpo",
    "--num_iterations=200",
    "--record_every=5",
    "--checkpoint_seconds=0.05",
  ]
  # The third waits for a process.
  grid = ["game_parameters.seed=1,2,3"]
  runs = sweep_runs.runs_of(grid, arguments)
  command = [*arguments, *(f"--grid={text}" for text in grid)]
  first = tmp_path / runs[0].name

  process = start(tmp_path, *command, "--num_processes=1")
  wait_for(lambda: len(sweep_runs.iterations(first)) > 2, process)
  process.kill()
  process.communicate()
  end = time.monotonic() + 60
  while not is_gone(process.pid):
    assert time.monotonic() < end, "The workers outlive the program."
    time.sleep(0.02)

  process = start(tmp_path, *command, "--num_processes=2")
  reached = len(sweep_runs.iterations(first))
  wait_for(lambda: len(sweep_runs.iterations(first)) > reached + 2, process)
  # A closed terminal sends the signal to all of its processes.
  os.killpg(process.pid, signal.SIGHUP)
  _, errors = process.communicate(timeout=120)
  assert process.returncode == 129, errors
  assert "Traceback" not in errors
  assert errors.splitlines()[-1] == (
    "Interrupted; the same command resumes the sweep."
  )
  before = run_directory.load_run(first)
  assert 0 < before.solution.iteration < 200
  assert not (tmp_path / "stop").exists()

  process = start(tmp_path, *command, "--num_processes=1")
  output, errors = process.communicate(timeout=120)
  assert process.returncode == 0, errors
  assert "3 of 3 runs are finished" in output
  for run in runs:
    result = run_directory.load_run(tmp_path / run.name)
    assert sweep_runs.timeless(result.records) == sweep_runs.expected(run)
  # Their seconds are the same too: the run was resumed, not restarted.
  after = run_directory.load_run(first)
  assert after.records[: len(before.records)] == before.records
  with (tmp_path / "results.csv").open() as file:
    assert len(file.readlines()) == 1 + 3 * 41
  assert not list(tmp_path.glob("**/.*"))


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_and_stops_on_ctrl_c(tmp_path):
  distributed = pytest.importorskip("distributed")
  runs = sweep_runs.runs_of()
  with distributed.LocalCluster(
    n_workers=1, threads_per_worker=2, dashboard_address=None
  ) as cluster:
    address = cluster.scheduler_address
    common = [f"--logdir={tmp_path}", f"--scheduler_address={address}"]
    grid = [f"--grid={x}" for x in sweep_runs.GRID]
    assert sweep_runs.main(*sweep_runs.FLAGS, *common, *grid) == 0
    for run in runs:
      result = run_directory.load_run(tmp_path / run.name)
      assert sweep_runs.timeless(result.records) == sweep_runs.expected(run)

    arguments = [
      "--setting=two_islands",
      "--num_iterations=100000",
      *common,
      "--grid=game_parameters.seed=1,2,3",
    ]
    folder = tmp_path / "seed=1"
    interrupt = functools.partial(os.kill, os.getpid(), signal.SIGINT)
    thread = threading.Thread(
      target=sweep_runs.once_begun, args=(folder, interrupt)
    )
    thread.start()
    assert sweep_runs.main(*arguments) == 130
    thread.join()
    assert 0 < run_directory.load_run(folder).solution.iteration < 100000
    # The lock is free, so the run has ended on the cluster too.
    with run_directory.locked(folder):
      pass
  with pytest.raises(ValueError, match="must be that of a running scheduler"):
    with sweep_lib.dask_workers("nowhere"):
      pass
