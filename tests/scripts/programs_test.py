"""Tests of the programs as a user runs them."""

from concurrent.futures import process
import contextlib
import importlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from absl import flags
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.benchmarks import markdown_tables
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import run_directory


@pytest.mark.slow
def test_reproduce_paper_writes_everything(program, tmp_path):
  program(
    "reproduce-paper",
    f"--logdir={tmp_path}",
    "--num_iterations=2",
    "--num_processes=2",
  )
  names = {path.name for path in tmp_path.iterdir()}
  assert {f"figure_{number}.png" for number in (2, 3, 4, 5)} <= names
  assert "four_rooms_mf_trpo_eta_0.05.csv" in names
  report = (tmp_path / "summary.md").read_text()
  assert report.count("### ") == 8
  csvs = [name for name in names if name.endswith(".csv")]
  table = report.partition("## The claims")[0]
  assert table.count("\n| ") == len(csvs) + 1
  assert not [name for name in names if name.startswith(".")]


@pytest.mark.slow
def test_reproduce_companion_writes_everything_and_resumes(program, tmp_path):
  arguments = ("--num_trajectories=40", "--num_processes=2")
  first = program("reproduce-companion", f"--logdir={tmp_path}", *arguments)
  assert (tmp_path / "companion.png").stat().st_size > 10_000
  report = (tmp_path / "summary.md").read_text()
  assert report in first.stdout
  assert report.count("\n| 0.05 |") == report.count("\n| 0.3 |") == 1
  runs = sorted(path.name for path in tmp_path.glob("*/solution.npz"))
  assert len(runs) == 10 + 3 + 2
  # Finished runs are not run again; a missing one gives the same results.
  folder = tmp_path / "eta=0.3,num_trajectories=40,seed=1"
  metrics = (folder / "metrics.csv").read_text().splitlines()
  shutil.rmtree(folder)
  again = program("reproduce-companion", f"--logdir={tmp_path}", *arguments)
  assert report in again.stdout
  assert (tmp_path / "summary.md").read_text() == report
  assert len((folder / "metrics.csv").read_text().splitlines()) == len(metrics)


@pytest.mark.slow
def test_paper_claim_writes_everything_and_resumes(program, tmp_path):
  document = tmp_path / "claim.md"
  logdir = tmp_path / "claim"
  names = ("beaten", "finals", "since", "population")
  marks = [f"<!-- begin {name} -->\n<!-- end {name} -->" for name in names]
  document.write_text("\n".join(["Before", *marks, "After\n"]))
  arguments = (
    f"--logdir={logdir}",
    f"--document={document}",
    "--settings=two_islands",
    "--etas=0.3",
    "--num_policy_updates=2",
    "--num_population_steps=1,limit",
    "--learning_rates=0.01",
    "--num_processes=2",
  )
  program("paper-claim", *arguments, "--num_iterations=3")
  picture = logdir / "claim_learning_rates.png"
  assert picture.stat().st_size > 10_000
  # Two runs of OMD and six of FP; MF-TRPO with M = 1 from two distributions and
  # in the limit, each with and without a warm start.
  table = (logdir / "claim.csv").read_text()
  assert len(table.splitlines()) == 1 + 2 + 6 + 2 * 3
  text = document.read_text()
  assert text.startswith("Before\n") and text.endswith("After\n")
  summary = (logdir / "summary.md").read_text()
  for block in markdown_tables.blocks(text).values():
    assert block.count("\n|") > 3
    assert block.strip() in summary
  # Missing runs are repeated with the same results; the others are read.
  runs = sorted((logdir / "runs").iterdir())
  assert len(runs) == 2 + 6 + 2 * 3
  times = [path.stat().st_mtime_ns for path in runs]
  runs[0].unlink()
  # Nor is a file that ends after its header or before the last record a result.
  for path, num_lines in zip(runs[1:3], (1, 2)):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:num_lines]))
  program("paper-claim", *arguments, "--num_iterations=3")
  again = [path.stat().st_mtime_ns for path in runs]
  assert all(new > old for new, old in zip(again[:3], times))
  assert again[3:] == times[3:]
  assert (logdir / "claim.csv").read_text() == table
  assert document.read_text() == text
  # Runs with another number of iterations are performed anew.
  program("paper-claim", *arguments, "--num_iterations=2")
  for line in (logdir / "claim.csv").read_text().splitlines()[1:]:
    assert line.split(",")[-3] == "2"


PROGRAMS = {
  "benchmark": "benchmark",
  "lint": "lint_game",
  "paper-claim": "paper_claim",
  "plot": "plot",
  "reproduce-companion": "reproduce_companion",
  "reproduce-paper": "reproduce_paper",
  "solve": "solve",
  "sweep": "sweep",
}


