"""Sweeps: the same numbers as single runs, whatever happens on the way."""

from concurrent import futures
import csv
import dataclasses
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

from absl import flags
import pytest

from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.runs import sweep_table
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import sweep

FLAGS = ("--setting=two_islands", "--num_iterations=5", "--record_every=2")
GRID = ["algorithm=mf_trpo,mirror_descent", "learning_rate=0.1"]


def flag_values(*arguments):
  values = flags.FlagValues()
  sweep.define_flags(values)
  values(["mftrpo-sweep", *arguments])
  return values


def runs_of(grid=GRID, arguments=FLAGS):
  axes = sweep.parse_axes(grid)
  fixed = experiment_flags.given_values(flag_values(*arguments))
  return sweep_grid.expand(axes, fixed)[0]


def perform(runs, logdir):
  with futures.ThreadPoolExecutor(1) as executor:
    return sweep_lib.run_sweep(runs, logdir, executor, None)


def expected(run):
  """Returns the records of a single run, without the seconds."""
  return timeless(experiment_lib.run_experiment(run.experiment, None).records)


def timeless(records):
  return [dataclasses.replace(record, seconds=0.0) for record in records]


def contents(folder):
  return {
    path: (path.read_bytes(), path.stat().st_mtime_ns)
    for path in folder.rglob("*")
    if path.is_file()
  }


def test_runs_are_those_of_solve_and_the_finished_are_left_alone(tmp_path):
  runs = runs_of()
  assert len(runs) == 2
  outcomes, interrupted = perform(runs, tmp_path)
  assert not interrupted
  for run, outcome in zip(runs, outcomes):
    assert not outcome.was_finished
    assert timeless(outcome.records) == expected(run)
    on_disk = run_directory.load_run(tmp_path / run.name)
    assert on_disk.records == outcome.records
  before = contents(tmp_path)
  again, _ = perform(runs, tmp_path)
  assert all(outcome.was_finished for outcome in again)
  assert [x.records for x in again] == [x.records for x in outcomes]
  assert contents(tmp_path) == before


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys):
  runs = runs_of([*GRID, "game_parameters.seed=1,2"])
  (tmp_path / runs[0].name).write_text("No folder.")
  # Another program is at work there.
  with run_directory.locked(tmp_path / runs[2].name):
    outcomes, _ = perform(runs, tmp_path)
  assert [outcome.error is None for outcome in outcomes] == [False, True] * 2
  assert "in use by another program" in outcomes[2].error
  for index in (1, 3):
    assert timeless(outcomes[index].records) == expected(runs[index])
  results = [(runs[index], outcomes[index].records) for index in (1, 3)]
  sweep.report(results, runs, outcomes)
  printed = capsys.readouterr()
  assert "2 of 4 runs are finished." in printed.out
  # Before them there is the progress bar.
  *_, first, second = printed.err.splitlines()
  assert first.startswith(f"Failed: {runs[0].name}: logdir must be a folder")
  assert second.startswith(f"Failed: {runs[2].name}: logdir must not be in use")


def test_whatever_is_raised_becomes_one_line():
  future = futures.Future()
  future.set_exception(RuntimeError("first\n  second"))
  outcome = sweep_lib.outcome_of(future)
  assert outcome.error == "RuntimeError: first second"


def test_each_run_that_failed_is_named(capsys):
  runs = runs_of([*GRID, "game_parameters.seed=1,2"])
  sweep.report([], runs, [sweep_lib.RunOutcome(error="Gone.")] * 4)
  lines = capsys.readouterr().err.splitlines()
  assert lines == [f"Failed: {run.name}: Gone." for run in runs]


def test_a_process_that_is_killed_ends_one_run(tmp_path):
  runs = runs_of(
    ["game_parameters.seed=1,2,3"],
    ("--setting=two_islands", "--num_iterations=200", "--record_every=5"),
  )

  def kill():
    (process,) = multiprocessing.active_children()
    process.kill()

  thread = threading.Thread(target=once_begun, args=(tmp_path, kill))
  with sweep_lib.local_executor(1) as (executor, count):
    thread.start()
    outcomes, interrupted = sweep_lib.run_sweep(runs, tmp_path, executor, count)
  thread.join()
  assert not interrupted
  (dead,) = (i for i, outcome in enumerate(outcomes) if outcome.error)
  assert outcomes[dead].error.startswith("its process has died")
  # It goes on where it was.
  again, _ = perform(runs, tmp_path)
  for index, (run, outcome) in enumerate(zip(runs, again)):
    assert outcome.error is None
    assert outcome.was_finished == (index != dead)
    assert timeless(outcome.records) == expected(run)


