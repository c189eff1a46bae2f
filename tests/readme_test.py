"""The README's examples are run as they stand."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


def blocks(mark, language):
  return re.findall(
    rf"<!-- {mark} -->\n```{language}\n(.*?)```", README, re.DOTALL
  )


def test_every_block_is_an_example_or_a_set_up_command():
  assert len(blocks("example", "python")) == README.count("```python") >= 3
  set_up = blocks("main", "bash") + blocks("tests", "bash")
  assert len(set_up) == 2
  assert len(blocks("example", "bash")) + 2 == README.count("```bash") >= 7
  assert README.count("```") == 2 * (
    README.count("```python") + README.count("```bash")
  )


@pytest.mark.parametrize("example", blocks("example", "python"))
def test_a_python_example_runs(example):
  result = subprocess.run(
    [sys.executable, "-c", example], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr
  for line in result.stdout.splitlines():
    assert 0 <= float(line) < 10


def test_the_commands_run_one_after_the_other(tmp_path):
  """Later ones use what the earlier ones made."""
  programs = pathlib.Path(sys.executable).parent
  result = subprocess.run(
    ["bash", "-euo", "pipefail", "-c", "".join(blocks("example", "bash"))],
    cwd=tmp_path,
    env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stdout + result.stderr
  assert {path.name for path in tmp_path.iterdir()} == {
    "runs",
    "sweep",
    "curves.pdf",
    "samples.pdf",
    "crowd.png",
    "crowd.gif",
    "difference.svg",
    "sweep.pdf",
    "drop_in.py",
  }
  drop_in = (tmp_path / "drop_in.py").read_text(encoding="utf-8")
  for module in ("fictitious_play", "mirror_descent"):
    line = f"\nfrom mftrpo_openspiel.algorithms import {module}\n"
    assert drop_in.count(line) == 1
  assert (tmp_path / "sweep" / "results.csv").exists()


def test_pictures_are_there():
  pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
  assert len(pictures) == 3
  for picture in pictures:
    path = pathlib.Path(__file__).parents[1] / picture
    assert 0 < path.stat().st_size < 300_000
