"""Tests of the source archive and the wheel, and of the installed package."""

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile

import pytest

# The fixtures build and install the package once, in one test process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]

ROOT = pathlib.Path(__file__).parents[1]
# Import names of the folders that hold the modules.
PACKAGES = {
  "mftrpo_openspiel": "mftrpo_openspiel",
  "games": "mftrpo_openspiel.games",
  "algorithms": "mftrpo_openspiel.algorithms",
  "scripts": "mftrpo_openspiel.scripts",
}
# Files that are created by working in a checkout.
BY_PRODUCTS = (
  ".git",
  ".venv*",
  ".*_cache",
  ".hypothesis",
  "__pycache__",
  "*.egg-info",
  "build",
  "dist",
  "results",
)
LOOK_AROUND = """
import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import sys

import mftrpo_openspiel
import pyspiel

games = pyspiel.registered_names()
names = [
  module.name
  for module in pkgutil.walk_packages(
    mftrpo_openspiel.__path__, "mftrpo_openspiel."
  )
]
for name in names:
  try:
    importlib.import_module(name)
  except ModuleNotFoundError as error:
    if error.name not in ("benchmfg", "mfglib"):  # Of the extra "peers".
      raise
distribution = importlib.metadata.distribution("mftrpo_openspiel")
programs = {
  program.name: callable(
    getattr(sys.modules.get(program.module), program.attr, None)
  )
  for program in distribution.entry_points
}
top_level = ("games", "algorithms", "scripts")
print(json.dumps({
  "games": games,
  "files": {
    name: importlib.util.find_spec(name).origin
    for name in ["mftrpo_openspiel", *names]
  },
  "programs": programs,
  "top_level": [n for n in top_level if importlib.util.find_spec(n)],
}))
"""


def run(*command, cwd):
  result = subprocess.run(
    [str(part) for part in command], cwd=cwd, capture_output=True, text=True
  )
  assert result.returncode == 0, result.stdout + result.stderr
  return result.stdout


def modules(paths):
  """Returns the import names of the Python files in the packages' folders."""
  names = set()
  for path in map(pathlib.PurePosixPath, paths):
    if path.suffix == ".py" and path.parts[0] in PACKAGES:
      name = ".".join(
        [PACKAGES[path.parts[0]], *path.with_suffix("").parts[1:]]
      )
      names.add(name.removesuffix(".__init__"))
  return names


@pytest.fixture(scope="module")
def source_modules():
  return modules(
    path.relative_to(ROOT).as_posix()
    for folder in PACKAGES
    for path in (ROOT / folder).rglob("*.py")
  )


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
  """Returns the paths of the source archive, and of the wheel built from it."""
  folder = tmp_path_factory.mktemp("packaging")
  shutil.copytree(
    ROOT, folder / "source", ignore=shutil.ignore_patterns(*BY_PRODUCTS)
  )
  can_build_here = importlib.util.find_spec("setuptools.command.bdist_wheel")
  options = ["--no-isolation"] if can_build_here else []
  run(
    sys.executable,
    *("-I", "-m", "build", *options, "--outdir", folder / "dist"),
    folder / "source",
    cwd=folder,
  )
  (sdist,) = (folder / "dist").glob("*.tar.gz")
  (wheel,) = (folder / "dist").glob("*.whl")
  return sdist, wheel


@pytest.fixture(scope="module")
def sdist_files(archives):
  """Returns the contents of the source archive by path."""
  with tarfile.open(archives[0]) as archive:
    return {
      member.name.partition("/")[2]: archive.extractfile(member).read()
      for member in archive.getmembers()
      if member.isfile()
    }


@pytest.fixture(scope="module")
def wheel_files(archives):
  """Returns the contents of the wheel by path."""
  with zipfile.ZipFile(archives[1]) as archive:
    return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def environment(archives, tmp_path_factory):
  """Returns a virtual environment with the wheel, and information from it.

  It takes the dependencies from where this process has them. A folder that is
  named in a .pth file does not have its own .pth files read, so an editable
  install of the checkout does not come along.
  """
  folder = tmp_path_factory.mktemp("environment")
  venv.create(folder, with_pip=False)
  python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
  run(
    sys.executable,
    *("-I", "-m", "pip", "--python", python),
    *("install", "--no-deps", "--no-index", archives[1]),
    cwd=folder,
  )
  site_packages = run(
    python,
    *("-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"),
    cwd=folder,
  )
  here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
  pathlib.Path(site_packages.strip(), "dependencies.pth").write_text(
    "\n".join(sorted(here)) + "\n", encoding="utf-8"
  )
  seen = run(python, "-I", "-c", LOOK_AROUND, cwd=folder).splitlines()[-1]
  return folder, json.loads(seen)