@pytest.mark.slow
def test_a_worker_of_dask_that_dies_ends_one_run():
  distributed = pytest.importorskip("distributed")
  dask = pytest.importorskip("dask")
  with (
    dask.config.set({"distributed.scheduler.allowed-failures": 0}),
    distributed.LocalCluster(
      n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster,
    sweep_lib.dask_executor(cluster.scheduler_address) as (executor, _),
  ):
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
    runs_of(), tmp_path, Broken(), None
  )
  assert not interrupted
  assert outcome.records is None
  assert outcome.error.startswith("its process has died")


def test_the_stop_file_stops_a_run_which_is_then_gone_on_with(tmp_path):
  stop = tmp_path / "stop"
  (run,) = runs_of(
    ["game_parameters.seed=1"],
    ("--setting=two_islands", "--num_iterations=200"),
  )
  logdir = tmp_path / run.name
  thread = threading.Thread(target=once_begun, args=(logdir, stop.touch))
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
  (outcome,), _ = perform([run], tmp_path)
  assert timeless(outcome.records) == expected(run)
  assert not stop.exists()
  stop.touch()
  again = sweep_lib.run_one(run.experiment, str(logdir), str(stop))
  assert again == dataclasses.replace(outcome, was_finished=True)


def test_two_sweeps_do_not_share_a_folder(tmp_path):
  values = flag_values(
    *FLAGS, f"--logdir={tmp_path}", "--grid=algorithm=mf_trpo"
  )
  with run_directory.locked(tmp_path):
    with pytest.raises(ValueError, match="in use by another program"):
      sweep.main(values)
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
  values = flag_values(*FLAGS, "--grid=algorithm=mf_trpo", *arguments)
  with pytest.raises(ValueError, match=message):
    sweep.main(values)


def test_without_dask_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "distributed", None)
  with pytest.raises(ValueError, match=r"needs the package distributed: pip"):
    with sweep_lib.dask_executor("tcp://localhost:1"):
      pass


