"""`.ci/run` with stubs for all tools: what it runs, and when it fails."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# Makes an environment whose programs print their names, and of which one fails.
STUB = rf"""#!/usr/bin/env bash
if [[ "$1" == -c ]]; then exec {sys.executable} "$@"; fi
mkdir -p "$3/bin"
for tool in pip python ruff codespell sphinx-build lint-imports mypy coverage
do
  cat >"$3/bin/$tool" <<END
#!/usr/bin/env bash
echo "$tool \$PYTEST_ADDOPTS"
[[ $tool != "\$FAIL" ]]
END
  chmod +x "$3/bin/$tool"
done
"""
CHECKS = ("ruff", "codespell", "sphinx-build", "lint-imports", "mypy")


@pytest.fixture
def ci_run(tmp_path):
  """Returns a function that runs the script in a small repository."""
  source = tmp_path / "source"
  for name in (".ci/run", "README.md", "setup.py"):
    path = source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((ROOT / name).read_bytes())
  (source / "games").mkdir()
  (source / "games" / "grid.py").touch()
  subprocess.run(["git", "init", "--quiet"], cwd=source, check=True)
  python = tmp_path / "python3"
  python.write_text(STUB, encoding="utf-8")
  python.chmod(0o755)

  def run(*arguments, fail=""):
    environment = {
      **os.environ,
      "PATH": f"{tmp_path}:{os.environ['PATH']}",
      "FAIL": fail,
    }
    environment.pop("PYTEST_ADDOPTS", None)
    result = subprocess.run(
      ["bash", ".ci/run", *arguments],
      cwd=source,
      env=environment,
      capture_output=True,
      text=True,
    )
    return result.returncode, result.stdout

  return run


def test_all_checks_and_the_tests_run(ci_run):
  status, printed = ci_run()
  assert status == 0
  for tool in (*CHECKS, "python"):
    assert f"\n{tool} " in printed


@pytest.mark.parametrize("tool", ["pip", "python", *CHECKS])
def test_it_fails_if_one_of_them_fails(ci_run, tool):
  status, printed = ci_run(fail=tool)
  assert status == 1
  # The tests run in any case, unless they cannot be installed.
  assert ("\npython " in printed) == (tool != "pip")


@pytest.mark.parametrize("mode", ["lowest", "nightly"])
def test_other_modes_run_the_tests_only(ci_run, mode):
  status, printed = ci_run(mode)
  assert status == 0
  assert "\npython " in printed
  assert ("--hypothesis-profile=nightly" in printed) == (mode == "nightly")
  assert not any(f"\n{tool} " in printed for tool in CHECKS)


def test_coverage_is_printed_by_folder(ci_run):
  status, printed = ci_run("coverage")
  assert status == 0
  assert "\npython --cov --cov-report=" in printed
  assert "\ngames/ " in printed
  assert "\ntotal " in printed
  assert "\nmypy " in printed


def test_an_unknown_mode_is_refused(ci_run):
  status, printed = ci_run("quick")
  assert (status, printed) == (2, "")
