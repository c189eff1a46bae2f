"""Imports of users' Python modules by name.

The modules may lie in the current folder. Python does not search that folder
when a console command is run, so it is then inserted as the first entry of
sys.path, as `python -m` and notebooks do.
"""

from collections.abc import Iterable
import importlib
import os
import sys
import traceback
import types
from typing import Any


def search_folder(folder: str | os.PathLike) -> None:
  """Makes Python search a folder for modules before it searches elsewhere."""
  path = os.path.abspath(folder)
  if path not in sys.path:
    sys.path.insert(0, path)
  # Files may have been written since Python last read the folder.
  importlib.invalidate_caches()


def import_modules(names: Iterable[str], what: str = "imports") -> None:
  """Imports modules unless they are already imported.

  Args:
    names: Names of modules, as in `import name`.
    what: Name of the parameter or flag that gives them, for messages.

  Raises:
    ValueError: With a message of one line, if there is no such module, or its
      import raises an error.
  """
  for name in names:
    try:
      _imported(name)
    except ValueError as error:
      raise ValueError(
        f"{what} must be a module that can be imported, got {name!r}: {error}."
      ) from error.__cause__


def find(path: str, what: str) -> Any:
  """Returns an attribute of a module, which is imported if necessary.

  Args:
    path: The attribute, as "package.module:name".
    what: Name of the parameter or flag that gives it, for messages.

  Raises:
    ValueError: With a message of one line, if there is no such module, or it
      cannot be imported, or does not have the attribute.
  """
  module_name, _, name = path.partition(":")
  try:
    module = _imported(module_name)
    if not hasattr(module, name):
      raise ValueError(f"module {module_name!r} has no {name!r}")
  except ValueError as error:
    raise ValueError(
      f"{what} must be of the form package.module:name and importable, got"
      f" {path!r}: {error}."
    ) from error.__cause__
  return getattr(module, name)


def _imported(name: str) -> types.ModuleType:
  """Returns a module; raises a ValueError that says why it is not available."""
  if not isinstance(name, str) or not all(
    part.isidentifier() for part in name.split(".")
  ):
    raise ValueError(f"{name!r} is not a valid name of a Python module")
  if name not in sys.modules:
    search_folder(os.curdir)
  try:
    return importlib.import_module(name)
  # A script that calls sys.exit must not end the program silently.
  except (Exception, SystemExit) as error:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{name}.".startswith(f"{missing}."):
      raise ValueError(
        f"there is no module {missing!r}, neither installed nor in the current"
        " folder or in a folder of PYTHONPATH"
      ) from None
    raise ValueError(described(error)) from error


def described(error: BaseException) -> str:
  """Returns the message of an error in a user's code, with file and line.

  File and line are omitted if Python itself raised the error, such as a
  SyntaxError, whose message already contains them.
  """
  reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
  frames = [
    frame
    for frame in traceback.extract_tb(error.__traceback__)
    if not frame.filename.startswith("<")
    and frame.filename not in (__file__, importlib.__file__)
  ]
  if not frames:
    return reason
  file, line = os.path.basename(frames[-1].filename), frames[-1].lineno
  return f"{reason} ({file}, line {line})"
