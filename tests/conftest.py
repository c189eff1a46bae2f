"""Settings of all tests, and the fixture that runs programs.

Hypothesis has two profiles here:

* "ci", the default: few examples, the same in every run;
* "nightly": 1,000 new examples of every property. Tests with the mark `nightly`
  run with this profile only, and tests that use the fixture `is_nightly` then
  try more random games or chains.

    pytest tests/properties --hypothesis-profile=nightly
"""

from concurrent import futures
import contextlib
import importlib
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys

from absl import flags
import hypothesis
import pytest

# One thread per process: the tests already run in several processes. OpenBLAS
# reads it when numpy is imported, so this must come first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


hypothesis.settings.register_profile(
  "ci", max_examples=15, derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile(
  "nightly",
  max_examples=1000,
  deadline=None,
  print_blob=True,
  suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


def _is_nightly(config):
  return config.getoption("--hypothesis-profile") == "nightly"


def pytest_configure(config):
  if not config.getoption("--hypothesis-profile"):
    hypothesis.settings.load_profile("ci")
  # Shells start programs in the background with SIGINT ignored, and programs
  # that tests start would inherit this.
  if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
  if not _is_nightly(config):
    left_out = [item for item in items if item.get_closest_marker("nightly")]
    if left_out:
      config.hook.pytest_deselected(items=left_out)
      items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def is_nightly(request):
  """Returns whether tests may take minutes to try many random examples."""
  return _is_nightly(request.config)


@pytest.fixture
def file_size_limit():
  """A context in which no file can grow beyond a limit, as on a full disk."""

  @contextlib.contextmanager
  def limit(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
      yield
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

  return limit


# Scripts whose names differ from the names of their commands.
_MODULES = {"lint": "lint_game"}


def _perform(name, arguments, cwd, output, errors):
  for number, pipe in ((1, output), (2, errors)):
    os.dup2(pipe, number)
    os.close(pipe)
  sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
  os.chdir(cwd)
  # Other tests of this process may have defined flags of programs.
  for module, its_flags in list(flags.FLAGS.flags_by_module_dict().items()):
    if module.startswith("mftrpo_openspiel."):
      for flag in list(its_flags):
        delattr(flags.FLAGS, flag.name)
  sys.argv = [f"mftrpo-{name}", *arguments]
  module = _MODULES.get(name, name.replace("-", "_"))
  try:
    importlib.import_module(f"mftrpo_openspiel.scripts.{module}").run()
  finally:
    sys.stdout.flush()
    sys.stderr.flush()


def _read(pipe):
  with os.fdopen(pipe) as file:
    return file.read()


@pytest.fixture(scope="session")
def program():
  """A function that runs a program of the package, mftrpo-NAME.

  In a process that has its imports already, which takes a tenth of a second
  where a new one takes seconds. What OpenSpiel's C++ prints itself of its
  exceptions is left out.
  """
  importlib.import_module("mftrpo_openspiel.runs.experiment")

  def run(name, *arguments, cwd=".", status=0):
    (output, output_end), (errors, errors_end) = os.pipe(), os.pipe()
    process = multiprocessing.get_context("fork").Process(
      target=_perform, args=(name, arguments, cwd, output_end, errors_end)
    )
    process.start()
    os.close(output_end)
    os.close(errors_end)
    with futures.ThreadPoolExecutor(2) as readers:
      printed, said = readers.map(_read, (output, errors))
    process.join()
    said = re.sub("OpenSpiel exception: .*\n", "", said)
    assert process.exitcode == status, printed + said
    return subprocess.CompletedProcess(
      [name, *arguments], process.exitcode, printed, said
    )

  return run