@pytest.mark.parametrize(("name", "module"), PROGRAMS.items())
def test_help_says_what_each_flag_is(program, name, module):
  result = program(name, "--help")
  shown = result.stdout
  assert not result.stderr
  assert max(map(len, shown.splitlines())) <= 80
  script = importlib.import_module(f"mftrpo_openspiel.scripts.{module}")
  assert shown.startswith(script.__doc__.splitlines()[0] + "\n")
  for flag in flags_of(script):
    assert flag.help
    assert re.search(
      rf"^  --(\[no\])?{flag.name}\b.*\n      \S", shown, re.MULTILINE
    ), flag.name
    for choice in getattr(flag.parser, "enum_values", None) or ():
      assert re.search(rf"\b{choice}\b", shown), choice
  # All forms of the flag work, whatever other flags are given.
  assert program(name, "-h", "--nonsense=1").stdout == shown
  assert program(name, "--helpshort").stdout == shown


def test_help_lists_the_settings_with_their_games(program):
  shown = " ".join(program("solve", "--help").stdout.split())
  assert " python_mfg_predator_prey: predator_prey_5x5x3, predator_" in shown
  assert " python_mfg_two_islands: two_islands, two_islands_imbal" in shown
  assert "Default: 1000." in shown


@pytest.mark.parametrize("name", PROGRAMS)
def test_version_is_that_of_the_package(program, name):
  shown = program(name, "--version").stdout
  assert shown == f"mftrpo_openspiel {mftrpo_openspiel.__version__}\n"


@pytest.mark.parametrize("name", ["benchmark", "lint", "solve", "sweep"])
def test_games_and_settings_are_listed(program, name):
  games = program(name, "--list_games").stdout.splitlines()
  assert {"python_mfg_four_rooms", "mfg_garnet"} < set(games)
  assert "chess" not in games
  lines = program(name, "--list_settings").stdout.splitlines()
  settings = dict(line.split(maxsplit=1) for line in lines)
  assert settings["predator_prey_5x5x3"] == "python_mfg_predator_prey"
  assert settings["dynamic_routing_line"] == (
    "mfg_dynamic_routing, python_mfg_dynamic_routing"
  )
  assert {game for text in settings.values() for game in text.split(", ")} < {
    *games
  }


def flags_of(script):
  """Returns the flags that a program defines; leaves none behind."""
  before = set(flags.FLAGS)
  script.define_flags()
  names = set(flags.FLAGS) - before
  found = [flags.FLAGS[name] for name in names]
  for name in names:
    delattr(flags.FLAGS, name)
  assert found
  return found


COMMANDS = pathlib.Path(sys.executable).parent
LONG = ("--setting=two_islands", "--num_iterations=1000000", "--record_every=5")


def start(name, *arguments, **options):
  return subprocess.Popen(
    [COMMANDS / f"mftrpo-{name}", *arguments],
    text=True,
    **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
  )


def finish(name, *arguments, **options):
  """Returns exit status, standard output and standard error of a program."""
  process = start(name, *arguments, **options)
  printed, said = process.communicate(timeout=120)
  return process.returncode, printed, said


def wait_for_records(process, path, number):
  end = time.monotonic() + 120
  while not (path.exists() and path.read_text().count("\n") > number):
    assert process.poll() is None, process.communicate()
    assert time.monotonic() < end
    time.sleep(0.02)


def ignore_hang_up():
  signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.mark.parametrize(
  ("number", "status", "nohup"),
  [(signal.SIGHUP, 129, False), (signal.SIGTERM, 143, True)],
)
def test_signals_leave_a_checkpoint(tmp_path, number, status, nohup):
  path = tmp_path / "run"
  process = start(
    "solve",
    *LONG,
    "--checkpoint_seconds=1000",
    f"--logdir={path}",
    preexec_fn=ignore_hang_up if nohup else None,
  )
  wait_for_records(process, path / "metrics.csv", 3)
  if nohup:
    process.send_signal(signal.SIGHUP)
    reached = len(metrics_table.read_csv(path / "metrics.csv"))
    wait_for_records(process, path / "metrics.csv", reached + 2)
  process.send_signal(number)
  printed, said = process.communicate(timeout=60)
  assert process.returncode == status, said
  assert "Traceback" not in said
  iteration = run_directory.load_run(path).solution.iteration
  assert iteration >= 10
  assert f"Interrupted after iteration {iteration}." in printed
  assert (path / "checkpoint.npz").exists()


def test_ctrl_c_while_modules_are_imported(tmp_path):
  (tmp_path / "pyspiel.py").write_text(
    "import os, signal, time\n"
    "os.kill(os.getpid(), signal.SIGINT)\n"
    "time.sleep(1)\n"
  )
  environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
  assert finish("solve", env=environment) == (130, "", "Interrupted.\n")
  status, *output = finish("solve", env=environment, preexec_fn=ignore_ctrl_c)
  assert status == 1  # It continued, and failed because pyspiel is a stub.
  assert "Interrupted" not in "".join(output)


