"""The README's examples are run as they stand."""

import pathlib
import re
import subprocess
import sys

import pytest

README = pathlib.Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(
  r"<!-- example -->\n```python\n(.*?)```", README.read_text(), re.DOTALL
)


def test_there_are_examples():
  assert len(EXAMPLES) == README.read_text().count("```python") == 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example):
  result = subprocess.run(
    [sys.executable, "-c", example], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr
  for line in result.stdout.splitlines():
    assert 0 <= float(line) < 10
