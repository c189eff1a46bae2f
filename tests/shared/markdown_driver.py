"""Runs the code blocks of one document: a process of `markdown_blocks.run`.

Its argument is a JSON file with a list of steps. What each step printed is
written beside it, with the suffix .printed.
"""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import traceback


def _python(text, place, namespace):
  # Line numbers of a traceback are those of the document.
  path, _, line = place.rpartition(":")
  code = compile("\n" * int(line) + text, path, "exec")
  with contextlib.redirect_stdout(io.StringIO()) as printed:
    exec(code, namespace)
  return printed.getvalue()


def _bash(text, place):
  result = subprocess.run(
    ["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True
  )
  if result.returncode:
    sys.exit(
      f"{place}: exit code {result.returncode}\n{result.stdout}{result.stderr}"
    )
  return result.stdout


def _printed(step, namespace):
  """Performs a step and returns what it prints."""
  kind, text, place = step["kind"], step["text"], step["place"]
  if kind == "python":
    try:
      return _python(text, place, namespace)
    except BaseException:
      sys.exit(f"{place}:\n{traceback.format_exc()}")
  if kind == "bash":
    return _bash(text, place)
  if kind.startswith("file "):
    pathlib.Path(kind.removeprefix("file ")).write_text(text)
  return ""


def main(steps_path):
  path = pathlib.Path(steps_path)
  steps = json.loads(path.read_text())
  namespace = {"__name__": "documents"}
  sys.path[0] = os.getcwd()
  printed = [_printed(step, namespace) for step in steps]
  path.with_suffix(".printed").write_text(json.dumps(printed))


if __name__ == "__main__":
  main(sys.argv[1])
