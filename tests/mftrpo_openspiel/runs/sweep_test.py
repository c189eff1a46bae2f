"""Tests that sweeps give the results of single runs in spite of failures."""

from concurrent import futures
import dataclasses
import multiprocessing
import os
import sys
import threading

import pytest
import sweep_runs

from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.utils import progress


def contents(folder):
  return {
    path: (path.read_bytes(), path.stat().st_mtime_ns)
    for path in folder.rglob("*")
    if path.is_file()
  }


def test_runs_are_those_of_solve_and_finished_ones_are_not_changed(tmp_path):
  runs = sweep_runs.runs_of()
  assert len(runs) == 2
  outcomes, interrupted = sweep_runs.perform(runs, tmp_path)
  assert not interrupted
  for run, outcome in zip(runs, outcomes):
    assert not outcome.was_finished
    assert sweep_runs.timeless(outcome.records) == sweep_runs.expected(run)
    on_disk = run_directory.load_run(tmp_path / run.name)
    assert on_disk.records == outcome.records
  before = contents(tmp_path)
  again, _ = sweep_runs.perform(runs, tmp_path)
  assert all(outcome.was_finished for outcome in again)
  assert [x.records for x in again] == [x.records for x in outcomes]
  assert contents(tmp_path) == before


def test_any_exception_becomes_one_line():
  future = futures.Future()
  future.set_exception(RuntimeError("first\n  second"))
  outcome = sweep_lib.outcome_of(future)
  assert outcome.error == "RuntimeError: first second"


def test_a_process_that_is_killed_ends_one_run(tmp_path):
  runs = sweep_runs.runs_of(
    ["game_parameters.seed=1,2,3"],
    ("--setting=two_islands", "--num_iterations=200", "--record_every=5"),
  )

  def kill():
    (process,) = multiprocessing.active_children()
    process.kill()

  thread = threading.Thread(target=sweep_runs.once_begun, args=(tmp_path, kill))
  with sweep_lib.local_workers(1) as workers:
    thread.start()
    outcomes, interrupted = sweep_lib.run_sweep(runs, tmp_path, workers)
  thread.join()
  assert not interrupted
  (dead,) = (i for i, outcome in enumerate(outcomes) if outcome.error)
  assert outcomes[dead].error.startswith("its process has died")
  # The same sweep resumes the run.
  again, _ = sweep_runs.perform(runs, tmp_path)
  for index, (run, outcome) in enumerate(zip(runs, again)):
    assert outcome.error is None
    assert outcome.was_finished == (index != dead)
    assert sweep_runs.timeless(outcome.records) == sweep_runs.expected(run)


@pytest.mark.slow
def test_a_worker_of_dask_that_dies_ends_one_run():
  distributed = pytest.importorskip("distributed")
  dask = pytest.importorskip("dask")
  with (
    dask.config.set({"distributed.scheduler.allowed-failures": 0}),
    distributed.LocalCluster(
      n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster,
    sweep_lib.dask_workers(cluster.scheduler_address) as workers,
  ):
    executor = workers.executor
    dead = executor.submit(os._exit, 0)
    assert "KilledWorker" in sweep_lib.outcome_of(dead).error
    assert executor.submit(os.getpid).result() != os.getpid()


def test_processes_that_die_are_reported(tmp_path):
  class Broken(futures.Executor):
    def submit(self, function, /, *arguments, **keywords):
      future = futures.Future()
      future.set_exception(futures.BrokenExecutor("Gone."))
      return future

  (outcome, _), interrupted = sweep_lib.run_sweep(
    sweep_runs.runs_of(), tmp_path, sweep_lib.Workers(Broken())
  )
  assert not interrupted
  assert outcome.records is None
  assert outcome.error.startswith("its process has died")


def test_progress_is_in_environment_steps_if_all_runs_have_budgets(
  tmp_path, monkeypatch
):
  bars = []

  def progress_bar(total, unit):
    bars.append((total, unit))
    return progress.live_bar(total, is_wanted=False)

  monkeypatch.setattr(sweep_lib.progress, "progress_bar", progress_bar)
  flags = ("--setting=two_islands", "--num_iterations=50")
  sampled = (*flags, "--num_trajectories=20", "--num_particles=20")
  budget = "--max_environment_steps=3000"
  runs = sweep_runs.runs_of(["seed=1,2"], (*sampled, "--model=sampled", budget))
  outcomes, _ = sweep_runs.perform(runs, tmp_path / "steps")
  assert [outcome.error for outcome in outcomes] == [None, None]
  mixed = sweep_runs.runs_of(["model=sampled,stationary"], (*sampled, budget))
  sweep_runs.perform(mixed, tmp_path / "mixed")
  assert bars == [(2 * 3000, "environment step"), (2 * 50, "iteration")]


@pytest.mark.parametrize("in_steps", [False, True])
def test_a_run_counts_up_to_its_total(tmp_path, monkeypatch, in_steps):
  counts = []
  monkeypatch.setattr(sweep_lib.dask_cluster, "report_progress", counts.append)
  (run,) = sweep_runs.runs_of(
    ["seed=1"],
    (
      "--setting=two_islands",
      "--num_iterations=50",
      "--model=sampled",
      "--num_trajectories=20",
      "--num_particles=20",
      "--max_environment_steps=30000",
    ),
  )
  sweep_lib.run_one(
    run.experiment,
    str(tmp_path / "run"),
    str(tmp_path / "stop"),
    in_steps=in_steps,
    look_seconds=0.0,
  )
  assert counts == sorted(counts)
  *_, before, last = dict.fromkeys(counts)
  assert last == (30_000 if in_steps else 50)
  assert before < last
  assert len(set(counts)) > 3


def test_the_stop_file_stops_a_run_which_is_then_resumed(tmp_path):
  stop = tmp_path / "stop"
  (run,) = sweep_runs.runs_of(
    ["game_parameters.seed=1"],
    ("--setting=two_islands", "--num_iterations=200"),
  )
  logdir = tmp_path / run.name
  thread = threading.Thread(
    target=sweep_runs.once_begun, args=(logdir, stop.touch)
  )
  thread.start()
  assert (
    sweep_lib.run_one(run.experiment, str(logdir), str(stop), look_seconds=0.0)
    == sweep_lib.RunOutcome()
  )
  thread.join()
  assert 0 < run_directory.load_run(logdir).solution.iteration < 200
  assert (
    sweep_lib.run_one(run.experiment, str(tmp_path / "new"), str(stop))
    == sweep_lib.RunOutcome()
  )
  assert not (tmp_path / "new").exists()
  (outcome,), _ = sweep_runs.perform([run], tmp_path)
  assert sweep_runs.timeless(outcome.records) == sweep_runs.expected(run)
  assert not stop.exists()
  stop.touch()
  again = sweep_lib.run_one(run.experiment, str(logdir), str(stop))
  assert again == dataclasses.replace(outcome, was_finished=True)


def test_without_dask_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "distributed", None)
  with pytest.raises(ValueError, match=r"needs the package distributed: pip"):
    with sweep_lib.dask_workers("tcp://localhost:1"):
      pass
