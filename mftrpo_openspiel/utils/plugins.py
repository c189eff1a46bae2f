"""Python modules of users, imported by their names.

They may lie in the current folder, also where a command is run, which Python
does not look for modules from there. The folder is then the first of sys.path,
as it is in `python -m` and in notebooks.
"""

from collections.abc import Iterable
import importlib
import os
import sys
import traceback
import types
from typing import Any


def search_folder(folder: str | os.PathLike) -> None:
  """Makes Python look for modules in a folder before it looks elsewhere."""
  path = os.path.abspath(folder)
  if path not in sys.path:
    sys.path.insert(0, path)
  # Files may have been written since Python last looked.
  importlib.invalidate_caches()


def import_modules(names: Iterable[str], what: str = "imports") -> None:
  """Imports modules, those that are not yet.

  Args:
    names: As in `import name`.
    what: What asks for them, for messages.

  Raises:
    ValueError: In one line, if there is no such module, or it raises an error
      when it is imported.
  """
  for name in names:
    try:
      _imported(name)
    except ValueError as error:
      raise ValueError(
        f"{what} must be a module that can be imported, got {name!r}: {error}."
      ) from error.__cause__


def find(path: str, what: str) -> Any:
  """Returns what stands in a module, which is imported if it is not yet.

  Args:
    path: Where it stands, as "package.module:name".
    what: What asks for it, for messages.

  Raises:
    ValueError: In one line, if there is no such module, or it cannot be
      imported, or has no such name.
  """
  module_name, _, name = path.partition(":")
  try:
    module = _imported(module_name)
    if not hasattr(module, name):
      raise ValueError(f"module {module_name!r} has no {name!r}")
  except ValueError as error:
    raise ValueError(
      f"{what} must be package.module:name of what can be imported, got"
      f" {path!r}: {error}."
    ) from error.__cause__
  return getattr(module, name)


def _imported(name: str) -> types.ModuleType:
  """Returns a module, or raises a ValueError that says why there is none."""
  if not isinstance(name, str) or not all(
    part.isidentifier() for part in name.split(".")
  ):
    raise ValueError(f"{name!r} is no name of a Python module")
  if name not in sys.modules:
    search_folder(os.curdir)
  try:
    return importlib.import_module(name)
  # A script that ends itself is no reason to end the program without a word.
  except (Exception, SystemExit) as error:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{name}.".startswith(f"{missing}."):
      raise ValueError(
        f"there is no module {missing!r}, neither installed nor in the current"
        " folder or one of PYTHONPATH"
      ) from None
    raise ValueError(described(error)) from error


def described(error: BaseException) -> str:
  """Returns what an error in the code of a user's says, and where it is.

  Nothing of the latter where Python raised it itself, as it does for a
  SyntaxError, whose message has the place.
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
