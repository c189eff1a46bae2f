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


def main(steps_path):
  path = pathlib.Path(steps_path)
  sys.path[0] = os.getcwd()
  namespace = {"__name__": "documents"}
  printed = []
  for step in json.loads(path.read_text()):
    kind, text, place = step["kind"], step["text"], step["place"]
    output = ""
    if kind == "python":
      try:
        output = _python(text, place, namespace)
      except BaseException:
        sys.exit(f"{place}:\n{traceback.format_exc()}")
    elif kind == "bash":
      output = _bash(text, place)
    elif kind.startswith("file "):
      pathlib.Path(kind.removeprefix("file ")).write_text(text)
    printed.append(output)
  path.with_suffix(".printed").write_text(json.dumps(printed))


if __name__ == "__main__":
  main(sys.argv[1])