def ignore_ctrl_c():
  signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_importing_the_package_elsewhere_changes_no_handler():
  program = (
    "import signal; before = signal.getsignal(signal.SIGINT);"
    "import os; import mftrpo_openspiel;"
    "assert signal.getsignal(signal.SIGINT) is before;"
    "assert os.environ['MPLBACKEND'] == 'bogus'"
  )
  subprocess.run(
    [sys.executable, "-c", program],
    env={**os.environ, "MPLBACKEND": "bogus"},
    check=True,
  )


def test_an_error_of_a_full_standard_output_names_it():
  with open("/dev/full", "w") as full:
    status, _, said = finish(
      "solve",
      "--setting=two_islands",
      "--num_iterations=1",
      stdout=full,
      env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
  # The lines before are the progress bar.
  *_, line = said.splitlines()
  assert status == 2
  assert line == (
    "mftrpo-solve: standard output cannot be written (No space left on device)."
  )
  assert "Traceback" not in said


def test_a_closed_standard_output_gives_no_traceback():
  reading, writing = os.pipe()
  os.close(reading)
  status, _, said = finish(
    "lint",
    "--help",
    stdout=writing,
    env={**os.environ, "PYTHONUNBUFFERED": "1"},
  )
  os.close(writing)
  assert (status, said) == (141, "")


@pytest.mark.parametrize("errors", ["", "2>&1"])
@pytest.mark.parametrize(
  ("command", "status"),
  [
    ("solve --setting=two_islands --num_iterations=100000 --logdir=run", 141),
    ("lint --setting=two_islands", 141),
    ("lint --setting=nowhere", 2),
    ("plot --help", 141),
    (
      "sweep --setting=two_islands --num_iterations=2 --logdir=sweep"
      " --grid=algorithm=mf_trpo,mirror_descent --learning_rate=0.1",
      141,
    ),
  ],
)
def test_head_ends_a_program_silently(tmp_path, command, status, errors):
  # Standard output is closed, as `head` does after its last line.
  result = subprocess.run(
    [
      "bash",
      "-c",
      f"{COMMANDS}/mftrpo-{command} {errors} | (exec 0<&-; sleep 0.1);"
      " exit ${PIPESTATUS[0]}",
    ],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    timeout=120,
  )
  assert result.returncode == status, result.stderr
  assert not result.stdout
  lines = [
    line for line in result.stderr.splitlines() if "iterations" not in line
  ]
  assert len(lines) == (status == 2 and not errors), result.stderr
  if "logdir=run" in command:
    # The results so far are stored, as on Ctrl-C.
    solution = run_directory.load_run(tmp_path / "run").solution
    assert 0 <= solution.iteration < 100000


def close_all_but_input():
  os.close(1)
  os.close(2)


def test_a_program_without_standard_output_and_error(tmp_path):
  """Also tests an unknown backend of matplotlib."""
  status, *_ = finish(
    "solve",
    "--setting=two_islands",
    "--num_iterations=2",
    f"--logdir={tmp_path}",
    preexec_fn=close_all_but_input,
  )
  assert status == 0
  assert len(run_directory.load_run(tmp_path).records) == 3
  environment = {**os.environ, "MPLBACKEND": "bogus"}
  status, _, said = finish(
    "plot", f"--output={tmp_path / 'a.pdf'}", str(tmp_path), env=environment
  )
  assert (status, said) == (0, "")
  assert (tmp_path / "a.pdf").exists()


@contextlib.contextmanager
def little_memory(num_bytes):
  """Limits the additional memory of this process, and of those it forks."""
  with open("/proc/self/statm", encoding="ascii") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
  soft, hard = resource.getrlimit(resource.RLIMIT_AS)
  resource.setrlimit(resource.RLIMIT_AS, (taken + num_bytes, hard))
  try:
    yield taken + num_bytes
  finally:
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_lack_of_memory_is_reported_in_one_line(program, tmp_path):
  with little_memory(200 * 2**20) as limit:
    assert limit > 400e6  # Otherwise the game is refused earlier.
    result = program(
      "solve",
      "--game_name=python_mfg_four_rooms(room_size=300)",
      f"--logdir={tmp_path / 'run'}",
      status=2,
    )
  (line,) = result.stderr.splitlines()
  assert line.startswith("mftrpo-solve: there is not enough memory (")
  # If memory sufficed to start the run, all of its files are complete.
  if (tmp_path / "run").exists():
    run_directory.load_run(tmp_path / "run")
  assert not list(tmp_path.rglob(".*"))


def test_a_dead_process_is_reported_in_one_line(program, tmp_path, monkeypatch):
  def run_all(*_):
    raise process.BrokenProcessPool("A process was terminated abruptly.")

  module = importlib.import_module("mftrpo_openspiel.scripts.reproduce_paper")
  monkeypatch.setattr(module, "run_all", run_all)
  result = program("reproduce-paper", f"--logdir={tmp_path}", status=2)
  (line,) = result.stderr.splitlines()
  assert line.startswith("mftrpo-reproduce-paper: one of its processes has")