def test_the_table_as_csv_and_parquet(tmp_path):
  runs = runs_of([*GRID, "game_parameters.seed=1,2"])
  outcomes, _ = perform(runs, tmp_path)
  results = [(run, x.records) for run, x in zip(runs, outcomes)]
  axes = ["algorithm", "learning_rate", "game_parameters.seed"]
  sweep_table.write(tmp_path, sweep_table.columns(axes, results))
  with (tmp_path / "results.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  # At 0, 2, 4 and 5.
  assert len(rows) == 4 * 4
  for row, (run, record) in zip(
    rows, [(run, record) for run, records in results for record in records]
  ):
    assert row["run"] == run.name
    assert row["algorithm"] == run.experiment.algorithm
    rate = run.experiment.options.get("lr")
    assert row["learning_rate"] == ("" if rate is None else str(rate))
    assert (
      int(row["game_parameters.seed"])
      == (run.experiment.game_parameters["seed"])
    )
    for name, value in vars(record).items():
      assert float(row[name]) == value
  parquet = pytest.importorskip("pyarrow.parquet")
  table = parquet.read_table(tmp_path / "results.parquet")
  assert table.column_names == list(rows[0])
  for row, typed in zip(rows, table.to_pylist()):
    assert row == {k: "" if x is None else str(x) for k, x in typed.items()}
  assert [
    str(table.schema.field(name).type) for name in (*axes, "exploitability")
  ] == ["string", "double", "int64", "double"]


def test_a_parquet_file_of_other_results_does_not_stay(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "pyarrow", None)
  (tmp_path / "results.parquet").write_text("Old.")
  sweep_table.write(tmp_path, sweep_table.columns([], []))
  assert not (tmp_path / "results.parquet").exists()
  assert (tmp_path / "results.csv").read_text().startswith("run,iteration,")


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


def iterations(folder):
  """Returns the recorded iterations of a run, none before it began."""
  try:
    with (folder / "metrics.csv").open(newline="") as file:
      return [row["iteration"] for row in csv.DictReader(file)]
  except (FileNotFoundError, NotADirectoryError):
    return []


def once_begun(folder, act):
  """Acts when a run in the folder, or in one of its folders, has begun."""
  while all(len(iterations(path)) < 5 for path in (folder, *folder.glob("*"))):
    time.sleep(0.01)
  act()


def is_gone(group):
  try:
    os.killpg(group, 0)
  except ProcessLookupError:
    return True
  return False


@pytest.mark.slow
def test_kill_and_the_end_of_the_terminal_lose_nothing(tmp_path):
  arguments = [
    "--setting=two_islands",
    "--num_iterations=200",
    "--record_every=5",
    "--checkpoint_seconds=0.05",
  ]
  # The third waits for a process.
  grid = ["game_parameters.seed=1,2,3"]
  runs = runs_of(grid, arguments)
  command = [*arguments, *(f"--grid={text}" for text in grid)]
  first = tmp_path / runs[0].name

  process = start(tmp_path, *command, "--num_processes=1")
  wait_for(lambda: len(iterations(first)) > 2, process)
  process.kill()
  process.communicate()
  end = time.monotonic() + 60
  while not is_gone(process.pid):
    assert time.monotonic() < end, "The workers outlive the program."
    time.sleep(0.02)

  process = start(tmp_path, *command, "--num_processes=2")
  reached = len(iterations(first))
  wait_for(lambda: len(iterations(first)) > reached + 2, process)
  # As the end of a terminal does: to all of its processes.
  os.killpg(process.pid, signal.SIGHUP)
  _, errors = process.communicate(timeout=120)
  assert process.returncode == 129, errors
  assert "Traceback" not in errors
  assert errors.splitlines()[-1] == "Interrupted; the same command goes on."
  before = run_directory.load_run(first)
  assert 0 < before.solution.iteration < 200
  assert not (tmp_path / "stop").exists()

  process = start(tmp_path, *command, "--num_processes=1")
  output, errors = process.communicate(timeout=120)
  assert process.returncode == 0, errors
  assert "3 of 3 runs are finished" in output
  for run in runs:
    result = run_directory.load_run(tmp_path / run.name)
    assert timeless(result.records) == expected(run)
  # With their seconds: it went on, and did not begin anew.
  after = run_directory.load_run(first)
  assert after.records[: len(before.records)] == before.records
  with (tmp_path / "results.csv").open() as file:
    assert len(file.readlines()) == 1 + 3 * 41
  assert not list(tmp_path.glob("**/.*"))


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_and_stops_on_ctrl_c(tmp_path):
  distributed = pytest.importorskip("distributed")
  runs = runs_of()
  with distributed.LocalCluster(
    n_workers=1, threads_per_worker=2, dashboard_address=None
  ) as cluster:
    address = cluster.scheduler_address
    common = [f"--logdir={tmp_path}", f"--scheduler_address={address}"]
    values = flag_values(*FLAGS, *common, *(f"--grid={x}" for x in GRID))
    assert sweep.main(values) == 0
    for run in runs:
      result = run_directory.load_run(tmp_path / run.name)
      assert timeless(result.records) == expected(run)

    values = flag_values(
      "--setting=two_islands",
      "--num_iterations=100000",
      *common,
      "--grid=game_parameters.seed=1,2,3",
    )
    folder = tmp_path / "seed=1"
    interrupt = functools.partial(os.kill, os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=once_begun, args=(folder, interrupt))
    thread.start()
    assert sweep.main(values) == 130
    thread.join()
    assert 0 < run_directory.load_run(folder).solution.iteration < 100000
    # The lock is free: the run has ended on the cluster, too.
    with run_directory.locked(folder):
      pass
  with pytest.raises(ValueError, match="must be that of a running scheduler"):
    with sweep_lib.dask_executor("nowhere"):
      pass
