"""Runs the code blocks of one document: a process of `markdown_blocks.run`.

Its argument is a JSON file with a list of steps. What each step printed is
written beside it, with the suffix .printed.

Programs of the package run in forks of a process that has done their imports,
which takes a tenth of the time. No Python block has been executed in there, and
the current folder is not on its path, as in a program started from a shell.
"""

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import traceback


def _perform(program, connection, files, size):
  """Runs the program of one request and answers with its exit status."""
  message = b""
  while len(message) < size:
    message += connection.recv(size - len(message))
  (name, *arguments), folder, environment = json.loads(message)
  for number, file in enumerate(files):
    os.dup2(file, number)
    os.close(file)
  sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
  os.chdir(folder)
  os.environ.clear()
  os.environ.update(environment)
  sys.argv = [name, *arguments]
  status = 0
  try:
    program(pathlib.Path(name).name).load()()
  except SystemExit as error:
    if isinstance(error.code, str):
      print(error.code, file=sys.stderr)
    status = int(bool(error.code))
  except BaseException:
    traceback.print_exc()
    status = 1
  sys.stdout.flush()
  sys.stderr.flush()
  connection.sendall(bytes([status]))
  os._exit(status)


def _serve(server, programs):
  """Answers requests of `markdown_program.py` as long as its parent lives."""
  parent = os.getppid()
  importlib.import_module("mftrpo_openspiel.runs.experiment")
  signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Leaves no zombies.
  server.settimeout(5)  # Seconds.
  while os.getppid() == parent:
    try:
      connection, _ = server.accept()
    except TimeoutError:
      continue
    connection.settimeout(None)
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    if os.fork() == 0:
      server.close()
      signal.signal(signal.SIGCHLD, signal.SIG_DFL)
      _perform(programs.__getitem__, connection, files, int.from_bytes(size))
    for file in files:
      os.close(file)
    connection.close()


@contextlib.contextmanager
def _programs(folder):
  """Puts stand-ins of all programs on the path."""
  programs = {
    program.name: program
    for program in importlib.metadata.distribution(
      "mftrpo_openspiel"
    ).entry_points
  }
  address = str(folder / "socket")
  shim = pathlib.Path(__file__).with_name("markdown_program.py")
  (folder / "bin").mkdir()
  for name in programs:
    path = folder / "bin" / name
    path.write_text(
      f'#!/bin/sh\nexec "{sys.executable}" -SE "{shim}" "{address}" "$0" "$@"\n'
    )
    path.chmod(0o755)
  os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
  with socket.socket(socket.AF_UNIX) as server:
    server.bind(address)
    server.listen()
    process = os.fork()
    if not process:
      _serve(server, programs)
      os._exit(0)
  try:
    yield
  finally:
    os.kill(process, signal.SIGTERM)
    os.waitpid(process, 0)


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
  with contextlib.ExitStack() as stack:
    if any("mftrpo-" in step["text"] for step in steps):
      stack.enter_context(_programs(path.parent))
    sys.path[0] = os.getcwd()
    printed = [_printed(step, namespace) for step in steps]
  path.with_suffix(".printed").write_text(json.dumps(printed))


if __name__ == "__main__":
  main(sys.argv[1])