def test_archives_hold_all_modules(source_modules, sdist_files, wheel_files):
  assert "mftrpo_openspiel.games.four_rooms" in source_modules
  assert modules(sdist_files) == source_modules
  assert {
    name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for name in wheel_files
    if name.endswith(".py")
  } == source_modules


def test_wheel_installs_one_top_level_name(wheel_files):
  version = importlib.metadata.version("mftrpo_openspiel")
  assert {name.partition("/")[0] for name in wheel_files} == {
    "mftrpo_openspiel",
    f"mftrpo_openspiel-{version}.dist-info",
  }


def test_type_hints_are_shipped(sdist_files, wheel_files, environment):
  assert "mftrpo_openspiel/py.typed" in sdist_files
  assert "mftrpo_openspiel/py.typed" in wheel_files
  _, seen = environment
  package = pathlib.Path(seen["files"]["mftrpo_openspiel"]).parent
  assert (package / "py.typed").is_file()


def test_license_is_shipped(sdist_files, wheel_files):
  text = (ROOT / "LICENSE").read_bytes()
  assert b"Apache License" in text
  assert b"END OF TERMS AND CONDITIONS" in text
  assert sdist_files["LICENSE"] == text
  assert [
    content
    for name, content in wheel_files.items()
    if re.fullmatch(r"[^/]*\.dist-info/(licenses/)?LICENSE", name)
  ] == [text]


def test_source_archive_can_be_tested(sdist_files):
  tests = {
    path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")
  }
  others = {
    ".ci/run",
    ".coveragerc",
    ".github/workflows/ci.yml",
    ".importlinter",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "README.md",
    "mypy.ini",
    "pytest.ini",
    "ruff.toml",
  }
  assert tests | others <= set(sdist_files)
  assert not [name for name in sdist_files if name.endswith(".pyc")]


def test_installed_modules_import_and_are_not_the_checkout(
  source_modules, environment
):
  folder, seen = environment
  assert set(seen["files"]) == source_modules
  for name, file in seen["files"].items():
    assert pathlib.Path(file).is_relative_to(folder), name


def test_folders_are_no_top_level_modules(environment):
  _, seen = environment
  assert seen["top_level"] == []


def test_importing_the_package_registers_the_games(environment):
  _, seen = environment
  assert {
    "python_mfg_four_rooms",
    "python_mfg_four_rooms_poi",
    "python_mfg_two_islands",
  } <= set(seen["games"])


def test_programs_of_the_readme_are_installed(environment):
  folder, seen = environment
  readme = (ROOT / "README.md").read_text(encoding="utf-8")
  programs = set(re.findall(r"\.venv/bin/(mftrpo-[a-z-]+)", readme))
  assert "mftrpo-reproduce-paper" in programs
  assert programs <= set(seen["programs"])
  assert [name for name, runs in seen["programs"].items() if not runs] == []
  installed = {path.stem for path in folder.glob("*/mftrpo-*")}
  assert installed == set(seen["programs"])


def test_requirements_have_floors_and_ci_takes_them_all(tmp_path):
  requirements = importlib.metadata.requires("mftrpo_openspiel")
  floors = set()
  for requirement in requirements:
    bound = requirement.partition(";")[0].strip()
    assert re.fullmatch(r"[\w-]+(>=|==)[\d.]+", bound), requirement
    if ">=" in bound:
      floors.add(bound.replace(">=", "=="))
  # A pip that exits at once: the script prints the floors before it calls pip.
  (tmp_path / "python3").write_text("#!/bin/sh\nexit 7\n")
  (tmp_path / "python3").chmod(0o755)
  shutil.copytree(
    ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(*BY_PRODUCTS)
  )
  run("git", "init", "--quiet", cwd=tmp_path / "source")
  result = subprocess.run(
    ["bash", ".ci/run", "lowest"],
    cwd=tmp_path / "source",
    env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    capture_output=True,
    text=True,
  )
  assert result.returncode == 7, result.stderr
  *printed, _ = result.stdout.splitlines()
  assert set(printed) == floors
