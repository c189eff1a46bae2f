"""What docs/upstream.md says about OpenSpiel holds of the installed version."""

import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

FOLDER = pathlib.Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "upstream.md"
SCRIPTS = {
  path.stem
  for path in FOLDER.glob("*.py")
  if path.stem not in ("other_numbers", "upstream_test")
}
PATCHES = {path.stem for path in FOLDER.glob("*.patch")}
# Patches of C++ files, which take effect only where pyspiel is built.
CPP = {"initial_distribution_2d", "path_dependent_garnet", "pickled_states"}
NO_PATCH = {"loose_bounds"}
# Of OpenSpiel's own tests those that pass with a patch as without, in python/.
OPENSPIEL_TESTS = {
  "learning_rate_ignored": [
    "mfg/algorithms/boltzmann_policy_iteration_test",
    "mfg/algorithms/munchausen_mirror_descent_test",
  ],
  "mirror_descent_live_table": ["mfg/algorithms/mirror_descent_test"],
  "mirror_descent_root_state": ["mfg/algorithms/mirror_descent_test"],
  "path_dependent_values": [
    "mfg/algorithms/best_response_value_test",
    "mfg/algorithms/policy_value_test",
    "mfg/games/periodic_aversion_test",
  ],
  "returns_not_summed": [
    "mfg/games/linear_quadratic_test",
    "mfg/games/periodic_aversion_test",
  ],
  "rewards_lost": ["tests/rl_environment_test"],
  "tabular_policy_keys": [
    "mfg/algorithms/greedy_policy_test",
    "mfg/algorithms/softmax_policy_test",
  ],
}
# What may begin lines of other_numbers.py that a patch changes.
CHANGES = {
  "fictitious_play_key_error": (),
  "learning_rate_ignored": (),
  "mirror_descent_live_table": (
    "mfg_crowd_modelling MirrorDescent",
    "python_mfg_periodic_aversion MirrorDescent",
  ),
  "mirror_descent_root_state": (),
  "path_dependent_values": ("python_mfg_periodic_aversion",),
  "tabular_policy_keys": (),
}
# Arguments of a script where its patch is of a part of what it shows.
ARGUMENTS = {"path_dependent_values": ["python_mfg_periodic_aversion"]}


def run(script, *arguments, copy=None):
  """Runs a program on the installed OpenSpiel or on a copy of it."""
  environment = dict(os.environ)
  if copy is not None:
    environment["PYTHONPATH"] = str(copy)
  return subprocess.run(
    [sys.executable, str(script), *arguments],
    capture_output=True,
    check=False,
    cwd=script.parent,
    env=environment,
    text=True,
  )


def lines(completed):
  assert completed.returncode == 0, completed.stderr
  # Without the names of games that a module of OpenSpiel prints.
  return [line for line in completed.stdout.splitlines() if " " in line]


def marked_blocks(kind):
  """Returns the fenced blocks of the page by the file that they show."""
  found = {}
  page = PAGE.read_text()
  start = f"<!-- {kind}: tests/upstream/"
  for part in page.split(start)[1:]:
    name, rest = part.split(" -->\n", 1)
    _, text = rest.split("\n", 1)
    found[name] = text[: text.index("```")]
  return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """Python and mean-field C++ files of the installed OpenSpiel."""
  source = importlib.util.find_spec("open_spiel").submodule_search_locations[0]
  source = pathlib.Path(source)
  folder = tmp_path_factory.mktemp("openspiel")
  for part in ("python", "games/mfg"):
    shutil.copytree(
      source / part,
      folder / "open_spiel" / part,
      ignore=shutil.ignore_patterns("__pycache__"),
    )
  for path in (source / "__init__.py", source / "python" / "__init__.py"):
    if path.exists():
      shutil.copy(path, folder / "open_spiel" / path.relative_to(source))
  return folder


@pytest.fixture
def patched(files, tmp_path):
  """Applies a patch to a copy of OpenSpiel and returns the copy's folder."""

  def apply(*names):
    copy = tmp_path / "patched"
    shutil.copytree(files, copy)
    for name in names:
      patch = FOLDER / f"{name}.patch"
      subprocess.run(
        ["git", "apply", "--unsafe-paths", "--directory", ".", str(patch)],
        check=True,
        cwd=copy,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)},
      )
    return copy

  return apply


@pytest.fixture(scope="module")
def installed_numbers():
  return lines(run(FOLDER / "other_numbers.py"))


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_installed_openspiel_has_the_fault(name):
  completed = run(FOLDER / f"{name}.py")
  assert completed.returncode == 0, (
    "OpenSpiel has fixed this, or the script no longer runs; if it is fixed, "
    f"remove the section from docs/upstream.md.\n{completed.stdout}"
    f"{completed.stderr}"
  )
  page = PAGE.read_text()
  for line in lines(completed):
    assert f"* `{line}`" in page


@pytest.mark.parametrize("name", sorted(SCRIPTS & (PATCHES - CPP)))
def test_patch_fixes_the_fault(name, patched):
  script = FOLDER / f"{name}.py"
  completed = run(script, *ARGUMENTS.get(name, ()), copy=patched(name))
  assert completed.returncode == 1
  assert completed.stderr.strip().endswith(": fixed.")


@pytest.mark.parametrize("name", sorted(OPENSPIEL_TESTS))
def test_tests_of_openspiel_pass_with_the_patch(name, patched):
  copy = patched(name)
  for test in OPENSPIEL_TESTS[name]:
    completed = run(copy / "open_spiel" / "python" / f"{test}.py", copy=copy)
    assert completed.returncode == 0, completed.stderr
    assert "\nRan " in completed.stderr


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_patch_leaves_other_numbers_alone(name, patched, installed_numbers):
  numbers = lines(run(FOLDER / "other_numbers.py", copy=patched(name)))
  assert len(numbers) == len(installed_numbers)
  changed = {old for old, new in zip(installed_numbers, numbers) if old != new}
  assert not [line for line in changed if not line.startswith(CHANGES[name])]
  for start in CHANGES[name]:
    assert [line for line in changed if line.startswith(start)]


def test_all_patches_apply_together(patched):
  # In the order of the page.
  names = [name.removesuffix(".patch") for name in marked_blocks("patch")]
  patched(*names)


def test_page_shows_all_scripts_and_patches_as_they_are():
  for kind, suffix, names in (
    ("script", ".py", SCRIPTS),
    ("patch", ".patch", PATCHES),
  ):
    blocks = marked_blocks(kind)
    assert set(blocks) == {name + suffix for name in names}
    for name, text in blocks.items():
      assert text == (FOLDER / name).read_text()
  assert SCRIPTS - PATCHES == NO_PATCH


def test_page_names_the_version():
  version = importlib.metadata.version("open_spiel")
  assert f"OpenSpiel {version}" in PAGE.read_text()
