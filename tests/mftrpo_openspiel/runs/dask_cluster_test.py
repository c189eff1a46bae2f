"""Tests of sweeps on a cluster without workers, or whose workers die."""

import contextlib
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from mftrpo_openspiel.runs import dask_cluster

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow
SWEEP = pathlib.Path(sys.executable).parent / "mftrpo-sweep"
# Ctrl-C ends a sweep in much less time; a busy machine takes longer.
SECONDS = 30


@contextlib.contextmanager
def started(*command, **options):
  process = subprocess.Popen(command, text=True, **options)
  try:
    yield process
  finally:
    process.kill()
    process.wait()


@pytest.fixture
def address():
  """The address of a scheduler without workers."""
  with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
    yield cluster.scheduler_address


def sweep(address, logdir):
  return started(
    *(SWEEP, f"--logdir={logdir}", f"--scheduler_address={address}"),
    *("--setting=two_islands", "--num_iterations=1000000"),
    "--grid=game_parameters.seed=1,2,3",
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )


def interrupted(process):
  """Returns the lines on standard error of a sweep that Ctrl-C ends."""
  process.send_signal(signal.SIGINT)
  printed, said = process.communicate(timeout=SECONDS)
  assert process.returncode == 130, said
  assert "0 of 3 runs are finished." in printed
  assert "Traceback" not in said
  assert "Failed" not in said
  assert (
    said.splitlines()[-1] == "Interrupted; the same command resumes the sweep."
  )
  return said.splitlines()


def test_a_sweep_without_workers_says_so_and_ends_on_ctrl_c(address, tmp_path):
  with sweep(address, tmp_path / "sweep") as process:
    line = process.stderr.readline()
    assert line == (
      f"Waiting for workers: the scheduler at {address} has none. To start"
      f" one: dask worker {address}\n"
    )
    interrupted(process)
  assert not (tmp_path / "sweep" / "stop").exists()


def test_a_sweep_whose_worker_is_killed_says_so_and_ends_on_ctrl_c(
  address, tmp_path
):
  begun = tmp_path / "sweep" / "seed=1" / "config.json"
  worker_command = [
    *(sys.executable, "-m", "distributed.cli.dask_worker", address),
    *("--no-nanny", "--nthreads=1", "--no-dashboard"),
    f"--local-directory={tmp_path}",
  ]
  quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
  with (
    started(*worker_command, **quiet) as worker,
    sweep(address, tmp_path / "sweep") as process,
  ):
    watchdog = threading.Timer(3 * SECONDS, process.kill)
    watchdog.start()
    while not begun.exists():
      assert process.poll() is None
      time.sleep(0.05)
    worker.kill()
    lines = iter(process.stderr.readline, "")
    assert any(line.startswith("Waiting for workers: ") for line in lines)
    interrupted(process)
    watchdog.cancel()


def test_the_progress_of_runs_is_summed():
  def run(num_iterations):
    for iteration in range(1, num_iterations + 1):
      dask_cluster.report_progress(iteration)

  with (
    distributed.LocalCluster(
      n_workers=1, processes=False, dashboard_address=None
    ) as local,
    dask_cluster.connected(local.scheduler_address) as cluster,
  ):
    for call in [cluster.submit(run, 1000), cluster.submit(run, 234)]:
      call.result(timeout=SECONDS)
    end = time.monotonic() + SECONDS
    while cluster.count() < 1234 and time.monotonic() < end:
      time.sleep(0.05)
    assert cluster.count() == 1234
