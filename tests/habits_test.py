"""The files around the code agree with it: versions, hooks and workflows."""

import importlib.metadata
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).parents[1]
VERSION = importlib.metadata.version("mftrpo_openspiel")


def extra(name):
  """Returns the requirements of an extra, by the name of the package."""
  bounds = {}
  for requirement in importlib.metadata.requires("mftrpo_openspiel"):
    bound, _, marker = requirement.partition(";")
    if f'extra == "{name}"' in marker.replace("'", '"'):
      bounds[re.match(r"[\w-]+", bound).group()] = bound.strip()
  return bounds


def read_yaml(path):
  return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_version_is_written_once_in_code():
  setup = (ROOT / "setup.py").read_text(encoding="utf-8")
  assert re.findall(r'version="(.*?)"', setup) == [VERSION]


def test_changelog_and_citation_have_the_version():
  changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
  heading, *released = re.findall(r"^## \[(.*?)\](.*)$", changelog, re.M)
  assert heading == ("Unreleased", "")
  version, date = released[0]
  assert version == VERSION
  citation = read_yaml("CITATION.cff")
  assert citation["version"] == VERSION
  assert date == f" - {citation['date-released']}"


def test_changelog_has_the_headings_of_its_format():
  changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
  headings = re.findall(r"^### (.*)$", changelog, re.MULTILINE)
  assert headings
  assert set(headings) <= {
    "Added",
    "Changed",
    "Deprecated",
    "Removed",
    "Fixed",
    "Security",
  }


def test_citation_has_the_paper_and_all_its_authors():
  citation = read_yaml("CITATION.cff")
  assert citation["cff-version"] == "1.2.0"
  assert {"message", "title", "authors"} <= set(citation)
  readme = (ROOT / "README.md").read_text(encoding="utf-8")
  papers = citation["references"]
  (paper,) = [
    paper for paper in papers if "A Trust Region Approach" in paper["title"]
  ]
  names = [author["family-names"] for author in paper["authors"]]
  assert len(names) == 6
  for name in names:
    assert name in readme


def test_hooks_have_the_versions_of_the_lint_extra():
  hooks = [
    hook
    for repository in read_yaml(".pre-commit-config.yaml")["repos"]
    for hook in repository["hooks"]
  ]
  bounds = [
    bound for hook in hooks for bound in hook["additional_dependencies"]
  ]
  names = [re.match(r"[\w-]+", bound).group() for bound in bounds]
  lint = extra("lint")
  assert {"ruff", "codespell"} <= set(names) & set(lint)
  for name, bound in zip(names, bounds):
    assert bound == lint.get(name, bound)


def test_the_workflow_has_all_versions_of_python_and_runs_what_we_run():
  workflow = read_yaml(".github/workflows/ci.yml")
  jobs = workflow["jobs"]
  matrix = jobs["test"]["strategy"]["matrix"]
  assert matrix["python"] == ["3.11", "3.12", "3.13"]
  assert {
    job["python"]
    for job in matrix["include"]
    if job["dependencies"] == "lowest"
  } == {"3.11"}
  requires = importlib.metadata.metadata("mftrpo_openspiel")["Requires-Python"]
  assert requires == f">={matrix['python'][0]}"
  commands = {
    step["run"]
    for job in jobs.values()
    for step in job["steps"]
    if "run" in step
  }
  arguments = set()
  for command in commands:
    if match := re.fullmatch(r"\.ci/run ?(\w*)", command):
      arguments.add(match.group(1))
  assert {"", "coverage", "lowest", "nightly"} == arguments
  usage = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
  for argument in arguments - {""}:
    assert re.search(rf"^# `\.ci/run {argument}`", usage, re.MULTILINE)


def test_benchmarks_are_run_by_command_only(request):
  assert not [
    path
    for pattern in request.config.getini("python_files")
    for path in (ROOT / "tests" / "benchmarks").rglob(pattern)
  ]
  assert set(extra("bench")) == {"pytest-benchmark"}
